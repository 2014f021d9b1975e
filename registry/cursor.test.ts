import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCursor, pageAfter, pageAfterNumber, toPage } from "./cursor.ts";

describe("cursors", () => {
  it("come back as they were", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 40 }), (time, id) => {
        expect(pageAfter(encodeCursor([time, id]))).toEqual([time, id]);
      }),
    );
  });

  it.each(["", "x", "e30", encode([1, 2]), encode(["a"]), encode(["a", "b", "c"]), "a".repeat(600)])(
    "refuse %j",
    (cursor) => {
      expect(() => pageAfter(cursor)).toThrow(/query.cursor must be a nextCursor of this list/);
    },
  );

  it("give the number a list is sorted by, and refuse what is none", () => {
    expect(pageAfterNumber(encodeCursor(["7", "id"]), 0)).toBe(7);
    expect(pageAfterNumber(encodeCursor(["at", "7"]), 1)).toBe(7);
    for (const id of ["x", "1.5", "1e30", "NaN"]) {
      expect(() => pageAfterNumber(encodeCursor(["at", id]), 1)).toThrow(/must be a nextCursor/);
    }
  });
});

describe("pages", () => {
  const key = (row: number) => [String(row), "id"] as const;
  const same = (row: number) => row;

  it("have a next cursor only when there is more", () => {
    expect(toPage([1, 2, 3], 2, same, key)).toEqual({ items: [1, 2], nextCursor: encodeCursor(["2", "id"]) });
    expect(toPage([1, 2], 2, same, key)).toEqual({ items: [1, 2], nextCursor: null });
    expect(toPage([], 2, same, key)).toEqual({ items: [], nextCursor: null });
  });
});

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
