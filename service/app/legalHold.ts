import type { LegalHoldPlace } from "../../contract/decommission.ts";
import { ProblemError } from "../../contract/errors.ts";
import { requireTransition } from "../../contract/lifecycle.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantDelete as registryTenantDelete, tenantLegalHold } from "../../registry/tenantLifecycle.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { refuseHeld } from "./endGates.ts";

/**
 * A legal hold keeps everything of a tenant: while it stands, neither a person nor the end of a grace period nor that of a
 * retention deletes anything. It may be placed on a tenant that is being decommissioned, as long as its destruction has
 * not begun to be of use.
 */
export async function legalHoldPlace(
  context: RequestContext,
  tenantId: string,
  { reason }: LegalHoldPlace,
): Promise<Tenant> {
  await authorize(context, "legalHoldPlace", tenantId);
  return changeAs(context, async (change) => {
    const tenant = await tenantGet(change.db, tenantId);
    if (tenant.status === "deleted") requireTransition(tenant.status, "update");
    const hold = { reason, placedBy: context.principal.id, placedAt: change.now };
    return tenantLegalHold(change, tenantId, hold, reason);
  });
}

export async function legalHoldLift(
  context: RequestContext,
  tenantId: string,
  reason: string,
): Promise<Tenant> {
  await authorize(context, "legalHoldLift", tenantId);
  return changeAs(context, (change) => tenantLegalHold(change, tenantId, null, reason));
}

/** A draft that was never activated leaves nothing behind but its record. */
export async function tenantDelete(
  context: RequestContext,
  tenantId: string,
  reason: string | undefined,
): Promise<Tenant> {
  await authorize(context, "tenantDelete", tenantId);
  return changeAs(context, async (change) => {
    const tenant = await tenantGet(change.db, tenantId);
    requireTransition(tenant.status, "delete");
    refuseHeld(tenant, "delete");
    const [target] = await targetsOfTenant(change.db, tenantId);
    if (target === undefined) return registryTenantDelete(change, tenantId, reason);
    throw new ProblemError("illegal_transition", {
      detail: `Cannot delete the draft: nothing of it may be deployed, but it has a target on ${target.planeName}.`,
      hint: "Decommission it; a draft has no grace period.",
      errors: [{ path: "tenant.targets", message: "are there", value: target.targetId }],
      legalTransitions: [{ action: "decommission", to: "deleted" }],
    });
  });
}
