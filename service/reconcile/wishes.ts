import { nextStatus, type TenantAction } from "../../contract/lifecycle.ts";
import type { TenantStatus } from "../../contract/vocabulary.ts";
import type { Declared, TargetFacts, TenantFacts } from "./facts.ts";

/**
 * What differs from what is declared, and what would mend it; whether it may be done now is decide.ts's to say. There is no
 * action that deletes or replaces.
 */
export type ReconcileAction =
  | {
      readonly kind: "activate" | "deploy";
      readonly planes: readonly string[];
      readonly releaseNumber: number | null;
    }
  | { readonly kind: "suspend" | "reactivate"; readonly planes: readonly string[] }
  | { readonly kind: "archive" | "restore" }
  | { readonly kind: "retry"; readonly operationId: string }
  | { readonly kind: "drift_repair"; readonly planes: readonly string[] };
/** One thing that is not as it should be, and what would bring it there, before asking whether it may be done now. */
export interface Wish {
  readonly target: TargetFacts | undefined;
  readonly planeName: string;
  readonly action: ReconcileAction | undefined;
  /** All targets the action would begin an operation on. */
  readonly touches: readonly TargetFacts[];
  readonly reason: string;
  readonly desired: string;
  readonly observed: string;
  readonly person?: boolean;
  /** Somebody else is to bring it: there is nothing to ask for. */
  readonly waits?: boolean;
  readonly reported?: string;
}

/** The next step on the shortest way from the tenant's status to the declared one. */
export function towards({ tenant, targets }: TenantFacts, declared: Declared): Wish | undefined {
  const step = firstStep(tenant.status, declared.state);
  const words = { desired: declared.state, observed: tenant.status, planeName: "", target: undefined };
  if (step === undefined) {
    const reason = `there is no way from ${tenant.status} to ${declared.state}`;
    return { ...words, touches: [], action: undefined, reason, person: true };
  }
  const reason = `the tenant is ${tenant.status} and declared ${declared.state}`;
  const wish = { ...words, touches: targets.filter(isToStay), reason };
  if (step === "archive" && tenant.legalHold !== null) {
    const held = `${reason}, and a legal hold stands: ${tenant.legalHold.reason}`;
    return { ...wish, action: undefined, reason: held, person: true };
  }
  return { ...wish, action: actionOf(step, declared) };
}

const STEPS = [
  "activate",
  "suspend",
  "reactivate",
  "archive",
  "restore",
] as const satisfies readonly TenantAction[];
type LifecycleStep = (typeof STEPS)[number];

export function firstStep(from: TenantStatus, to: TenantStatus): LifecycleStep | undefined {
  const seen = new Set<string>([from]);
  let edge: { at: TenantStatus; first: LifecycleStep | undefined }[] = [{ at: from, first: undefined }];
  while (edge.length > 0) {
    const next: typeof edge = [];
    for (const { at, first } of edge) {
      for (const step of STEPS) {
        const goal = nextStatus(at, step);
        if (goal === undefined || goal === "before" || seen.has(goal)) continue;
        if (goal === to) return first ?? step;
        seen.add(goal);
        next.push({ at: goal, first: first ?? step });
      }
    }
    edge = next;
  }
  return undefined;
}

function actionOf(step: LifecycleStep, { planes, releaseNumber }: Declared): ReconcileAction {
  if (step === "activate") return { kind: step, planes, releaseNumber };
  if (step === "suspend" || step === "reactivate") return { kind: step, planes: [] };
  return { kind: step };
}

/** The tenant is where it should be; its targets may not be. */
export function wishesWithin({ targets }: TenantFacts, declared: Declared): Wish[] {
  // Drafts and archived tenants have nothing that runs; the suspended catch up when they come back.
  if (declared.state === "draft" || declared.state === "archived") return [];
  const staying = targets.filter(isToStay);
  const there = new Set(staying.map(({ planeName }) => planeName));
  const missing =
    declared.state === "suspended" ? [] : declared.planes.filter((planeName) => !there.has(planeName));
  return [
    ...missing.map((planeName) => missingOn(planeName, declared)),
    ...staying.flatMap((target) => wishFor(target, declared) ?? []),
  ];
}

function missingOn(planeName: string, { releaseNumber }: Declared): Wish {
  return {
    ...{ target: undefined, planeName, touches: [], desired: "a target on the plane", observed: "none" },
    action: { kind: "deploy", planes: [planeName], releaseNumber },
    reason: "the manifest names the plane, and the tenant has no target there",
  };
}

