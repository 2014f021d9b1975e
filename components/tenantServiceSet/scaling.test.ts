import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { serviceScaling } from "./scaling.ts";

const plans = fc
  .tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }))
  .map(([a, b]) => ({ minCount: Math.min(a, b), maxCount: Math.max(a, b, 1) }));

describe("serviceScaling", () => {
  it("stops everything when suspended, autoscaling included, and writes the count", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const scaling = serviceScaling(plan, "suspended");
        expect(scaling).toMatchObject({ desiredCount: 0, ignoreDesiredCount: false });
        if (scaling.bounds !== undefined) expect(scaling.bounds).toEqual({ minCount: 0, maxCount: 0 });
      }),
    );
  });

  it("leaves the count alone only while autoscaling drives it", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const scaled = plan.maxCount > plan.minCount;
        expect(serviceScaling(plan, "running").ignoreDesiredCount).toBe(scaled);
        expect(serviceScaling(plan, "resuming")).toMatchObject({
          desiredCount: plan.minCount,
          ignoreDesiredCount: false,
        });
      }),
    );
  });

  it("decides by the plan alone whether there is something to scale", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const has = (["running", "suspended", "resuming"] as const).map(
          (workload) => serviceScaling(plan, workload).bounds !== undefined,
        );
        expect(new Set(has).size).toBe(1);
      }),
    );
  });

  it("refuses bounds the wrong way round", () => {
    expect(() => serviceScaling({ minCount: 3, maxCount: 2 }, "running")).toThrow(
      /0 <= min <= max, got 3 and 2/,
    );
  });
});
