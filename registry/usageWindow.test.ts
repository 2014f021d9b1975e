import fc from "fast-check";
import { expect, it } from "vitest";
import { USAGE_WINDOWS } from "../contract/quota.ts";
import { windowBefore, windowEnd, windowStart } from "./usageWindow.ts";

const time = fc
  .date({ min: new Date("2000-01-01"), max: new Date("2100-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString());

it("every time lies in exactly one window of each kind, and windows follow each other without a gap", () => {
  fc.assert(
    fc.property(time, fc.constantFrom(...USAGE_WINDOWS), (at, window) => {
      const start = windowStart(at, window);
      const end = windowEnd(start, window);
      expect(start <= at && at < end).toBe(true);
      expect(windowStart(end, window)).toBe(end);
      expect(windowStart(start, window)).toBe(start);
      expect(windowBefore(end, window)).toBe(start);
    }),
  );
});

it("knows the lengths of months, leap years among them", () => {
  expect(windowEnd("2028-02-01T00:00:00.000Z", "month")).toBe("2028-03-01T00:00:00.000Z");
  expect(windowEnd("2026-12-01T00:00:00.000Z", "month")).toBe("2027-01-01T00:00:00.000Z");
  expect(windowStart("2028-02-29T23:59:59.999Z", "day")).toBe("2028-02-29T00:00:00.000Z");
});
