import { expect, it } from "vitest";
import { pagesPastBound } from "../../bench/api/pages.ts";

it("pages of the larger registry are told when they take more than twice as long", () => {
  const times = [
    { query: "even", smallMs: 2, largeMs: 2 },
    { query: "twice", smallMs: 2, largeMs: 4 },
    { query: "late", smallMs: 2, largeMs: 4.01 },
    { query: "unmeasured", smallMs: Number.NaN, largeMs: 4 },
  ];
  expect(pagesPastBound(times)).toEqual(["late (2.00 → 4.01 ms)", "unmeasured (NaN → 4.00 ms)"]);
});
