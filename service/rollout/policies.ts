import type { Rollout, RolloutTarget } from "../../contract/rollout.ts";
import type { OperationId } from "../../contract/routes.ts";
import { apiKeyGet } from "../../registry/apiKey.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import type { ServiceContext } from "../app/context.ts";
import { decided } from "../app/policyGate.ts";
import { recordCrossRegion } from "../app/securityEvents.ts";
import type { PolicyFacts } from "../policy/facts.ts";
import { gather } from "../policy/gather.ts";
import type { PolicyContext, PolicyDecision } from "../policy/query.ts";

/**
 * Policies speak of tenants, and a rollout is made for many at once: each of them is decided on as if whoever made the rollout had
 * asked for that tenant alone, by the operation that brings the same. Asked when a target is previewed, so that people see who
 * would be left out, and again in the change that begins it, on the record that this change reads. A refused target is left out with the policy's
 * reason; what cannot be decided is not begun, and is asked again. Taking back is not asked: it undoes.
 */
export interface RefusedTarget {
  /** False: the policies could not be evaluated. */
  readonly isDenied: boolean;
  readonly reason: string;
  readonly action: OperationId;
  readonly role: string;
  readonly decision: PolicyDecision;
}

type Asking = Pick<Rollout, "change" | "reason" | "rules" | "createdBy">;
type Asked = Pick<RolloutTarget, "tenantId" | "planeName" | "toReleaseNumber">;
type Deciding = Pick<ServiceContext, "policy" | "metrics">;
type Window = PolicyContext["window"];

/** A target waits for its window, so until it is its turn none is in its way. */
export const WINDOW_AWAITED: Window = { open: true, why: "" };

/** Undefined when it is allowed. A dozen indexed reads of one tenant. */
export async function refusedByPolicies(
  db: Reader,
  service: Deciding,
  rollout: Asking,
  target: Asked,
  window: Window,
): Promise<RefusedTarget | undefined> {
  const { keyId: id, name, role, environments } = await apiKeyGet(db, rollout.createdBy);
  const action = actionOf(rollout);
  const principal = { id, name, role, environments };
  const facts = factsOf(rollout, target);
  const gathered = await gather(db, { principal, action, tenantId: target.tenantId, facts, now: new Date() });
  const query = { ...gathered.query, facts: { ...gathered.query.facts, window } };
  const decision = decided(service, query);
  if (decision.outcome === "allow") return undefined;
  const isDenied = decision.outcome === "deny";
  return {
    isDenied,
    reason: isDenied ? whyDenied(decision) : whyUndecided(decision),
    action,
    role,
    decision,
  };
}

function whyDenied({ reasons }: PolicyDecision): string {
  return `a policy forbids it: ${reasons.map(({ policyId, reason }) => `${reason} (${policyId})`).join(" ")}`;
}

/** What the reason of an undecided one begins with. */
export const UNDECIDED = "the policies could not be evaluated";

function whyUndecided({ errors }: PolicyDecision): string {
  return `${UNDECIDED}: ${errors.join("; ")}`;
}

function actionOf({ change }: Asking): OperationId {
  switch (change.kind) {
    case "release":
      return "tenantDeploy";
    case "plan":
    case "field":
      return "tenantReconfigure";
    case "flag":
      return "flagOverrideSet";
    case "drift_repair":
      return "driftRepairCreate";
  }
}

function factsOf({ change, reason, rules }: Asking, { planeName, toReleaseNumber }: Asked): PolicyFacts {
  const said = {
    reason: rules.emergency?.reason ?? reason,
    ...(rules.emergency && { emergency: true }),
  };
  switch (change.kind) {
    case "release":
      return { ...said, release: toReleaseNumber ?? change.releaseNumber, planes: [planeName] };
    case "plan":
      return { ...said, plan: change.plan, planVersion: change.planVersion ?? 1 };
    case "drift_repair":
      return { ...said, planes: [planeName] };
    case "field":
    case "flag":
      return said;
  }
}

/** On the tenant's chain, as a request's denial is. */
export async function recordRefused(
  change: Change,
  { metrics }: Pick<ServiceContext, "metrics">,
  { rolloutId, createdBy, reason }: Pick<Rollout, "rolloutId" | "createdBy" | "reason">,
  { tenantId, targetId, planeName }: Pick<RolloutTarget, "tenantId" | "targetId" | "planeName">,
  { action, role, decision }: RefusedTarget,
): Promise<void> {
  const { outcome, policies, reasons, errors, version: policyVersion } = decision;
  const code = outcome === "deny" ? "policy_denied" : "policy_error";
  await change.audit({
    action: "access.denied",
    target: { type: "tenant", id: tenantId },
    tenantId,
    outcome: "denied",
    reason,
    details: {
      ...{ action, code, rolloutId, targetId, planeName, askedBy: createdBy, errors },
      reasons: reasons.map(({ policyId, reason }) => ({ policyId, reason })),
      authorization: { action, role, policies, policyVersion },
    },
  });
  const crossing = reasons.find(({ security }) => security === "cross_region");
  if (crossing === undefined) return;
  const { reason: detail } = crossing;
  await recordCrossRegion(change, { tenantId, code: "residency_violation", detail, reason, by: createdBy });
  change.afterCommit(() => metrics.securityEvents.inc({ kind: "cross_region" }));
}
