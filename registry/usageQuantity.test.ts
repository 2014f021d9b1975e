import fc from "fast-check";
import { expect, it } from "vitest";
import { METER_LIMITS } from "../contract/meter.ts";
import { fromSteps, toSteps } from "./usageQuantity.ts";

const steps = fc.integer({ min: -METER_LIMITS.largestTotal, max: METER_LIMITS.largestTotal });
const decimals = fc.integer({ min: 0, max: METER_LIMITS.decimals });

it("every total that is counted can be told as a JSON number and read back exactly", () => {
  fc.assert(
    fc.property(steps, decimals, (count, digits) => {
      const told = JSON.parse(JSON.stringify(fromSteps(count, digits))) as number;
      expect(toSteps(told, digits)).toBe(count + 0);
    }),
  );
});

it("a digit too many, or more than can be counted, is refused and not rounded", () => {
  expect(toSteps(0.1, 0)).toBeUndefined();
  expect(toSteps(1.0000001, 6)).toBeUndefined();
  expect(toSteps(1e15, 0)).toBeUndefined();
  expect(toSteps(1e12, 6)).toBeUndefined();
  expect(toSteps(-0, 0)).toBe(0);
  expect(Object.is(toSteps(-0, 0), -0)).toBe(false);
});
