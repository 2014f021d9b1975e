import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planWaves } from "./waves.ts";

const fleet = fc.uniqueArray(fc.uuid(), { minLength: 0, maxLength: 40 });

describe("planWaves", () => {
  it("places every tenant exactly once", () => {
    const waves = fc.array(
      fc.oneof(
        fc.record({ percentage: fc.integer({ min: 1, max: 100 }) }),
        fc.record({ tenantIds: fc.array(fc.uuid(), { maxLength: 3 }) }),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(fleet, waves, (tenantIds, requested) => {
        const placed = planWaves(tenantIds, requested).flat();
        expect([...placed].sort()).toEqual([...tenantIds].sort());
      }),
    );
  });

  it("draws the same share in any order of the fleet", () => {
    fc.assert(
      fc.property(fleet, fc.integer({ min: 1, max: 100 }), (tenantIds, percentage) => {
        const wave = planWaves(tenantIds, [{ percentage }])[0] ?? [];
        expect(wave).toHaveLength(Math.ceil((tenantIds.length * percentage) / 100));
        expect(planWaves([...tenantIds].reverse(), [{ percentage }])[0] ?? []).toEqual(wave);
      }),
    );
  });

  it("keeps a tenant that a later wave names out of an earlier share", () => {
    const waves = planWaves(["a", "b", "c"], [{ percentage: 100 }, { tenantIds: ["b"] }]);
    expect(waves[1]).toEqual(["b"]);
    expect(waves[0]?.toSorted()).toEqual(["a", "c"]);
  });
});
