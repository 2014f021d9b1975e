import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextStatus } from "../../contract/lifecycle.ts";
import { MANIFEST_STATES, type ManifestState } from "../../contract/manifest.ts";
import { DEPLOYMENT_STATES, TENANT_STATUSES, type TenantStatus } from "../../contract/vocabulary.ts";
import { decide, gateOf } from "./decide.ts";
import type { Failures, ReconcilePolicy, TargetFacts, TenantFacts } from "./facts.ts";
import { firstStep, type ReconcileAction } from "./wishes.ts";

const policy: ReconcilePolicy = {
  mode: "correct",
  attempts: 5,
  attemptsUnlessRetryable: 2,
  backoffMs: 1_000,
  backoffMaxMs: 60_000,
};
const noDrift = { open: 0, needsPerson: undefined, policy: "correct", budgetLeft: 10 } as const;
const planeNames = ["dev-eu-west-1", "dev-us-east-1", "prod-eu-west-1"];

function target(more: Partial<TargetFacts> = {}): TargetFacts {
  const planeName = more.planeName ?? "dev-eu-west-1";
  return {
    ...{
      targetId: `t-${planeName}`,
      planeName,
      deploymentState: "ready",
      requestedState: "present",
      recordVersion: 1,
    },
    ...{
      liveOperationId: undefined,
      failures: undefined,
      currentSpec: "a",
      desiredSpec: "a",
      specProblem: undefined,
      inRollout: undefined,
    },
    ...{ currentReleaseNumber: 1, desiredReleaseNumber: 1, drift: noDrift },
    ...more,
  };
}

interface Shape {
  readonly status?: TenantStatus;
  readonly requestedStatus?: TenantStatus;
  readonly legalHold?: TenantFacts["tenant"]["legalHold"];
  readonly declared?: Partial<NonNullable<TenantFacts["declared"]>> | null;
  readonly targets?: readonly TargetFacts[];
  readonly mode?: "report" | "correct";
  readonly nowMs?: number;
}

function facts(shape: Shape = {}): TenantFacts {
  const {
    status = "active",
    requestedStatus = status,
    legalHold = null,
    declared = {},
    targets = [target()],
  } = shape;
  const base = {
    ...{ state: "active" as const, planes: ["dev-eu-west-1"], releaseNumber: null },
    ...{ heldReason: null, declaration: "first" },
  };
  return {
    nowMs: shape.nowMs ?? 1_000_000,
    policy: { ...policy, mode: shape.mode ?? "correct" },
    tenant: { tenantId: "x", status, requestedStatus, legalHold, recordVersion: 1 },
    declared: declared === null ? undefined : { ...base, ...declared },
    targets,
  };
}

function failures(more: Partial<Failures> = {}): Failures {
  return {
    ...{ count: 1, lastAtMs: 999_999, lastOperationId: "o", retryable: true, cancelled: false },
    ...{ message: "it broke", isRepair: false, jitter: 0.5 },
    ...more,
  };
}

const failed = (more: Partial<Failures> = {}) =>
  target({ deploymentState: "failed", failures: failures(more) });

