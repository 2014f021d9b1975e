import { describe, expect, it } from "vitest";
import { PLANS } from "./plans.ts";
import { PLAN_KEYS, SERVICE_NAMES } from "./vocabulary.ts";

/** What Fargate takes: CPU units → the least and most memory, in MiB. */
const FARGATE: Record<number, readonly [number, number]> = {
  256: [512, 2_048],
  512: [1_024, 4_096],
  1024: [2_048, 8_192],
  2048: [4_096, 16_384],
};

describe("the built-in plans", () => {
  it.each(PLAN_KEYS)("%s sizes every service as Fargate takes it", (key) => {
    const plan = PLANS[key];
    expect(plan.key).toBe(key);
    expect(Object.keys(plan.services).sort()).toEqual([...SERVICE_NAMES].sort());
    for (const { cpu, memoryMiB, minCount, maxCount } of Object.values(plan.services)) {
      const [least, most] = FARGATE[cpu] ?? [Number.NaN, Number.NaN];
      expect(memoryMiB).toBeGreaterThanOrEqual(least);
      expect(memoryMiB).toBeLessThanOrEqual(most);
      expect(minCount).toBeGreaterThan(0);
      expect(maxCount).toBeGreaterThan(minCount);
    }
  });
});
