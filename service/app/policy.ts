import { ProblemError } from "../../contract/errors.ts";
import type {
  PolicyEvaluate,
  PolicyEvaluation,
  PolicyRecord,
  PolicySetAnswer,
} from "../../contract/policy.ts";
import { OPERATION_IDS, type OperationId, routes } from "../../contract/routes.ts";
import { policyLoadFind } from "../../registry/policy.ts";
import { nearest } from "../manifest/nearest.ts";
import { gather } from "../policy/gather.ts";
import { cedarSchema } from "../policy/schema.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";
import { isOutside, reachOfAsked } from "./environmentScope.ts";
import { roleCovers } from "./roleCovers.ts";

export async function policyGet(context: RequestContext): Promise<PolicySetAnswer> {
  await authorize(context, "policyGet");
  const { current, status, governsReads } = context.policy;
  const { source, loadedAt, checkedAt, problem } = status;
  return {
    ...{ version: current?.version ?? null, source, loadedAt, checkedAt, governsReads },
    problem: problem && { at: problem.at, messages: [...problem.messages] },
    warnings: [...(current?.warnings ?? [])],
    policies: [...(current?.policies.values() ?? [])],
  };
}

export async function policySchemaGet(context: RequestContext): Promise<string> {
  await authorize(context, "policySchemaGet");
  return cedarSchema();
}

export async function policyVersionGet(context: RequestContext, version: string): Promise<PolicyRecord> {
  await authorize(context, "policyVersionGet");
  const found = await context.registry.read((db) => policyLoadFind(db, version));
  if (found !== undefined) return { ...found, files: [...found.files] };
  throw new ProblemError("policy_version_not_found", {
    detail: `Cannot find the policies ${version}: no set of that version has ever held here.`,
    hint: "Audit events name versions in details.authorization.policyVersion.",
    errors: [{ path: "path.version", message: "names no set", value: version }],
  });
}

/** The same way as a request goes, from the role to the decision, and no further. */
export async function policyEvaluate(
  context: RequestContext,
  { principal, action: asked, tenantId, newTenant, facts, at }: PolicyEvaluate,
): Promise<PolicyEvaluation> {
  await authorize(context, "policyEvaluate", tenantId);
  const action = actionNamed(asked);
  const now = at === undefined ? new Date() : new Date(at);
  const needed = routes[action].role;
  const suffices = needed === null || roleCovers(principal.role, needed);
  const { query } = await context.registry.read((db) =>
    gather(db, {
      ...{ action, tenantId, now },
      principal: { id: "dry-run", ...principal },
      facts: newTenant === undefined ? facts : { ...facts, newTenant },
    }),
  );
  const { outcome, policies, reasons, errors, version } = context.policy.decide(query);
  const asking = { tenantId, planes: newTenant?.planes ?? facts.planes, recordVersion: facts.recordVersion };
  const reaches = await context.registry.read((db) => reachOfAsked(db, action, asking));
  const held = principal.environments;
  const isWithin = held === null || reaches === null || !isOutside(reaches, held);
  return {
    decision: outcome === "allow" && !(suffices && isWithin) ? "deny" : outcome,
    ...{ action, at: now.toISOString(), role: { needed, suffices } },
    environments: { reaches: reaches && [...reaches], suffices: isWithin },
    policies: [...policies],
    reasons: reasons.map(({ policyId, reason, advice }) => ({ policyId, reason, advice })),
    errors: [...errors],
    policyVersion: version,
    query: { resource: query.tenant && { ...query.tenant }, context: { ...query.facts } },
  };
}

function actionNamed(name: string): OperationId {
  const known = OPERATION_IDS.find((id) => id === name);
  if (known !== undefined) return known;
  const meant = nearest(name, OPERATION_IDS);
  throw new ProblemError("invalid_request", {
    detail: `Cannot evaluate: action must be an operation id, got ${name}.`,
    hint: meant === undefined ? "The operations are listed at /docs." : `Did you mean ${meant}?`,
    errors: [{ path: "body.action", message: "is no operation id", value: name }],
  });
}
