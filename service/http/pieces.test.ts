import { PassThrough } from "node:stream";
import type { Response } from "express";
import { describe, expect, it } from "vitest";
import { sendPieces } from "./pieces.ts";

function response() {
  const sent = new PassThrough();
  return Object.assign(sent, { status: () => sent, set: () => sent }) as unknown as PassThrough & Response;
}

/** Tells how many were asked for, and whether it was left. */
function endless() {
  const seen = { pieces: 0, left: false };
  async function* pieces(): AsyncGenerator<string> {
    try {
      for (;;) {
        seen.pieces += 1;
        yield "x".repeat(1_000);
      }
    } finally {
      seen.left = true;
    }
  }
  return { seen, pieces: pieces() };
}

describe("sendPieces", () => {
  it("makes no more than is read, and ends what is not read within the time", async () => {
    const { seen, pieces } = endless();
    const slow = response();
    const sending = sendPieces(slow, "text/plain", pieces, 50);
    await expect(sending).rejects.toMatchObject({ code: "busy", message: expect.stringContaining("50 ms") });
    expect(seen.left).toBe(true);
    expect(seen.pieces).toBeLessThan(200);
    expect(slow.destroyed).toBe(true);
  });

  it("sends all to whoever reads it", async () => {
    const reader = response();
    const parts: string[] = [];
    reader.on("data", (part) => parts.push(String(part)));
    await sendPieces(
      reader,
      "text/plain",
      (async function* () {
        yield* ["one, ", "two"];
      })(),
      60_000,
    );
    expect(parts.join("")).toBe("one, two");
  });

  it("gives others their turn between two pieces", async () => {
    const reader = response();
    reader.resume();
    let turns = 0;
    async function* pieces() {
      for (let piece = 0; piece < 3; piece += 1) {
        setImmediate(() => {
          turns += 1;
        });
        yield "x";
      }
    }
    await sendPieces(reader, "text/plain", pieces());
    expect(turns).toBe(3);
  });
});