describe("what is declared is brought about", () => {
  it("does nothing where all is as declared", () => {
    expect(decide(facts())).toEqual({ actions: [], findings: [] });
  });

  it.each<[string, Shape, ReconcileAction]>([
    [
      "a draft",
      { status: "draft", targets: [] },
      { kind: "activate", planes: ["dev-eu-west-1"], releaseNumber: null },
    ],
    ["a suspended tenant", { status: "suspended" }, { kind: "reactivate", planes: [] }],
    ["an active one that is to rest", { declared: { state: "suspended" } }, { kind: "suspend", planes: [] }],
    [
      "an active one that is to be archived",
      { declared: { state: "archived" } },
      { kind: "suspend", planes: [] },
    ],
    [
      "a suspended one that is to be archived",
      { status: "suspended", declared: { state: "archived" } },
      { kind: "archive" },
    ],
    [
      "an archived one that is to rest",
      { status: "archived", declared: { state: "suspended" } },
      { kind: "restore" },
    ],
    [
      "a plane more",
      { declared: { planes: ["dev-eu-west-1", "dev-us-east-1"], releaseNumber: 3 } },
      { kind: "deploy", planes: ["dev-us-east-1"], releaseNumber: 3 },
    ],
    [
      "another spec",
      { targets: [target({ desiredSpec: "b" })] },
      { kind: "deploy", planes: ["dev-eu-west-1"], releaseNumber: null },
    ],
    [
      "another release",
      { declared: { releaseNumber: 2 }, targets: [target({ desiredReleaseNumber: 2 })] },
      { kind: "deploy", planes: ["dev-eu-west-1"], releaseNumber: 2 },
    ],
    [
      "a failed target",
      { targets: [target({ deploymentState: "failed" })] },
      { kind: "deploy", planes: ["dev-eu-west-1"], releaseNumber: null },
    ],
    [
      "a target suspended by name",
      { targets: [target({ requestedState: "suspended", deploymentState: "suspended" })] },
      { kind: "reactivate", planes: ["dev-eu-west-1"] },
    ],
    [
      "drift",
      { targets: [target({ drift: { ...noDrift, open: 2 } })] },
      { kind: "drift_repair", planes: ["dev-eu-west-1"] },
    ],
  ])("%s", (_name, shape, action) => {
    const decision = decide(facts(shape));
    expect(decision.actions).toEqual([action]);
    expect(decision.findings.map(({ verdict }) => verdict)).toEqual(["requested"]);
  });

  it("asks for several planes in one request", () => {
    const targets = planeNames.map((planeName) => target({ planeName, desiredSpec: "b" }));
    expect(decide(facts({ declared: { planes: planeNames }, targets })).actions).toEqual([
      { kind: "deploy", planes: planeNames, releaseNumber: null },
    ]);
  });
});

describe("what is left alone", () => {
  it.each<[string, Shape, string]>([
    [
      "a target whose operation is under way",
      { targets: [target({ desiredSpec: "b", liveOperationId: "o" })] },
      "waiting",
    ],
    [
      "a transition whose operation is under way",
      { status: "draft", requestedStatus: "active", targets: [target({ liveOperationId: "o" })] },
      "waiting",
    ],
    ["a failure that is fresh", { targets: [failed()] }, "waiting"],
    [
      "a tenant whose edit was forced",
      { declared: { heldReason: "incident" }, targets: [target({ desiredSpec: "b" })] },
      "reported",
    ],
    [
      "everything, when only to report",
      { mode: "report", targets: [target({ desiredSpec: "b" })] },
      "reported",
    ],
    [
      "drift on a plane whose policy is report",
      { targets: [target({ drift: { ...noDrift, open: 1, policy: "report" } })] },
      "reported",
    ],
    [
      "drift past the hour's budget",
      { targets: [target({ drift: { ...noDrift, open: 1, budgetLeft: 0 } })] },
      "reported",
    ],
    [
      "a repair that failed, past the hour's budget",
      {
        declared: null,
        targets: [
          target({
            deploymentState: "failed",
            failures: failures({ isRepair: true, lastAtMs: 0 }),
            drift: { ...noDrift, open: 1, budgetLeft: 0 },
          }),
        ],
      },
      "reported",
    ],
    [
      "what only a person may repair",
      { targets: [target({ drift: { ...noDrift, open: 1, needsPerson: "deleted" } })] },
      "person",
    ],
    [
      "a plane that is no longer named",
      {
        declared: { planes: ["dev-us-east-1"] },
        targets: [target(), target({ planeName: "dev-us-east-1" })],
      },
      "person",
    ],
    ["a failure that waiting does not mend", { targets: [failed({ retryable: false, count: 2 })] }, "person"],
    ["the fifth failure", { targets: [failed({ count: 5, lastAtMs: 0 })] }, "person"],
    ["a cancelled operation", { targets: [failed({ cancelled: true, count: 0, lastAtMs: 0 })] }, "person"],
    [
      "archiving under a legal hold",
      {
        status: "suspended",
        declared: { state: "archived" },
        legalHold: { reason: "case 7", placedBy: "k", placedAt: "2026-01-01T00:00:00.000Z" },
      },
      "person",
    ],
    [
      "a spec that cannot be told",
      { targets: [target({ desiredSpec: undefined, specProblem: "plane gone" })] },
      "person",
    ],
  ])("%s", (_name, shape, verdict) => {
    const { actions, findings } = decide(facts(shape));
    expect(actions).toEqual([]);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ verdict, reason: expect.stringMatching(/.{10}/) });
  });

  it("a tenant on its way out, a draft that is to stay one, and the specs of the suspended", () => {
    const nothing = { actions: [], findings: [] };
    expect(decide(facts({ status: "decommissioning", targets: [failed()] }))).toEqual(nothing);
    expect(decide(facts({ status: "draft", requestedStatus: "deleted" }))).toEqual(nothing);
    expect(decide(facts({ status: "draft", declared: { state: "draft" }, targets: [] }))).toEqual(nothing);
    const resting = target({ requestedState: "suspended", deploymentState: "suspended", desiredSpec: "b" });
    expect(
      decide(facts({ status: "suspended", declared: { state: "suspended" }, targets: [resting] })),
    ).toEqual(nothing);
  });

  it("what a rollout is to bring when it is the target's turn, unless the target is failed", () => {
    const inRollout = { rolloutId: "r", status: "running" } as const;
    const ahead = target({ desiredSpec: "b", inRollout });
    const findingOf = (one: TargetFacts) => decide(facts({ targets: [one] }));
    const reason = "what is recorded has not been deployed; rollout r is to bring it, and is running";
    expect(findingOf(ahead)).toMatchObject({ actions: [], findings: [{ verdict: "waiting", reason }] });
    expect(findingOf({ ...ahead, inRollout: { ...inRollout, status: "halted" } })).toMatchObject({
      ...{ actions: [], findings: [{ verdict: "person", action: null }] },
    });
    expect(findingOf({ ...ahead, desiredSpec: "a" })).toEqual({ actions: [], findings: [] });
    const { actions } = decide(facts({ targets: [{ ...ahead, deploymentState: "failed" }] }));
    expect(actions).toEqual([{ kind: "deploy", planes: ["dev-eu-west-1"], releaseNumber: null }]);
  });

  it("over the API, all but what failed for want of luck", () => {
    const waited = { lastAtMs: 0 };
    const decided = (one: TargetFacts) => decide(facts({ declared: null, targets: [one] }));
    expect(decided(target({ desiredSpec: "b", desiredReleaseNumber: 9 }))).toEqual({
      actions: [],
      findings: [],
    });
    expect(decided(failed(waited)).actions).toEqual([{ kind: "retry", operationId: "o" }]);
    expect(decided(failed({ ...waited, retryable: false }))).toMatchObject({
      actions: [],
      findings: [{ verdict: "person" }],
    });
    expect(decided(failed({ ...waited, cancelled: true }))).toMatchObject({
      actions: [],
      findings: [{ verdict: "person" }],
    });
    expect(decided(target({ failures: failures(waited) }))).toEqual({ actions: [], findings: [] });
    const leaving = { ...failed(waited), requestedState: "absent" as const };
    expect(decided(leaving)).toMatchObject({ actions: [], findings: [{ verdict: "person" }] });
  });
});

