import { requireTransition, type TenantAction } from "../contract/lifecycle.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { TenantStatus } from "../contract/vocabulary.ts";
import type { Change } from "./registry.ts";
import { tenantGet, tenantWrite } from "./tenant.ts";

/** The actions that move a tenant from one status to another; `deploy` moves none. */
export type TransitionAction = Exclude<TenantAction, "deploy" | "finish_decommission">;

const REQUESTED: Readonly<Record<TransitionAction, string>> = {
  activate: "tenant.activation_requested",
  suspend: "tenant.suspension_requested",
  reactivate: "tenant.reactivation_requested",
  archive: "tenant.archival_requested",
  restore: "tenant.restoration_requested",
  decommission: "tenant.decommission_requested",
};

const DONE: Readonly<Record<TransitionAction, string>> = {
  activate: "tenant.activated",
  suspend: "tenant.suspended",
  reactivate: "tenant.reactivated",
  archive: "tenant.archived",
  restore: "tenant.restored",
  decommission: "tenant.decommissioned",
};

/**
 * Writes down where the tenant is to go, after checking that its status allows it. The status itself follows with
 * `tenantTransitionComplete`, when the cloud has followed; only decommissioning shows at once, as there is no way back.
 */
export async function tenantTransitionRequest(
  change: Change,
  tenantId: string,
  action: TransitionAction,
  reason?: string,
): Promise<Tenant> {
  const before = await tenantGet(change.db, tenantId);
  const to = requireTransition(before.status, action);
  const after: Tenant =
    action === "decommission"
      ? { ...before, requestedStatus: "deleted", status: to === "deleted" ? before.status : to }
      : { ...before, requestedStatus: to };
  const written = await tenantWrite(change, before, after, REQUESTED[action], reason);
  // Asked for again, after a failure: no field changes, yet who asked must be on record.
  if (written === before) await auditAgain(change, before, REQUESTED[action], reason);
  return written;
}

/** Makes the requested status the actual one; does nothing when it already is. */
export async function tenantTransitionComplete(
  change: Change,
  tenantId: string,
  action: TransitionAction,
  reason?: string,
): Promise<Tenant> {
  const before = await tenantGet(change.db, tenantId);
  const to = completedStatus(before, action);
  const after: Tenant = {
    ...before,
    status: to,
    requestedStatus: to,
    archivedAt: to === "archived" ? change.now : null,
    deletedAt: to === "deleted" ? change.now : null,
  };
  return await tenantWrite(change, before, after, DONE[action], reason);
}

function completedStatus(tenant: Tenant, action: TransitionAction): TenantStatus {
  if (tenant.status === GOALS[action]) return tenant.status;
  if (action === "decommission" && tenant.status === "decommissioning") {
    return requireTransition(tenant.status, "finish_decommission");
  }
  return requireTransition(tenant.status, action);
}

const GOALS: Readonly<Record<TransitionAction, TenantStatus>> = {
  activate: "active",
  suspend: "suspended",
  reactivate: "active",
  archive: "archived",
  restore: "active",
  decommission: "deleted",
};

async function auditAgain(
  change: Change,
  tenant: Tenant,
  action: string,
  reason: string | undefined,
): Promise<void> {
  await change.audit({
    action,
    target: { type: "tenant", id: tenant.tenantId },
    tenantId: tenant.tenantId,
    reason: reason ?? null,
    details: { recordVersion: tenant.recordVersion, again: true },
  });
}
