import { ProblemError } from "../../contract/errors.ts";
import { requireTransition } from "../../contract/lifecycle.ts";
import type { OperationId } from "../../contract/routes.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { requirePlaceable } from "../../registry/placement.ts";
import { planBind, requireIsolationInPlan } from "../../registry/planBinding.ts";
import type { Reader } from "../../registry/registry.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantVersionGet } from "../../registry/tenant.ts";
import { refuseUnplaceable } from "../placement/placeTenant.ts";
import type { PolicyFacts } from "../policy/facts.ts";
import type { RequestContext } from "./context.ts";
import { refuseHeld, refuseNotImmediately } from "./endGates.ts";
import { closedProblem } from "./startGates.ts";

/**
 * Some of what policies forbid the operations refuse by themselves, with a code of its own that says more: a region that is not
 * allowed, an isolation that the plan does not offer, a legal hold. When a policy has denied, the operation's own
 * refusal is told instead, if it has one. Nothing here allows anything.
 */
interface Denied {
  readonly context: RequestContext;
  readonly action: OperationId;
  readonly tenant: Tenant | null;
  readonly facts: PolicyFacts;
}

export async function ownRefusal(denied: Denied): Promise<ProblemError | undefined> {
  try {
    await denied.context.registry.read((db) => refuse(db, denied));
    return undefined;
  } catch (thrown) {
    if (thrown instanceof ProblemError) return thrown;
    throw thrown;
  }
}

async function refuse(db: Reader, { context, action, tenant, facts }: Denied): Promise<void> {
  if (tenant === null) {
    const { newTenant } = facts;
    if (newTenant === undefined) return;
    const { isolation, plan, planVersion } = newTenant;
    return requireIsolationInPlan(db, await planBind(db, undefined, { plan, planVersion }), isolation);
  }
  switch (action) {
    case "tenantUpdate":
    case "tenantReconfigure":
    case "tenantVersionRestore":
      requireTransition(tenant.status, "update");
      await requirePlaceable(db, tenant, await changed(db, tenant, facts));
      return action === "tenantReconfigure" ? refuseWindow(db, tenant, facts) : undefined;
    case "tenantActivate":
      requireTransition(tenant.status, "activate");
      return refuseUnplaceable(db, tenant, facts.planes ?? tenant.planes);
    case "tenantDeploy":
      requireTransition(tenant.status, "deploy");
      if (facts.planes !== undefined) await refuseUnplaceable(db, tenant, facts.planes);
      return refuseWindow(db, tenant, facts);
    case "tenantDecommission":
      requireTransition(tenant.status, "decommission");
      refuseHeld(tenant, "decommission");
      return facts.immediately === true ? refuseNotImmediately(context) : undefined;
    case "tenantDelete":
      requireTransition(tenant.status, "delete");
      return refuseHeld(tenant, "delete");
    default:
      return undefined;
  }
}

async function changed(db: Reader, tenant: Tenant, facts: PolicyFacts): Promise<Tenant> {
  if (facts.recordVersion !== undefined) {
    const version = await tenantVersionGet(db, tenant.tenantId, facts.recordVersion);
    const { plan, planVersion, regions } = version.tenant;
    return { ...tenant, plan, planVersion, regions };
  }
  const { isolation = tenant.isolation, regions } = facts;
  const allowed = regions === undefined ? tenant.regions.allowed : [...regions];
  const binding = await planBind(db, tenant, facts);
  return { ...tenant, ...binding, isolation, regions: { ...tenant.regions, allowed } };
}

async function refuseWindow(db: Reader, tenant: Tenant, { planes, emergency }: PolicyFacts): Promise<void> {
  if (emergency === true) return;
  const targets = (await targetsOfTenant(db, tenant.tenantId)).filter(
    ({ planeName, currentReleaseNumber, requestedState }) =>
      currentReleaseNumber !== null && requestedState !== "absent" && (planes?.includes(planeName) ?? true),
  );
  const problem = await closedProblem(db, targets, new Date());
  if (problem !== undefined) throw problem;
}