const status = fc.constantFrom(...TENANT_STATUSES);
const anyTarget = fc.record({
  planeName: fc.constantFrom(...planeNames),
  deploymentState: fc.constantFrom(...DEPLOYMENT_STATES),
  requestedState: fc.constantFrom("present", "suspended", "archived", "absent"),
  liveOperationId: fc.option(fc.constant("o"), { nil: undefined }),
  failures: fc.option(
    fc
      .record({
        count: fc.nat(8),
        lastAtMs: fc.nat(2_000_000),
        retryable: fc.boolean(),
        cancelled: fc.boolean(),
        isRepair: fc.boolean(),
        jitter: fc.double({ min: 0, max: 1, noNaN: true }),
      })
      .map(failures),
    { nil: undefined },
  ),
  currentSpec: fc.constantFrom("a", "b", null),
  desiredSpec: fc.constantFrom("a", "b", undefined),
  desiredReleaseNumber: fc.constantFrom(1, 2, null),
  drift: fc.record({
    open: fc.nat(2),
    needsPerson: fc.constantFrom(undefined, "deleted"),
    policy: fc.constantFrom("report", "correct"),
    budgetLeft: fc.integer({ min: -1, max: 2 }),
  }),
});
const anyFacts = fc
  .record({
    status,
    requestedStatus: status,
    state: fc.constantFrom(...MANIFEST_STATES),
    isDeclared: fc.boolean(),
    heldReason: fc.constantFrom(null, "forced"),
    planes: fc.subarray(planeNames),
    held: fc.boolean(),
    mode: fc.constantFrom("report", "correct"),
    targets: fc.uniqueArray(anyTarget, { maxLength: 3, selector: ({ planeName }) => planeName }),
  })
  .map(({ status, requestedStatus, state, isDeclared, heldReason, planes, held, mode, targets }) =>
    facts({
      ...{ status, requestedStatus, mode },
      declared: isDeclared ? { state, planes, heldReason } : null,
      legalHold: held ? { reason: "case", placedBy: "k", placedAt: "2026-01-01T00:00:00.000Z" } : null,
      targets: targets.map((one) => target(one as Partial<TargetFacts>)),
    }),
  );

