import { createHash, randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flagCreateSchema } from "./flag.ts";
import { type EvaluatedFlag, evaluateFlag, type FlagSubject, flagBucket } from "./flagEvaluation.ts";

const tenantId = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
const acme: FlagSubject = {
  ...{ tenantId, plan: "starter", labels: { tier: "gold" }, status: "active" },
  ...{ region: "eu-west-1", environment: "prod", planeName: "prod-eu-west-1" },
};

function flag(more: Partial<EvaluatedFlag> = {}): EvaluatedFlag {
  return { flagKey: "new-view", defaultEnabled: false, rules: [], percentage: 0, archivedAt: null, ...more };
}

const rule = (cohort: EvaluatedFlag["rules"][number]["cohort"], enabled = true, percentage?: number) => ({
  ...{ cohort, enabled },
  ...(percentage !== undefined && { percentage }),
});

describe("what decides", () => {
  it("is the override before the rules, these before the percentage, and the default last", () => {
    const all = flag({ rules: [rule({ plans: ["starter"] }, false)], percentage: 100, defaultEnabled: true });
    expect(evaluateFlag(all, acme, { enabled: true })).toEqual({
      enabled: true,
      reason: "the tenant's override",
    });
    expect(evaluateFlag(all, acme)).toEqual({ enabled: false, reason: "rule 1" });
    const other = { ...acme, plan: "business" };
    expect(evaluateFlag(all, other)).toEqual({ enabled: true, reason: "within 100 % of all tenants" });
    expect(evaluateFlag(flag({ defaultEnabled: true }), acme)).toEqual({
      enabled: true,
      reason: "the default",
    });
  });

  it("is the first rule that fits", () => {
    const rules = [rule({ labels: { tier: "silver" } }), rule({ regions: ["eu-west-1"] }, false), rule({})];
    expect(evaluateFlag(flag({ rules }), acme)).toEqual({ enabled: false, reason: "rule 2" });
  });

  it("is the default alone once it is archived, whatever overrides and rules say", () => {
    const archived = flag({ rules: [rule({})], percentage: 100, archivedAt: "2026-01-01T00:00:00.000Z" });
    expect(evaluateFlag(archived, acme, { enabled: true }).enabled).toBe(false);
  });

  it.each<[EvaluatedFlag["rules"][number]["cohort"], boolean]>([
    [{}, true],
    [{ planes: ["prod-eu-west-1"] }, true],
    [{ planes: ["dev-eu-west-1"] }, false],
    [{ regions: ["us-east-1", "eu-west-1"] }, true],
    [{ plans: ["business"] }, false],
    [{ states: ["suspended"] }, false],
    [{ tenantIds: [tenantId] }, true],
    [{ labels: { tier: "gold" } }, true],
    [{ labels: { tier: "gold", stage: "beta" } }, false],
    [{ plans: ["starter"], labels: { tier: "silver" } }, false],
    [{ plans: ["starter"], exclude: { labels: { tier: "gold" } } }, false],
    [{ plans: ["starter"], exclude: { plans: ["starter"], regions: ["us-east-1"] } }, true],
  ])("is a rule about %j for a gold starter in eu-west-1: %s", (cohort, fits) => {
    expect(evaluateFlag(flag({ rules: [rule(cohort)] }), acme).enabled).toBe(fits);
  });

  it("is no rule about a place that is not known", () => {
    const rules = [rule({ regions: ["eu-west-1"] }), rule({ planes: ["prod-eu-west-1"] })];
    const nowhere = { ...acme, region: null, planeName: null };
    expect(evaluateFlag(flag({ rules }), nowhere).enabled).toBe(false);
  });
});

describe("the bucket of a tenant", () => {
  it("is the first 48 bits of SHA-256 over key and tenant id, as any language can compute it", () => {
    const hex = createHash("sha256").update(`new-view:${tenantId}`).digest("hex").slice(0, 12);
    expect(flagBucket("new-view", tenantId)).toBe((Number.parseInt(hex, 16) / 2 ** 48) * 100);
    expect(flagBucket("new-view", tenantId)).toBeCloseTo(14.624, 3);
  });

  it("is spread evenly, and differently for another key", () => {
    const tenants = Array.from({ length: 10_000 }, () => randomUUID());
    const within = (key: string) => new Set(tenants.filter((one) => flagBucket(key, one) < 10));
    const [first, second] = [within("first"), within("second")];
    // Ten standard deviations of 10,000 draws at 10 %.
    for (const { size } of [first, second]) expect(Math.abs(size - 1_000)).toBeLessThan(300);
    const both = [...first].filter((one) => second.has(one)).length;
    expect(both).toBeLessThan(250);
  });
});

describe("raising a percentage", () => {
  const percentage = fc.double({ min: 0, max: 100, noNaN: true });
  const cohort = fc.constantFrom<EvaluatedFlag["rules"][number]["cohort"][]>(
    {},
    { plans: ["starter" as const] },
    { labels: { tier: "gold" } },
    { exclude: { labels: { tier: "gold" } } },
  );
  const anyRule = fc.oneof(
    fc.record({ cohort, enabled: fc.boolean() }),
    fc.record({ cohort, enabled: fc.constant(true), percentage }),
  );
  const anyFlag = fc
    .record({ defaultEnabled: fc.boolean(), rules: fc.array(anyRule, { maxLength: 4 }), percentage })
    .map((more) => flag(more));
  const subject = fc
    .record({
      id: fc.uuid(),
      plan: fc.constantFrom("starter", "business"),
      tier: fc.constantFrom("gold", "silver"),
    })
    .map(({ id, plan, tier }) => ({ ...acme, tenantId: id, plan, labels: { tier } }));

  it("never switches anybody off, be it the flag's or a rule's", () => {
    fc.assert(
      fc.property(anyFlag, subject, percentage, fc.nat(4), (before, who, more, place) => {
        const raised = (value: number) => Math.max(value, more);
        const rules = before.rules.map((one, index) =>
          index === place && one.percentage !== undefined
            ? { ...one, percentage: raised(one.percentage) }
            : one,
        );
        const after = { ...before, rules, percentage: raised(before.percentage) };
        if (evaluateFlag(before, who).enabled) expect(evaluateFlag(after, who).enabled).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("reaches everybody at 100 and nobody at 0", () => {
    fc.assert(
      fc.property(subject, (who) => {
        expect(evaluateFlag(flag({ percentage: 100 }), who).enabled).toBe(true);
        expect(evaluateFlag(flag({ percentage: 0 }), who).enabled).toBe(false);
      }),
    );
  });

  it("cannot be said of a rule that switches off", () => {
    const rules = [{ cohort: {}, enabled: false, percentage: 10 }];
    expect(flagCreateSchema.safeParse({ flagKey: "a", rules }).success).toBe(false);
  });
});
