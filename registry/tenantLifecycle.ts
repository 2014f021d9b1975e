import { requireTransition, type TenantAction } from "../contract/lifecycle.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { TenantStatus } from "../contract/vocabulary.ts";
import type { Change } from "./registry.ts";
import { tenantGet, tenantWrite } from "./tenant.ts";

/** The actions that lead from one status to another that the cloud must follow; `deploy` and `update` keep the status. */
export type TransitionAction = Exclude<
  TenantAction,
  "deploy" | "update" | "rotate_credentials" | "delete" | "undo_decommission" | "finish_decommission"
>;

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

export interface TransitionRequest {
  readonly reason?: string | undefined;
  /** Until when a decommissioning can be undone; null when it cannot. */
  readonly decommissionAfter?: string | null;
}

/**
 * Writes down where the tenant is to go, after checking that its status allows it. The status itself follows with
 * `tenantTransitionComplete`, when the cloud has followed; only decommissioning shows at once, as its users are shut out from
 * then on.
 */
export async function tenantTransitionRequest(
  change: Change,
  tenantId: string,
  action: TransitionAction,
  { reason, decommissionAfter = null }: TransitionRequest = {},
): Promise<Tenant> {
  const before = await tenantGet(change.db, tenantId);
  const to = requireTransition(before.status, action);
  const after: Tenant =
    action === "decommission"
      ? {
          ...before,
          requestedStatus: "deleted",
          status: to === "deleted" ? before.status : to,
          decommissionAfter,
        }
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
  return await tenantWrite(change, before, arrived(change, before, to), DONE[action], reason);
}

/** A draft has nothing in the cloud: it is deleted in the change that asks for it. */
export async function tenantDelete(change: Change, tenantId: string, reason?: string): Promise<Tenant> {
  const before = await tenantGet(change.db, tenantId);
  const to = requireTransition(before.status, "delete");
  return await tenantWrite(change, before, arrived(change, before, to), "tenant.deleted", reason);
}

/**
 * Takes a decommissioning back. What it suspended has to be started again, so a tenant that was active is shown as
 * suspended and on its way back until that is done.
 */
export async function tenantDecommissionUndone(
  change: Change,
  tenantId: string,
  statusBefore: TenantStatus,
  { reason, toStart }: { readonly reason: string; readonly toStart: boolean },
): Promise<Tenant> {
  const before = await tenantGet(change.db, tenantId);
  const status = statusBefore === "active" && toStart ? "suspended" : statusBefore;
  const after = { ...before, status, requestedStatus: statusBefore, decommissionAfter: null };
  return await tenantWrite(change, before, after, "tenant.decommission_undone", reason);
}

/** Nothing leads there any more: the tenant stays what it is. Audits `tenant.request_withdrawn`. */
export async function tenantRequestWithdraw(change: Change, tenantId: string): Promise<Tenant> {
  const before = await tenantGet(change.db, tenantId);
  const after = { ...before, requestedStatus: before.status };
  return await tenantWrite(change, before, after, "tenant.request_withdrawn");
}

/** Places a legal hold, or lifts it with null. Placed again, the newest reason counts. */
export async function tenantLegalHold(
  change: Change,
  tenantId: string,
  hold: Tenant["legalHold"],
  reason: string,
): Promise<Tenant> {
  const before = await tenantGet(change.db, tenantId);
  const action = hold === null ? "tenant.legal_hold_lifted" : "tenant.legal_hold_placed";
  return await tenantWrite(change, before, { ...before, legalHold: hold }, action, reason);
}

function arrived(change: Change, tenant: Tenant, to: TenantStatus): Tenant {
  return {
    ...tenant,
    status: to,
    requestedStatus: to,
    archivedAt: to === "archived" ? change.now : null,
    deletedAt: to === "deleted" ? change.now : null,
    decommissionAfter: null,
  };
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
