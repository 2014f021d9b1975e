import type { Operation } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import {
  type Decommission,
  decommissionLive,
  decommissionsDue,
  decommissionUpdate,
} from "../../registry/decommission.ts";
import { operationLiveOfTarget } from "../../registry/operation.ts";
import type { Change } from "../../registry/registry.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { requestOperations } from "../app/requestOperations.ts";
import { limits } from "../config/limits.ts";
import { finishDecommission } from "./certificate.ts";

/**
 * The end of grace periods. It takes no orders and keeps no timer for each tenant: again and again it reads which
 * decommissionings are due, and asks for the destruction of each in one change. So a restart forgets none, two
 * processes cannot begin one twice, and a legal hold placed in time holds it for as long as it stands.
 */
export async function destroyDue(service: ServiceContext, now: string): Promise<void> {
  const due = await service.registry.read((db) => decommissionsDue(db, now, limits.decommissionsAtOnce));
  for (const decommission of due) {
    const begin = (change: Change) => beginDestruction(service, change, decommission);
    const { tenantId } = decommission;
    // What stands in one tenant's way holds nobody else up.
    await service.registry
      .change(controllerFor(decommission), begin, { tenantId })
      .catch((thrown: unknown) =>
        service.log.error({ err: thrown, tenantId }, "cannot begin a destruction that is due"),
      );
  }
  if (due.length > 0) service.nudges.nudge("operations");
}

async function beginDestruction(
  service: ServiceContext,
  change: Change,
  { tenantId, decommissionId }: Decommission,
): Promise<void> {
  const live = await decommissionLive(change.db, tenantId);
  if (live?.decommissionId !== decommissionId || live.state !== "waiting") return;
  if (live.graceUntil > change.now) return;
  if ((await tenantGet(change.db, tenantId)).legalHold !== null) return;
  const targets = await targetsOfTenant(change.db, tenantId);
  for (const { targetId } of targets) {
    // What is under way there ends first; this is tried again soon.
    if ((await operationLiveOfTarget(change.db, targetId)) !== undefined) return;
  }
  await decommissionUpdate(change, live, { state: "destroying" });
  await requestDestruction(change, targets, { reason: live.reason, whole: true });
  await change.audit({
    action: "tenant.decommission_due",
    target: { type: "tenant", id: tenantId },
    tenantId,
    reason: live.reason,
    details: { graceUntil: live.graceUntil, targets: targets.length },
  });
  if (targets.length === 0) await finishDecommission(service, change, tenantId, live.reason);
}

export function requestDestruction(
  change: Change,
  targets: readonly Target[],
  { reason, whole }: { readonly reason: string; readonly whole: boolean },
): Promise<Operation[]> {
  return requestOperations(change, targets, {
    ...{ kind: "tenant_decommission", state: "deprovisioning" },
    ...(whole && { transition: "decommission" }),
    patch: { requestedState: "absent" },
    reason,
    input: {},
  });
}
