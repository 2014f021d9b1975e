import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../contract/common.ts";
import { encodeCursor } from "./cursor.ts";
import { folded, SEARCH_LIMITS, sortTextOf, wordsOf } from "./searchText.ts";

describe("the words of a search", () => {
  it.each([
    ["Ärzte-Haus Ⅷ", ["arzte", "haus", "viii"]],
    ["ＡＣＭＥ", ["acme"]],
    ["Straße", ["strasse"]],
    ["app.acme.example", ["app", "acme", "example"]],
    ["cus_0042", ["cus", "0042"]],
    ["東京 支店", ["東京", "支店"]],
    ["a\u200bb", ["a", "b"]],
    ["' or 1=1 --", ["or", "1"]],
    ["%_*\"'", []],
  ])("of %j are %j", (text, words) => {
    expect(wordsOf([text], SEARCH_LIMITS.wordsPerQuery)).toEqual(words);
  });

  it("are each told once, and no more than the limit", () => {
    expect(wordsOf(["acme acme", "Acme two three"], 2)).toEqual(["acme", "two"]);
  });

  it("are the same folded once and twice, and hold nothing that a query gives a meaning to", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        const once = wordsOf([text], 1_000);
        expect(wordsOf([once.join(" ")], 1_000)).toEqual(once);
        for (const word of once) expect(word).toMatch(/^[\p{L}\p{N}]+$/u);
      }),
    );
  });
});

describe("what a list by display name goes by", () => {
  it("ignores case and accents", () => {
    const names = ["Zeta", "acme", "Éclair", "Bolt", "eclair b"];
    const sorted = [...names].sort((one, other) => (sortTextOf(one) < sortTextOf(other) ? -1 : 1));
    expect(sorted).toEqual(["acme", "Bolt", "Éclair", "eclair b", "Zeta"]);
  });

  it("leaves a cursor room, whatever the name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: LIMITS.displayNameChars }), (name) => {
        const key = [`-displayName ${sortTextOf(name)}`, crypto.randomUUID()] as const;
        expect(encodeCursor(key).length).toBeLessThanOrEqual(LIMITS.cursorChars);
        expect(folded(sortTextOf(name)).length).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
