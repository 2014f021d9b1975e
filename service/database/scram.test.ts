import { expect, it } from "vitest";
import { newPassword, scramVerifier } from "./scram.ts";

it("is what PostgreSQL itself makes of a password", async () => {
  // The password and salt of RFC 7677's example. Real logins with our verifiers are in test/database.
  const verifier = await scramVerifier("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  expect(verifier).toBe(
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  );
});

it("has another salt each time, and passwords that no other has", async () => {
  expect(await scramVerifier("x")).not.toBe(await scramVerifier("x"));
  expect(newPassword()).toMatch(/^[\w-]{43}$/);
  expect(newPassword()).not.toBe(newPassword());
});
