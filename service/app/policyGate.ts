import { type ErrorCode, ProblemError } from "../../contract/errors.ts";
import { type OperationId, routes } from "../../contract/routes.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { tenantFind } from "../../registry/tenant.ts";
import { isRead } from "../policy/actions.ts";
import { type PolicyFacts, withoutGaps } from "../policy/facts.ts";
import { type Gathered, gather, NEW_TENANT_ID, type Question } from "../policy/gather.ts";
import type { PolicyDecision, PolicyQuery } from "../policy/query.ts";
import { noteTenantEnvironments } from "../tracing/scope.ts";
import type { RequestContext, ServiceContext } from "./context.ts";
import { type Denial, Overtaken } from "./overtaken.ts";
import { ownRefusal } from "./ownRefusals.ts";

/**
 * The policies' half of `authorize`, asked once the role has been found to do: it can refuse and nothing else. The service's own
 * loops are not asked: what they do are steps of something that somebody was allowed to ask for. Reads are not asked either
 * as long as the set has nothing to say about them.
 */
export interface PolicyAnswer {
  /** Undefined where nothing was asked. */
  readonly decision?: PolicyDecision;
  readonly refusal?: ProblemError;
  /** For a change of a tenant that was allowed: throws in the change when another record than was looked at is not. */
  readonly stillHolds?: (change: Change) => Promise<void>;
}

export async function askPolicies(
  context: RequestContext,
  action: OperationId,
  tenantId: string | undefined,
  added: PolicyFacts,
): Promise<PolicyAnswer> {
  if (context.principal.kind === "system" || routes[action].role === null) return {};
  if (isRead(action) && !context.policy.governsReads) return {};
  const facts = { ...context.facts, ...withoutGaps(added) };
  const gathered = await gathering(context, action, tenantId, facts);
  if (gathered instanceof ProblemError) return { refusal: gathered };
  noteTenantEnvironments(gathered.query.tenant?.environments ?? []);
  const decision = decided(context, gathered.query);
  if (decision.outcome === "allow") return { decision, ...recheck(context, action, gathered.tenant, facts) };
  const refusal = refusalOf(action, decision);
  // Only a denial has another name; what could not be decided is told as that.
  if (decision.outcome !== "deny") return { decision, refusal };
  const own = await ownRefusal({ context, action, tenant: gathered.tenant, facts });
  return { decision, refusal: own === undefined || hides(own, refusal) ? refusal : own };
}

/**
 * The tenant was read before the change was opened. Should somebody have written to it since, the question is put again on what is
 * there now, which nobody can change any more.
 */
function recheck(
  context: RequestContext,
  action: OperationId,
  tenant: Tenant | null,
  facts: PolicyFacts,
): Pick<PolicyAnswer, "stillHolds"> {
  if (tenant === null || isRead(action)) return {};
  const { tenantId, recordVersion } = tenant;
  const stillHolds = async ({ db }: Change) => {
    const now = await tenantFind(db, tenantId);
    if (now === undefined || now.recordVersion === recordVersion) return;
    const refused = await refusedWithin(context, db, { action, tenantId, facts });
    if (refused !== undefined) throw new Overtaken([refused.denial], refused.refusal);
  };
  return { stillHolds };
}

export interface RefusedWithin {
  readonly refusal: ProblemError;
  readonly denial: Denial;
}

/** Of one tenant as this change sees it; undefined when it is allowed. */
export async function refusedWithin(
  context: RequestContext,
  db: Reader,
  { action, tenantId, facts }: Pick<Question, "action" | "facts"> & { readonly tenantId: string },
): Promise<RefusedWithin | undefined> {
  const { principal } = context;
  const { query } = await gather(db, { principal, action, tenantId, facts, now: new Date() });
  const decision = decided(context, query);
  if (decision.outcome === "allow") return undefined;
  const refusal = refusalOf(action, decision);
  const { policies, version: policyVersion } = decision;
  const made = { action, role: principal.role, policies, policyVersion };
  const counted = decision.outcome === "deny" ? ("policy" as const) : ("policy_error" as const);
  const details = denialDetails(refusal, decision);
  return { refusal, denial: { action, tenantId, counted, details, made } };
}

/** What the audit event of a denial says of it. */
export function denialDetails(refusal: ProblemError, decision: PolicyDecision | undefined) {
  const { reasons, errors } = decision ?? { reasons: [], errors: [] };
  return {
    code: refusal.code,
    reasons: reasons.map(({ policyId, reason }) => ({ policyId, reason })),
    errors,
  };
}

/** Decides, and counts it for the tenant. */
export function decided(
  { policy, metrics }: Pick<ServiceContext, "policy" | "metrics">,
  query: PolicyQuery,
): PolicyDecision {
  const startedAt = process.hrtime.bigint();
  const decision = policy.decide(query);
  if (query.tenant !== null && query.tenant.tenantId !== NEW_TENANT_ID) {
    const { tenantId, regions } = query.tenant;
    const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
    const region = regions.length > 1 ? "several" : (regions[0] ?? "none");
    metrics.tenants.policy({ tenantId, region, decision: decision.outcome, seconds });
  }
  return decision;
}

/** That a plane is not there, or the window closed, must not hide that it would have been another region's. */
function hides(own: ProblemError, refusal: ProblemError): boolean {
  return refusal.code === "residency_violation" && own.code !== "region_not_allowed";
}

/** What says that there is nothing to decide on is thrown as it is; what fails is a refusal, as nothing was decided. */
async function gathering(
  context: RequestContext,
  action: OperationId,
  tenantId: string | undefined,
  facts: PolicyFacts,
): Promise<Gathered | ProblemError> {
  const { principal, registry } = context;
  try {
    return await registry.read((db) => gather(db, { principal, action, tenantId, facts, now: new Date() }));
  } catch (thrown) {
    if (thrown instanceof ProblemError) throw thrown;
    return cannotDecide(action, ["what the policies look at could not be read"], thrown);
  }
}

function refusalOf(action: OperationId, decision: PolicyDecision): ProblemError {
  if (decision.outcome === "error") return cannotDecide(action, decision.errors, undefined);
  const { reasons, version } = decision;
  const isCrossRegion = reasons.some(({ security }) => security === "cross_region");
  const code: ErrorCode = isCrossRegion ? "residency_violation" : "policy_denied";
  const advice = reasons.flatMap((reason) => reason.advice ?? []);
  return new ProblemError(code, {
    detail: `Cannot do ${action}: ${reasons.map(({ reason }) => reason).join(" ")}`,
    hint: [...new Set(advice), "See GET /v1/control-plane/policy for the policies."].join(" "),
    reasons: reasons.map(({ policyId, reason, advice }) => ({ policyId, reason, advice })),
    ...(version !== null && { policyVersion: version }),
  });
}

function cannotDecide(action: OperationId, errors: readonly string[], cause: unknown): ProblemError {
  return new ProblemError("policy_error", {
    detail: `Cannot do ${action}: the policies must be evaluated first, and that failed (${errors.join("; ")}).`,
    hint: "Nothing was changed. See GET /v1/control-plane/policy for what is wrong, mend the policies, then try again.",
    cause,
  });
}
