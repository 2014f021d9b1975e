import type { ReconcileVerdict } from "../../contract/reconcile.ts";
import type { Failures, ReconcilePolicy, TargetFacts, TenantFacts } from "./facts.ts";
import { asAsked, type ReconcileAction, towards, type Wish, wishesWithin } from "./wishes.ts";

/**
 * What is to be asked for next so that a tenant becomes as declared. Pure. It promises: nothing while an operation is under way on
 * a target concerned; nothing twice, as each action changes what made it necessary; a bounded number of attempts, each
 * later than the one before, and then a person; and never anything that deletes or replaces: there is no such action.
 */ export interface Finding {
  /** Empty when it concerns the tenant as a whole. */
  readonly planeName: string;
  readonly targetId: string | null;
  readonly verdict: ReconcileVerdict;
  readonly action: ReconcileAction["kind"] | null;
  readonly reason: string;
  readonly desired: string;
  readonly observed: string;
  readonly attempts: number;
  readonly nextAttemptAtMs: number | null;
}

export interface Decision {
  readonly actions: readonly ReconcileAction[];
  /** What is not as declared; empty when all is. */
  readonly findings: readonly Finding[];
}

const NOTHING: Decision = { actions: [], findings: [] };

export function decide(facts: TenantFacts): Decision {
  const { tenant, declared } = facts;
  const isLeaving = tenant.status === "decommissioning" || tenant.requestedStatus === "deleted";
  if (isLeaving || tenant.status === "deleted") return NOTHING;
  if (declared === undefined) return merged(facts, facts.targets.map(asAsked));
  const wishes =
    tenant.status === declared.state
      ? wishesWithin(facts, declared)
      : [towards(facts, declared)].filter((wish) => wish !== undefined);
  if (declared.heldReason === null) return merged(facts, wishes);
  const why = `a forced edit holds until the manifest is applied again: ${declared.heldReason}`;
  return merged(
    facts,
    wishes.map((wish) => ({ ...wish, reported: why })),
  );
}
/** Turns wishes into what may be asked for now. One action a kind, so that planes go together. */
function merged(facts: TenantFacts, wishes: readonly (Wish | undefined)[]): Decision {
  const findings: Finding[] = [];
  const actions: ReconcileAction[] = [];
  for (const wish of wishes) {
    if (wish === undefined) continue;
    const finding = findingOf(facts, wish);
    findings.push(finding);
    if (finding.verdict === "requested" && wish.action !== undefined) join(actions, wish.action);
  }
  return { actions, findings };
}

function join(actions: ReconcileAction[], action: ReconcileAction): void {
  const index = actions.findIndex((other) => other.kind === action.kind);
  const other = actions[index];
  if (other === undefined || !("planes" in other) || !("planes" in action)) actions.push(action);
  else actions[index] = { ...other, planes: [...other.planes, ...action.planes] };
}

function findingOf({ nowMs, policy }: TenantFacts, wish: Wish): Finding {
  const { target, planeName, action, reason, desired, observed } = wish;
  const failures = worst(wish.touches);
  const base = {
    ...{
      planeName,
      targetId: target?.targetId ?? null,
      action: action?.kind ?? null,
      reason,
      desired,
      observed,
    },
    attempts: failures?.count ?? 0,
    nextAttemptAtMs: null,
  };
  if (wish.reported !== undefined)
    return { ...base, verdict: "reported", reason: `${reason}; ${wish.reported}` };
  const live = wish.touches.find(({ liveOperationId }) => liveOperationId !== undefined);
  if (live !== undefined) {
    return {
      ...base,
      verdict: "waiting",
      reason: `${reason}; operation ${live.liveOperationId} is under way`,
    };
  }
  if (wish.waits === true) return { ...base, verdict: "waiting" };
  if (wish.person === true || action === undefined) return { ...base, verdict: "person" };
  const gate = strictest(wish.touches.map((one) => gateOf(one.failures, policy, nowMs)));
  if (gate.verdict === "person") return { ...base, verdict: "person", reason: `${reason}; ${gate.why}` };
  if (policy.mode === "report")
    return { ...base, verdict: "reported", reason: `${reason}; the loop only reports` };
  if (gate.verdict === "waiting") return { ...base, verdict: "waiting", nextAttemptAtMs: gate.untilMs };
  return { ...base, verdict: "requested" };
}

/** Of targets that go together, the one that has failed most. */
function worst(targets: readonly TargetFacts[]): Failures | undefined {
  return targets
    .flatMap(({ failures }) => failures ?? [])
    .sort((left, right) => right.count - left.count || right.lastAtMs - left.lastAtMs)[0];
}

/** What goes together waits for the one that must wait longest. */
function strictest(gates: readonly Gate[]): Gate {
  const person = gates.find((gate) => gate.verdict === "person");
  if (person !== undefined) return person;
  const untilMs = Math.max(...gates.map((gate) => (gate.verdict === "waiting" ? gate.untilMs : 0)));
  return untilMs > 0 ? { verdict: "waiting", untilMs } : { verdict: "requested" };
}

type Gate =
  | { readonly verdict: "requested" }
  | { readonly verdict: "waiting"; readonly untilMs: number }
  | { readonly verdict: "person"; readonly why: string };

export function gateOf(failures: Failures | undefined, policy: ReconcilePolicy, nowMs: number): Gate {
  if (failures?.cancelled === true) {
    return {
      verdict: "person",
      why: `operation ${failures.lastOperationId} was cancelled; retry it to go on, or change the manifest`,
    };
  }
  if (failures === undefined || failures.count === 0) return { verdict: "requested" };
  const most = failures.retryable ? policy.attempts : policy.attemptsUnlessRetryable;
  if (failures.count >= most) {
    const why = `given up after ${failures.count} failures; mend it and retry operation ${failures.lastOperationId}, or change the manifest. The last said: ${failures.message}`;
    return { verdict: "person", why };
  }
  const ceiling = Math.min(policy.backoffMaxMs, policy.backoffMs * 2 ** (failures.count - 1));
  const untilMs = failures.lastAtMs + Math.round(ceiling * (0.5 + failures.jitter / 2));
  return nowMs >= untilMs ? { verdict: "requested" } : { verdict: "waiting", untilMs };
}
