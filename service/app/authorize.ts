import { ProblemError } from "../../contract/errors.ts";
import type { Route } from "../../contract/route.ts";
import { type OperationId, routes } from "../../contract/routes.ts";
import type { ApiKeyRole } from "../../contract/vocabulary.ts";
import { type Change, FLEET_SCOPE, type Reader } from "../../registry/registry.ts";
import { tenantFind } from "../../registry/tenant.ts";
import type { PolicyFacts } from "../policy/facts.ts";
import { noteTenant } from "../tracing/scope.ts";
import { besideRequest, changeAs, type RequestContext } from "./context.ts";
import { Overtaken } from "./overtaken.ts";
import { askPolicies, denialDetails } from "./policyGate.ts";
import { roleCovers } from "./roleCovers.ts";

/**
 * The first line of every function that does something for a caller: its role must do, and then the policies must allow
 * it. `facts` is what the request would do that policies look at. Denials go into the audit chain, of the tenant when one is named.
 */
export async function authorize(
  context: RequestContext,
  action: OperationId,
  tenantId?: string,
  facts: PolicyFacts = {},
): Promise<void> {
  await refuseRole(context, action, tenantId);
  const { decision, refusal, stillHolds } = await askPolicies(context, action, tenantId, facts);
  if (context.decision !== undefined) {
    const { role } = context.principal;
    const { policies = [], version = null } = decision ?? {};
    context.decision.made = { action, role, policies, policyVersion: version };
    if (stillHolds === undefined) delete context.decision.stillHolds;
    else context.decision.stillHolds = stillHolds;
  }
  if (refusal === undefined) return;
  context.metrics.denials.inc({ reason: decision?.outcome === "deny" ? "policy" : "policy_error" });
  await recordDenial(context, action, tenantId, denialDetails(refusal, decision));
  throw about(tenantId, refusal);
}

/** So that what is noted of the refusal later is noted of the tenant, who need not be in the request's path. */
function about(tenantId: string | undefined, refusal: ProblemError): ProblemError {
  if (tenantId === undefined) return refusal;
  return new ProblemError(refusal.code, { ...refusal.options, tenantId });
}

/**
 * The same for what is named by its own id alone: it is looked up first, and the question is put about the tenant whose it is, as if the
 * request had named that one. After the role, so that whoever has none learns nothing; an id that is nobody's is a 404 as `find` throws it.
 */
export async function authorizeRecord<T extends { readonly tenantId: string | null }>(
  context: RequestContext,
  action: OperationId,
  find: (db: Reader) => Promise<T>,
): Promise<T> {
  await refuseRole(context, action);
  const record = await context.registry.read(find);
  if (record.tenantId !== null) noteTenant(record.tenantId);
  await authorize(context, action, record.tenantId ?? undefined);
  return record;
}

/** A role may do what its route asks for and what lesser roles may; whoever has none may do nothing. */
export async function refuseRole(
  context: RequestContext,
  action: OperationId,
  tenantId?: string,
): Promise<void> {
  const needed = neededFor(action);
  if (needed === null || (needed !== undefined && roleCovers(context.principal.role, needed))) return;
  context.metrics.denials.inc({ reason: "forbidden" });
  await recordDenial(context, action, tenantId);
  const { name, role } = context.principal;
  throw new ProblemError("forbidden", {
    detail: `Cannot do ${action}: it needs ${needed === undefined ? "a role nobody has" : `the role ${needed}`}, and the key ${name} has ${role ?? "none"}.`,
    hint: `Use a key with the role ${needed ?? "it needs"}, or ask an admin to make one.`,
  });
}

/** Undefined for what the contract does not have, which is denied to everybody. */
function neededFor(action: OperationId): ApiKeyRole | null | undefined {
  return (routes as Partial<Record<OperationId, Route>>)[action]?.role;
}

/**
 * In the chain of the tenant when one is named; an id that is no tenant's must not begin one. Under that chain's lock alone: whoever is
 * refused over and over keeps nobody waiting.
 */
export async function recordDenial(
  context: RequestContext,
  action: OperationId,
  tenantId: string | undefined,
  details: Record<string, unknown> = {
    needed: neededFor(action) ?? null,
    held: context.principal.role,
  },
): Promise<void> {
  const scope = tenantId === undefined ? FLEET_SCOPE : { tenantId };
  const record = async (change: Change) => {
    const known = tenantId !== undefined && (await tenantFind(change.db, tenantId)) !== undefined;
    await change.audit({
      action: "access.denied",
      target: known ? { type: "tenant", id: tenantId } : { type: "route", id: action },
      ...(known ? { tenantId } : {}),
      outcome: "denied",
      details: { action, ...details },
    });
  };
  await changeAs(besideRequest(context), record, scope);
}

/** Of a refusal that came inside the change, and so could not be recorded there. */
export async function recordOvertaken(context: RequestContext, thrown: unknown): Promise<void> {
  if (!(thrown instanceof Overtaken)) return;
  for (const { action, tenantId, counted, details, made } of thrown.denials) {
    context.metrics.denials.inc({ reason: counted });
    const asker = made === undefined ? context : { ...context, decision: { made } };
    await recordDenial(asker, action, tenantId, details);
  }
}
