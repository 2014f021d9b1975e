import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProblemError } from "../../../contract/errors.ts";
import { rolloutCreateSchema } from "../../../contract/rollout.ts";
import { type Wave, type WaveSettings, waveSettingsSchema } from "../../../contract/rolloutStrategy.ts";
import { type Candidate, selectCohort } from "./cohort.ts";
import { planWaves } from "./waves.ts";

const defaults: WaveSettings = waveSettingsSchema.parse(
  rolloutCreateSchema.parse({ change: { kind: "release", releaseNumber: 1 } }),
);

function candidate(tenantId: string, more: Partial<Candidate> = {}): Candidate {
  return {
    ...{ targetId: `${tenantId}/dev`, tenantId, planeName: "dev-eu-west-1", region: "eu-west-1" },
    ...{ plan: "starter", status: "active", labels: {} },
    ...more,
  };
}

const suspended = { status: "skipped", reason: "it is suspended" } as const;
const fleet = (...ids: string[]) => ids.map((id) => candidate(id));
const plan = (targets: readonly Candidate[], waves?: readonly Wave[]) =>
  planWaves(targets, waves, defaults).map((wave) => wave.targets.map(({ tenantId }) => tenantId));
const problemOf = (work: () => unknown) => {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof ProblemError) return thrown;
  }
  throw new Error("nothing was refused");
};

const anyFleet = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 40 }).chain((ids) =>
  fc
    .array(
      fc.record({ plan: fc.constantFrom("starter", "business"), gold: fc.boolean(), off: fc.boolean() }),
      {
        minLength: ids.length,
        maxLength: ids.length,
      },
    )
    .map((traits) =>
      ids.map((id, place) => {
        const { plan: key = "starter", gold = false, off = false } = traits[place] ?? {};
        const labels: Record<string, string> = gold ? { tier: "gold" } : {};
        return candidate(id, { plan: key, labels, ...(off && place > 0 ? { skip: suspended } : {}) });
      }),
    ),
);
const anyWaves = fc.array(
  fc.oneof(
    fc.record({ percentage: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ count: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ count: fc.integer({ min: 1, max: 9 }), cohort: fc.constant({}) }),
    fc.constant({}),
  ),
  { maxLength: 5 },
);

