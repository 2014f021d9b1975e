import type { TenantDecommission, TenantDecommissionUndo } from "../../contract/decommission.ts";
import { ProblemError } from "../../contract/errors.ts";
import { illegalTransition, requireTransition } from "../../contract/lifecycle.ts";
import type { Operation, OperationAccepted } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import {
  type Decommission,
  decommissionCreate,
  decommissionLive,
  decommissionUpdate,
} from "../../registry/decommission.ts";
import { operationLiveOfTarget } from "../../registry/operation.ts";
import type { Change } from "../../registry/registry.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantDecommissionUndone, tenantTransitionRequest } from "../../registry/tenantLifecycle.ts";
import { finishDecommission } from "../operations/certificate.ts";
import { requestDestruction } from "../operations/decommissionDue.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";
import { refuseHeld, refuseNotImmediately } from "./endGates.ts";
import { accepted, liveTargets } from "./lifecycleTargets.ts";
import { requestReactivation, requestSuspension } from "./tenantLifecycle.ts";

/**
 * The end of a tenant. Asked for, it blocks the tenant at once and waits; when the grace period has ended, the destruction begins
 * (operations/decommissionDue.ts), and until then it can be undone. Without a grace period, for drafts, for admins who
 * say so, and where the service is set to have none, the destruction begins in the request. A legal hold refuses both.
 */
const HOUR_MS = 3_600_000;

export async function tenantDecommission(
  context: RequestContext,
  tenantId: string,
  input: TenantDecommission,
): Promise<OperationAccepted> {
  await authorize(context, "tenantDecommission", tenantId);
  return accepted(context, tenantId, async (change) => {
    const tenant = await tenantGet(change.db, tenantId);
    requireTransition(tenant.status, "decommission");
    refuseWrongSlug(tenant, input.confirmSlug);
    refuseHeld(tenant, "decommission");
    const { chosen, whole } = await liveTargets(change, tenantId, input.planes, { toEnd: true });
    const live = await decommissionLive(change.db, tenantId);
    const graceMs = live?.state === "destroying" ? 0 : graceOf(context, tenant, input, whole);
    if (!whole) return requestDestruction(change, chosen, { reason: input.reason, whole });
    return graceMs === 0
      ? destroyNow(context, change, { tenant, chosen, input, live })
      : beginGrace(change, { tenant, chosen, input, live, graceMs });
  });
}

interface WholeTenant {
  readonly tenant: Tenant;
  readonly chosen: readonly Target[];
  readonly input: TenantDecommission;
  readonly live: Decommission | undefined;
}

async function destroyNow(
  context: RequestContext,
  change: Change,
  { tenant, chosen, input, live }: WholeTenant,
): Promise<Operation[]> {
  const { tenantId } = tenant;
  const { reason } = input;
  const facts = { tenantId, statusBefore: tenant.status, blockedTargets: [], reason, graceMs: 0 };
  const decommission = live ?? (await decommissionCreate(change, facts));
  if (decommission.state === "waiting")
    await decommissionUpdate(change, decommission, { state: "destroying" });
  const operations = await requestDestruction(change, chosen, { reason, whole: true });
  await tenantTransitionRequest(change, tenantId, "decommission", { reason });
  if (chosen.length === 0) await finishDecommission(context, change, tenantId, reason);
  return operations;
}

/** Shuts the tenant's users out and lets everything stand. Asked for again, it blocks what could not be blocked before. */
async function beginGrace(
  change: Change,
  { tenant, chosen, input, live, graceMs }: WholeTenant & { readonly graceMs: number },
): Promise<Operation[]> {
  const { tenantId } = tenant;
  const { reason } = input;
  const running = chosen.filter(({ requestedState, deploymentState }) => {
    return requestedState === "present" || (requestedState === "suspended" && deploymentState === "failed");
  });
  const blockedTargets = [
    ...new Set([...(live?.blockedTargets ?? []), ...running.map((one) => one.targetId)]),
  ];
  const decommission =
    live ??
    (await decommissionCreate(change, {
      tenantId,
      statusBefore: tenant.status,
      blockedTargets,
      reason,
      graceMs,
    }));
  const graceUntil = new Date(Date.parse(change.now) + graceMs).toISOString();
  if (live !== undefined) await decommissionUpdate(change, decommission, { blockedTargets, graceUntil });
  const operations = await requestSuspension(change, tenant, running, {
    reason: `decommissioning: ${reason}`,
    whole: false,
    // What cannot be stopped must not bring the tenant's users back in.
    onFailure: "keep",
  });
  await tenantTransitionRequest(change, tenantId, "decommission", { reason, decommissionAfter: graceUntil });
  return operations;
}

