import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonicalJson.ts";

describe("canonical JSON", () => {
  it("writes the example of RFC 8785", () => {
    const value = {
      numbers: [Number("333333333.33333329"), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '€$\u000f\nA\'B"\\\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it("sorts by UTF-16 code units, as RFC 8785 says", () => {
    // Written as escapes: an editor that normalises text would change U+FB33.
    const members = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\u{1f600}": 5, "\u0080": 6, "\u00f6": 7 };
    const written = [...canonicalJson(members).matchAll(/:(\d)/g)].map(([, value]) => Number(value));
    expect(written).toEqual([2, 4, 6, 7, 1, 5, 3]);
  });

  it("spells one value one way, whatever the order of its members, and loses nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value));
        const text = canonicalJson(plain);
        expect(JSON.parse(text)).toEqual(plain);
        expect(canonicalJson(reversed(plain))).toBe(text);
      }),
    );
  });

  it("leaves out members that are undefined", () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  it.each([
    [Number.NaN, /finite, got NaN/],
    [Number.POSITIVE_INFINITY, /finite, got Infinity/],
    [new Date(0), /plain data, got Date/],
    [new Map(), /plain data, got Map/],
    [1n, /plain data, got bigint/],
    [() => 1, /plain data, got function/],
  ])("refuses %s rather than losing it", (value, message) => {
    expect(() => canonicalJson({ deep: [value] })).toThrow(message);
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, member]) => [key, reversed(member)]));
}