describe("waves", () => {
  it("place every target exactly once, none of them in an empty wave", () => {
    fc.assert(
      fc.property(anyFleet, anyWaves, (targets, waves) => {
        const planned = planWaves(targets, waves, defaults);
        const placed = planned.flatMap((wave) => wave.targets.map(({ targetId }) => targetId));
        expect([...placed].sort()).toEqual(targets.map(({ targetId }) => targetId).sort());
        expect(planned.every((wave) => wave.targets.length > 0)).toBe(true);
        const able = targets.filter(({ skip }) => skip === undefined).length;
        expect(planned.reduce((sum, wave) => sum + wave.size, 0)).toBe(able);
      }),
      { numRuns: 1_000 },
    );
  });

  it("are the same for the same fleet in any order", () => {
    fc.assert(
      fc.property(anyFleet, anyWaves, (targets, waves) => {
        const sorted = (some: readonly Candidate[]) => plan(some, waves).map((wave) => [...wave].sort());
        expect(sorted(targets.toReversed())).toEqual(sorted(targets));
      }),
      { numRuns: 500 },
    );
  });

  it("draw a share of all tenants, rounded up, and none that cannot be changed", () => {
    fc.assert(
      fc.property(anyFleet, fc.integer({ min: 1, max: 100 }), (targets, percentage) => {
        const able = targets.filter(({ skip }) => skip === undefined);
        const [first] = planWaves(targets, [{ percentage }], defaults);
        const drawn = first?.targets.filter(({ skip }) => skip === undefined);
        expect(drawn).toHaveLength(Math.ceil((able.length * percentage) / 100));
      }),
      { numRuns: 500 },
    );
  });

  it("are a canary of one, a tenth, half and the rest when nothing is said", () => {
    const targets = fleet(...Array.from({ length: 100 }, (_, place) => `tenant-${place}`));
    expect(plan(targets).map((wave) => wave.length)).toEqual([1, 10, 50, 39]);
    expect(plan(fleet("a", "b", "c")).map((wave) => wave.length)).toEqual([1, 1, 1]);
    expect(plan(targets, [])).toHaveLength(1);
  });

  it("take a target that two waves name into the first", () => {
    const both = [{ cohort: { tenantIds: ["b"] } }, { cohort: { tenantIds: ["b", "c"] } }] as Wave[];
    expect(plan(fleet("a", "b", "c"), both)).toEqual([["b"], ["c"], ["a"]]);
  });

  it("keep a tenant that a later wave names out of an earlier share", () => {
    const waves = plan(fleet("a", "b", "c"), [{ percentage: 100 }, { cohort: { tenantIds: ["b"] } }]);
    expect(waves[1]).toEqual(["b"]);
    expect(waves[0]?.toSorted()).toEqual(["a", "c"]);
  });

  it("draw a count from the cohort that a wave names", () => {
    const gold = { labels: { tier: "gold" } };
    const targets = [candidate("a"), candidate("b", gold), candidate("c", gold), candidate("d")];
    const [canary, rest] = plan(targets, [{ count: 1, cohort: gold }]);
    expect(canary).toHaveLength(1);
    expect(["b", "c"]).toContain(canary?.[0]);
    expect(rest).toHaveLength(3);
  });

  it("split a tenant's targets by plane when a wave names planes, and draw them together", () => {
    const prod = { targetId: "a/prod", planeName: "prod-eu-west-1" };
    const targets = [candidate("a"), candidate("a", prod), candidate("b")];
    const byPlane = planWaves(targets, [{ cohort: { planes: ["dev-eu-west-1"] } }], defaults);
    expect(byPlane.map((wave) => wave.targets.map(({ targetId }) => targetId))).toEqual([
      ["a/dev", "b/dev"],
      ["a/prod"],
    ]);
    const together = planWaves(targets, [{ count: 1 }], defaults);
    expect(together.map((wave) => new Set(wave.targets.map(({ tenantId }) => tenantId)).size)).toEqual([
      1, 1,
    ]);
  });

  it("have their own settings, and the rollout's where they say nothing", () => {
    const [canary, rest] = planWaves(fleet("a", "b"), [{ count: 1, bakeMs: 5, approval: true }], {
      ...defaults,
      failureTolerance: "20%",
    });
    expect(canary?.settings).toMatchObject({ bakeMs: 5, approval: true, failureTolerance: "20%" });
    expect(rest?.settings).toMatchObject({ bakeMs: 0, approval: false, failureTolerance: "20%" });
  });

  it("refuse a cohort that fits nobody, and take one whose targets are all taken", () => {
    const wrong = problemOf(() => plan(fleet("a"), [{ cohort: { labels: { tier: "gold" } } }]));
    expect(wrong).toMatchObject({ code: "cohort_empty" });
    expect(wrong.options.errors?.[0]?.path).toBe("body.waves.0.cohort");
    const twice = [{ cohort: { tenantIds: ["a"] } }, { cohort: { tenantIds: ["a"] } }];
    expect(plan(fleet("a", "b"), twice)).toEqual([["a"], ["b"]]);
  });
});

describe("a cohort", () => {
  const targets = [
    candidate("a", { plan: "enterprise", labels: { tier: "gold", region: "north" } }),
    candidate("b", { planeName: "prod-us-east-1", region: "us-east-1", labels: { tier: "gold" } }),
    candidate("c", { status: "suspended", skip: suspended }),
  ];
  it.each([
    [{}, ["a", "b", "c"]],
    [{ plans: ["enterprise"] }, ["a"]],
    [{ regions: ["us-east-1"] }, ["b"]],
    [{ planes: ["dev-eu-west-1"] }, ["a", "c"]],
    [{ labels: { tier: "gold" } }, ["a", "b"]],
    [{ labels: { tier: "gold", region: "north" } }, ["a"]],
    [{ states: ["active"] }, ["a", "b"]],
    [{ tenantIds: ["a", "c"] }, ["a", "c"]],
    [{ exclude: { labels: { tier: "gold" }, plans: ["enterprise"] } }, ["b", "c"]],
  ] as const)("%j selects %j", (cohort, expected) => {
    const selected = selectCohort(targets, cohort as Parameters<typeof selectCohort>[1]);
    expect(selected.map(({ tenantId }) => tenantId)).toEqual(expected);
  });

  it("is refused when it selects nobody who can be changed, a stranger, or too many", () => {
    expect(problemOf(() => selectCohort(targets, { labels: { tier: "iron" } })).code).toBe("cohort_empty");
    const resting = problemOf(() => selectCohort(targets, { tenantIds: ["c"] }));
    expect(resting.message).toContain("it is suspended");
    const stranger = problemOf(() => selectCohort(targets, { tenantIds: ["a", "x"] }));
    expect(stranger).toMatchObject({ code: "target_missing" });
    expect(stranger.options.errors).toMatchObject([{ path: "body.scope.tenantIds", value: "x" }]);
    const many = fleet(...Array.from({ length: 10_001 }, (_, place) => `t${place}`));
    expect(problemOf(() => selectCohort(many, {}))).toMatchObject({ code: "cohort_too_large" });
  });
});
