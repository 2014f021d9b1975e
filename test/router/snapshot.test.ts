import fc from "fast-check";
import { expect, it } from "vitest";
import { routingText } from "../../contract/routingSnapshot.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { sealed } from "../../registry/routingContent.ts";
import { signatureProblem } from "../../registry/signature.ts";
import { acceptSnapshot, SnapshotRefused } from "../../router/snapshot.ts";
import { readTrust } from "../../router/trust.ts";
import { acceptance, PLANE, signer, snapshot, stranger } from "./snapshots.ts";

const text = (version: number, more: Parameters<typeof snapshot>[2] = {}) =>
  JSON.stringify(snapshot(version, { acme: "live" }, more));
const refusal = (given: string, current?: Parameters<typeof acceptSnapshot>[1], how = acceptance) => {
  try {
    acceptSnapshot(given, current, how);
  } catch (thrown) {
    if (thrown instanceof SnapshotRefused) return thrown.refusal;
    throw thrown;
  }
  return "taken";
};

it("takes what the registry sealed, and newer ones after it", () => {
  const first = acceptSnapshot(text(3), undefined, acceptance);
  expect(first.hosts.get("acme.example.com")?.state).toBe("live");
  expect(acceptSnapshot(text(3), first, acceptance).version).toBe(3);
  expect(acceptSnapshot(text(9), first, acceptance).version).toBe(9);
});

it("refuses an older version, another plane and what is no snapshot", () => {
  const current = acceptSnapshot(text(3), undefined, acceptance);
  expect(refusal(text(2), current)).toBe("older");
  expect(refusal(JSON.stringify(snapshot(3, { acme: "suspended" })), current)).toBe("older");
  expect(refusal(text(4, { planeName: "prod-eu-west-1" }), current)).toBe("plane");
  for (const bad of ["", "{", "[]", "null", '{"version":4}', `${text(4)} x`]) {
    expect(refusal(bad, current)).toBe("malformed");
  }
});

it("takes an older content only as a newer version that says so", () => {
  const current = acceptSnapshot(text(3), undefined, acceptance);
  const restored = acceptSnapshot(text(4, { restores: 1 }), current, acceptance);
  expect(restored).toMatchObject({ version: 4, restores: 1 });
});

it("refuses what a stranger signed, also under a trusted key's id", () => {
  expect(refusal(text(3, { signer: stranger }))).toBe("signature");
  const forged = { ...snapshot(3, { acme: "live" }, { signer: stranger }), keyId: signer.keyId };
  expect(refusal(JSON.stringify(forged))).toBe("signature");
  const trusting = { trust: readTrust(signer.publicKey + stranger.publicKey), planeName: PLANE };
  expect(refusal(text(3, { signer: stranger }), undefined, trusting)).toBe("taken");
});

it("refuses a snapshot whose checksum somebody has made to fit", () => {
  const { checksum: _checksum, keyId: _keyId, signature, ...body } = snapshot(3, { acme: "live" });
  const changed = sealed({ ...body, version: 9 }, signer);
  expect(refusal(JSON.stringify({ ...changed, signature }))).toBe("signature");
});

it("refuses every snapshot in which one character differs", () => {
  const whole = text(3);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.constantFrom("x", "0", "9", "-"), (at, character) => {
      fc.pre(whole[at] !== character);
      const damaged = whole.slice(0, at) + character + whole.slice(at + 1);
      expect(() => acceptSnapshot(damaged, undefined, acceptance)).toThrow(SnapshotRefused);
    }),
    { numRuns: 500 },
  );
});

it("takes checksum and signature over canonical JSON", () => {
  const made = snapshot(7, { acme: "live", "n\u00e4m-\u00e9": "suspended" });
  const { checksum, keyId, signature, ...body } = made;
  expect(routingText(body)).toBe(canonicalJson(body));
  expect(sealed(body, signer).checksum).toBe(checksum);
  expect(signatureProblem(canonicalJson(body), { keyId, signature }, [signer])).toBeUndefined();
});

it.each([
  ["nothing", ""],
  ["no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"],
])("trusts nobody because of %s", (_what, pem) => {
  expect(() => readTrust(pem)).toThrow();
});