/** A draft has never had a user; a part of a tenant has no status of its own that could wait. */
function graceOf(
  context: RequestContext,
  tenant: Tenant,
  { graceHours, immediately }: TenantDecommission,
  whole: boolean,
): number {
  if (tenant.status === "draft") return 0;
  if (immediately) {
    refuseNotImmediately(context);
    return 0;
  }
  const graceMs = graceHours === undefined ? context.settings.decommissionGraceMs : graceHours * HOUR_MS;
  if (whole || graceMs === 0) return graceMs;
  throw new ProblemError("invalid_request", {
    detail: "Cannot decommission a part of a tenant later: only a whole tenant has a grace period.",
    hint: "Send immediately: true with an admin's key, or leave planes out.",
    errors: [{ path: "body.planes", message: "is a part of the tenant, which has no grace period" }],
  });
}

export async function tenantDecommissionUndo(
  context: RequestContext,
  tenantId: string,
  { reason }: TenantDecommissionUndo,
): Promise<OperationAccepted> {
  await authorize(context, "tenantDecommissionUndo", tenantId);
  return accepted(context, tenantId, async (change) => {
    const tenant = await tenantGet(change.db, tenantId);
    const live = await decommissionLive(change.db, tenantId);
    if (tenant.status !== "decommissioning" || live === undefined) {
      throw illegalTransition(tenant.status, "undo_decommission");
    }
    if (live.state !== "waiting") throw graceEnded(live);
    await decommissionUpdate(change, live, { state: "undone" });
    const blocked = await blockedTargets(change, live);
    const back = { reason, toStart: blocked.length > 0 };
    await tenantDecommissionUndone(change, tenantId, live.statusBefore, back);
    return requestReactivation(context, change, blocked, { reason, whole: live.statusBefore === "active" });
  });
}

/** Those that the decommissioning suspended and that are still there. One that is still being suspended refuses. */
async function blockedTargets(change: Change, live: Decommission): Promise<Target[]> {
  const targets = await targetsOfTenant(change.db, live.tenantId);
  const blocked = targets.filter(({ targetId }) => live.blockedTargets.includes(targetId));
  const free: Target[] = [];
  for (const target of blocked) {
    // Its suspension was cancelled or failed and was undone: there is nothing to take back.
    const idle = (await operationLiveOfTarget(change.db, target.targetId)) === undefined;
    if (idle && target.requestedState === "present" && target.deploymentState === "ready") continue;
    free.push(target);
  }
  return free;
}

function graceEnded({ graceUntil }: Decommission): ProblemError {
  return new ProblemError("grace_ended", {
    detail: `Cannot undo the decommissioning: its grace period ended at ${graceUntil}, and the destruction has begun.`,
    hint: "Wait for it to end; then create a new tenant.",
    errors: [{ path: "tenant.decommissionAfter", message: "has passed", value: graceUntil }],
  });
}

function refuseWrongSlug(tenant: Tenant, confirmSlug: string): void {
  if (confirmSlug === tenant.slug) return;
  throw new ProblemError("confirmation_mismatch", {
    detail: `Cannot decommission: confirmSlug must be the tenant's slug, got ${confirmSlug}.`,
    hint: "Type the slug of the tenant you mean; nothing has been changed.",
    errors: [{ path: "body.confirmSlug", message: "is not this tenant's slug", value: confirmSlug }],
  });
}
