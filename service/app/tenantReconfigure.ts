import { requireTransition } from "../../contract/lifecycle.ts";
import type { OperationAccepted } from "../../contract/operation.ts";
import type { TenantReconfigure } from "../../contract/tenantLifecycle.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet, tenantUpdate } from "../../registry/tenant.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";
import { accepted, isToStay, refuseArchiving } from "./lifecycleTargets.ts";
import { refuseManaged } from "./managed.ts";
import { requestOperations } from "./requestOperations.ts";
import { refuseClosed } from "./startGates.ts";
import { optionsOf } from "./tenantLifecycle.ts";

/**
 * A change of the record and its deployment as one: either both are asked for or neither. A tenant without a stack has only
 * its record changed. When the operation is undone, the targets are as before and the record is not: it says what is wanted.
 */
export async function tenantReconfigure(
  context: RequestContext,
  tenantId: string,
  input: TenantReconfigure,
  expectedVersion: number | undefined,
): Promise<OperationAccepted> {
  await authorize(context, "tenantReconfigure", tenantId);
  return accepted(context, tenantId, async (change) => {
    const before = await tenantGet(change.db, tenantId);
    requireTransition(before.status, "update");
    await refuseManaged(context, change, before, { what: "change" });
    const { reason } = input;
    const after = await tenantUpdate(change, tenantId, input.change, { expectedVersion, reason });
    const running = before.status === "active" || before.status === "suspended";
    if (!running || after.recordVersion === before.recordVersion) return [];
    const targets = (await targetsOfTenant(change.db, tenantId)).filter(isToStay);
    refuseArchiving(targets, "change");
    await refuseClosed(change, targets, input.emergency);
    return requestOperations(change, targets, {
      ...{ kind: "tenant_deploy", state: "updating" },
      ...optionsOf(input),
      input: {},
    });
  });
}
