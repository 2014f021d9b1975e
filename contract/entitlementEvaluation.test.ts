import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EntitlementOverrideRule, enabledAt, evaluateEntitlements } from "./entitlementEvaluation.ts";
import type { PlanFeature } from "./plan.ts";

const keys = ["api", "audit-export", "constructor", "sso", "to-string"] as const;
const times = Array.from({ length: 6 }, (_, hour) => `2026-03-01T0${hour}:00:00.000Z`);

const key = fc.constantFrom(...keys);
const time = fc.constantFrom(...times);
const onStale = fc.constantFrom("open" as const, "closed" as const);
const features: fc.Arbitrary<Record<string, PlanFeature>> = fc.dictionary(
  key,
  fc.record({ enabled: fc.boolean(), onStale }),
  { noNullPrototype: true },
);
const overrides: fc.Arbitrary<EntitlementOverrideRule[]> = fc.uniqueArray(
  fc.record({
    capabilityKey: key,
    enabled: fc.boolean(),
    onStale: fc.option(onStale),
    expiresAt: fc.option(time),
  }),
  { selector: ({ capabilityKey }) => capabilityKey },
);

describe("evaluateEntitlements", () => {
  it("lets an override in force decide, else the plan, else nothing", () => {
    fc.assert(
      fc.property(features, overrides, time, (plan, set, at) => {
        const { entitlements } = evaluateEntitlements(plan, set, at);
        for (const one of keys) {
          const override = set.find(({ capabilityKey }) => capabilityKey === one);
          const isLive = override !== undefined && (override.expiresAt === null || override.expiresAt > at);
          const feature = Object.hasOwn(plan, one) ? plan[one] : undefined;
          const entry = Object.hasOwn(entitlements, one) ? entitlements[one] : undefined;
          if (isLive) {
            expect(entry).toMatchObject({ enabled: override.enabled, source: "override" });
            expect(entry?.onStale).toBe(override.onStale ?? feature?.onStale ?? "closed");
          } else if (feature !== undefined) expect(entry).toEqual({ ...feature, source: "plan" });
          else expect(entry).toBeUndefined();
        }
      }),
    );
  });

  it("does not depend on any order, and writes its answer in one", () => {
    fc.assert(
      fc.property(features, overrides, time, (plan, set, at) => {
        const backwards = Object.fromEntries(Object.entries(plan).reverse());
        const answer = evaluateEntitlements(plan, set, at);
        expect(JSON.stringify(evaluateEntitlements(backwards, [...set].reverse(), at))).toBe(
          JSON.stringify(answer),
        );
        expect(Object.keys(answer.entitlements)).toEqual(Object.keys(answer.entitlements).sort());
      }),
    );
  });

  it("is good for all later times: whoever keeps an answer decides as whoever asks anew", () => {
    fc.assert(
      fc.property(features, overrides, time, time, (plan, set, one, other) => {
        const [at, later] = one <= other ? [one, other] : [other, one];
        const kept = evaluateEntitlements(plan, set, at).entitlements;
        const anew = evaluateEntitlements(plan, set, later).entitlements;
        for (const capability of keys) {
          const entryOf = (all: typeof kept) =>
            Object.hasOwn(all, capability) ? all[capability] : undefined;
          expect(enabledAt(entryOf(kept), later)).toBe(enabledAt(entryOf(anew), later));
        }
      }),
    );
  });

  it("says when it comes out otherwise by itself, and not before", () => {
    fc.assert(
      fc.property(features, overrides, time, (plan, set, at) => {
        const { entitlements, nextChangeAt } = evaluateEntitlements(plan, set, at);
        const same = times.filter((later) => later >= at && (nextChangeAt === null || later < nextChangeAt));
        for (const later of same)
          expect(evaluateEntitlements(plan, set, later).entitlements).toEqual(entitlements);
        if (nextChangeAt === null) return;
        expect(nextChangeAt > at).toBe(true);
        expect(evaluateEntitlements(plan, set, nextChangeAt).entitlements).not.toEqual(entitlements);
      }),
    );
  });
});