describe("whatever the facts", () => {
  it("no action touches a target whose operation is under way, and none is asked for where policy or a person says no", () => {
    fc.assert(
      fc.property(anyFacts, (given) => {
        const { actions } = decide(given);
        const leaving =
          given.tenant.status === "decommissioning" ||
          given.tenant.status === "deleted" ||
          given.tenant.requestedStatus === "deleted";
        if (leaving || given.policy.mode === "report" || given.declared?.heldReason === "forced")
          expect(actions).toEqual([]);
        for (const action of actions) {
          const planes = "planes" in action && action.planes.length > 0 ? action.planes : undefined;
          const wide = action.kind !== "retry" && action.kind !== "activate";
          const touched = given.targets.filter((one) =>
            action.kind === "retry"
              ? one.failures?.lastOperationId === action.operationId &&
                one.deploymentState === "failed" &&
                one.liveOperationId === undefined
              : one.requestedState !== "absent" && (planes?.includes(one.planeName) ?? wide),
          );
          if (action.kind !== "retry")
            expect(touched.filter(({ liveOperationId }) => liveOperationId !== undefined)).toEqual([]);
          if (action.kind === "archive") expect(given.tenant.legalHold).toBeNull();
          if (action.kind === "drift_repair") {
            for (const { drift } of touched)
              expect(
                drift.policy === "correct" && drift.needsPerson === undefined && drift.budgetLeft > 0,
              ).toBe(true);
          }
          for (const { failures: last } of action.kind === "retry" ? [] : touched) {
            expect(gateOf(last, given.policy, given.nowMs)).toEqual({ verdict: "requested" });
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("never asks for anything that its tenant's status does not allow, and knows nothing that deletes", () => {
    const allowed = new Set([
      "activate",
      "deploy",
      "suspend",
      "reactivate",
      "archive",
      "restore",
      "retry",
      "drift_repair",
    ]);
    fc.assert(
      fc.property(anyFacts, (given) => {
        for (const { kind, ...rest } of decide(given).actions) {
          expect(allowed.has(kind)).toBe(true);
          const partly = kind === "reactivate" && "planes" in rest && rest.planes.length > 0;
          if (kind === "retry" || kind === "drift_repair" || partly) continue;
          expect(nextStatus(given.tenant.status, kind)).toBeDefined();
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("says of each thing that is not as declared what is done about it, once", () => {
    fc.assert(
      fc.property(anyFacts, (given) => {
        const { findings, actions } = decide(given);
        expect(new Set(findings.map(({ planeName }) => planeName)).size).toBe(findings.length);
        expect(findings.some(({ verdict }) => verdict === "requested")).toBe(actions.length > 0);
        for (const { reason, verdict, action } of findings) {
          expect(reason.length).toBeGreaterThan(5);
          if (verdict === "requested") expect(action).not.toBeNull();
        }
      }),
    );
  });
});

/** A world in which what is asked for happens, or fails as the given list says, until it says no more. */
function settle(
  start: TenantFacts,
  outcomes: readonly boolean[],
): { readonly end: TenantFacts; readonly asked: number } {
  let now = start;
  let asked = 0;
  for (let round = 0; round < 60; round += 1) {
    const { actions, findings } = decide(now);
    const next = Math.min(
      ...findings.map(({ nextAttemptAtMs }) => nextAttemptAtMs ?? Number.POSITIVE_INFINITY),
    );
    if (actions.length === 0 && next === Number.POSITIVE_INFINITY) return { end: now, asked };
    if (actions.length === 0) now = { ...now, nowMs: next };
    for (const action of actions) {
      now = outcomes[asked] === false ? broken(now, action) : done(now, action);
      asked += 1;
    }
  }
  throw new Error("it never settles");
}

function touchedBy(given: TenantFacts, action: ReconcileAction): readonly TargetFacts[] {
  const planes = "planes" in action && action.planes.length > 0 ? action.planes : undefined;
  const existing = given.targets.filter(({ planeName }) => planes?.includes(planeName) ?? true);
  const missing = (planes ?? []).filter((name) => !given.targets.some(({ planeName }) => planeName === name));
  return [
    ...existing,
    ...missing.map((planeName) =>
      target({ planeName, deploymentState: "absent", currentSpec: null, currentReleaseNumber: null }),
    ),
  ];
}

function withTargets(given: TenantFacts, changed: readonly TargetFacts[]): TenantFacts {
  const others = given.targets.filter(({ planeName }) => !changed.some((one) => one.planeName === planeName));
  return { ...given, targets: [...others, ...changed] };
}

function done(given: TenantFacts, action: ReconcileAction): TenantFacts {
  const goal =
    action.kind === "retry" || action.kind === "drift_repair" || action.kind === "deploy"
      ? undefined
      : nextStatus(given.tenant.status, action.kind);
  const to = (goal ?? given.tenant.status) as TenantStatus;
  const rests = to === "suspended";
  const changed = touchedBy(given, action).map((one) => ({
    ...one,
    deploymentState: rests ? ("suspended" as const) : ("ready" as const),
    requestedState: rests ? ("suspended" as const) : ("present" as const),
    failures: undefined,
    currentSpec: one.desiredSpec ?? null,
    currentReleaseNumber: one.desiredReleaseNumber,
    drift: noDrift,
  }));
  return withTargets({ ...given, tenant: { ...given.tenant, status: to, requestedStatus: to } }, changed);
}

function broken(given: TenantFacts, action: ReconcileAction): TenantFacts {
  const changed = touchedBy(given, action).map((one) => ({
    ...one,
    deploymentState: "failed" as const,
    failures: failures({ count: (one.failures?.count ?? 0) + 1, lastAtMs: given.nowMs }),
  }));
  return withTargets(given, changed);
}

describe("over time", () => {
  const start = fc.record({
    status: fc.constantFrom("draft", "active", "suspended", "archived"),
    state: fc.constantFrom<ManifestState>("active", "suspended", "archived"),
    planes: fc.subarray(planeNames, { minLength: 1 }),
    spec: fc.constantFrom("a", "b"),
  });
  const begin = (given: { status: TenantStatus; state: ManifestState; planes: string[]; spec: string }) => {
    const rests = given.status === "suspended";
    const targets =
      given.status === "draft"
        ? []
        : given.planes.map((planeName) =>
            target({
              planeName,
              currentSpec: given.spec,
              deploymentState: rests ? "suspended" : "ready",
              requestedState: rests ? "suspended" : "present",
            }),
          );
    return facts({ status: given.status, declared: { state: given.state, planes: given.planes }, targets });
  };

  it("reaches what is declared in a bounded number of requests, and then rests", () => {
    fc.assert(
      fc.property(start, (given) => {
        const { end, asked } = settle(begin(given as never), []);
        expect(end.tenant.status).toBe(given.state);
        expect(decide(end)).toEqual({ actions: [], findings: [] });
        expect(asked).toBeLessThanOrEqual(4);
      }),
    );
  });

  it("gets there through failures, and gives up on none before its attempts are used", () => {
    fc.assert(
      fc.property(start, fc.array(fc.boolean(), { maxLength: 20 }), (given, outcomes) => {
        const { end, asked } = settle(begin(given as never), outcomes);
        expect(asked).toBeLessThanOrEqual(24);
        if (end.tenant.status === given.state && decide(end).findings.length === 0) return;
        expect(
          decide(end).findings.some(
            ({ verdict, attempts }) => verdict === "person" && attempts >= policy.attempts,
          ),
        ).toBe(true);
      }),
    );
  });

  it("waits longer after each failure, never at the same instant for all", () => {
    const waits = [1, 2, 3, 4].map((count) => gateOf(failures({ count, lastAtMs: 0 }), policy, 0));
    expect(waits).toEqual([750, 1_500, 3_000, 6_000].map((untilMs) => ({ verdict: "waiting", untilMs })));
    const early = gateOf(failures({ count: 1, lastAtMs: 0, jitter: 0 }), policy, 0);
    expect(early).toEqual({ verdict: "waiting", untilMs: 500 });
    expect(gateOf(failures({ count: 4, lastAtMs: 0 }), policy, 6_000)).toEqual({ verdict: "requested" });
  });

  it("knows a way between any two states that a manifest can name, but back to draft", () => {
    for (const from of MANIFEST_STATES) {
      for (const to of MANIFEST_STATES) {
        if (from !== to) expect(firstStep(from, to) !== undefined, `${from} to ${to}`).toBe(to !== "draft");
      }
    }
  });
});