function wishFor(target: TargetFacts, declared: Declared): Wish | undefined {
  const { planeName, deploymentState, requestedState } = target;
  const wish = {
    target,
    planeName,
    touches: [target],
    desired: desiredOf(target, declared),
    observed: observedOf(target),
  };
  const planes = [planeName];
  if (declared.planes.length > 0 && !declared.planes.includes(planeName)) {
    const reason = "the manifest no longer names the plane; decommission the tenant there, or name it again";
    return { ...wish, action: undefined, reason, person: true };
  }
  if (declared.state === "suspended") {
    if (requestedState !== "suspended") {
      const reason = "the target is to run although its tenant is suspended; suspend the tenant anew";
      return { ...wish, action: undefined, reason, person: true };
    }
    // A deployment keeps what is suspended suspended. Without need there is none: it catches up when it comes back.
    if (deploymentState !== "failed") return undefined;
    const reason = "the target is failed";
    return { ...wish, action: { kind: "deploy", planes, releaseNumber: declared.releaseNumber }, reason };
  }
  if (requestedState === "suspended") {
    return {
      ...wish,
      action: { kind: "reactivate", planes },
      reason: "the target is suspended, the tenant active",
    };
  }
  if (target.desiredSpec === undefined && target.liveOperationId === undefined) {
    const reason = `its spec cannot be told: ${target.specProblem ?? "unknown"}`;
    return { ...wish, action: undefined, reason, person: true };
  }
  const reason = whyDeploy(target);
  if (reason !== undefined) {
    return { ...wish, action: { kind: "deploy", planes, releaseNumber: declared.releaseNumber }, reason };
  }
  return driftWish(target, wish) ?? rolloutWish(target, wish);
}

/** Not ahead of its wave. A rollout that stands still waits for a person, and so does what it is to bring. */
function rolloutWish(target: TargetFacts, wish: Omit<Wish, "action" | "reason">): Wish | undefined {
  const { inRollout, currentSpec, desiredSpec } = target;
  if (inRollout === undefined || currentSpec === desiredSpec) return undefined;
  const { rolloutId, status } = inRollout;
  const reason = `what is recorded has not been deployed; rollout ${rolloutId} is to bring it, and is ${status}`;
  const stands = status === "paused" || status === "halted";
  return { ...wish, action: undefined, reason, ...(stands ? { person: true } : { waits: true }) };
}

function whyDeploy(target: TargetFacts): string | undefined {
  const { currentReleaseNumber: current, desiredReleaseNumber: desired } = target;
  if (current !== desired) return `release ${desired ?? "none"} is declared, ${current ?? "none"} runs`;
  if (target.currentSpec !== target.desiredSpec && target.inRollout === undefined)
    return "what is recorded has not been deployed";
  return target.deploymentState === "ready" ? undefined : `the target is ${target.deploymentState}`;
}

const USED_UP = "the plane's drift repairs of this hour are used up";

function driftWish(target: TargetFacts, wish: Omit<Wish, "action" | "reason">): Wish | undefined {
  const { open, needsPerson, policy, budgetLeft } = target.drift;
  if (open === 0) return undefined;
  const seen = `${open} resources are not as recorded`;
  const action = { kind: "drift_repair", planes: [target.planeName] } as const;
  if (needsPerson !== undefined) {
    return { ...wish, action: undefined, reason: `${seen}; needs a person: ${needsPerson}`, person: true };
  }
  if (policy === "report")
    return { ...wish, action, reason: seen, reported: "the plane's drift policy is report" };
  if (budgetLeft <= 0) return { ...wish, action, reason: seen, reported: USED_UP };
  return { ...wish, action, reason: seen };
}

/** Over the API a request is done once; what failed on the way for want of luck is tried again, the rest is told. */
export function asAsked(target: TargetFacts): Wish | undefined {
  const { failures, planeName, requestedState } = target;
  const settled = {
    present: "ready",
    suspended: "suspended",
    archived: "archived",
    absent: "absent",
  } as const;
  const isSettled =
    target.deploymentState === settled[requestedState] || target.liveOperationId !== undefined;
  const wish = {
    target,
    planeName,
    touches: [target],
    desired: requestedState,
    observed: observedOf(target),
  };
  if (failures === undefined || isSettled) {
    return requestedState === "present" && isSettled ? driftWish(target, wish) : undefined;
  }
  if (!failures.retryable || failures.cancelled || requestedState === "absent") {
    return { ...wish, action: undefined, reason: failures.message, person: true };
  }
  const action = { kind: "retry", operationId: failures.lastOperationId } as const;
  const isOverBudget = failures.isRepair && target.drift.budgetLeft <= 0;
  return { ...wish, action, reason: failures.message, ...(isOverBudget && { reported: USED_UP }) };
}
function isToStay({ requestedState }: TargetFacts): boolean {
  return requestedState !== "absent";
}

function desiredOf(target: TargetFacts, { state }: Declared): string {
  return words(state === "active" ? "ready" : state, target.desiredReleaseNumber, target.desiredSpec ?? null);
}

function observedOf(target: TargetFacts): string {
  return words(target.deploymentState, target.currentReleaseNumber, target.currentSpec);
}

function words(state: string, release: number | null, spec: string | null): string {
  return `${state}, release ${release ?? "none"}, spec ${spec?.slice(0, 12) ?? "none"}`;
}
