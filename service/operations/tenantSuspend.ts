import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import { recordDeployed, recordUnfinished } from "./observed.ts";
import type { Saga } from "./saga.ts";
import { deployStep, resolveSpecStep, steadyStep } from "./steps.ts";

/** Stops a target's workloads and keeps its data. The tenant is suspended when its last target is. */
export const tenantSuspend: Saga = {
  kind: "tenant_suspend",
  steps: [resolveSpecStep(() => "suspended"), deployStep, steadyStep],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    await recordDeployed(change, run, "suspended");
    const { tenantId } = run.target;
    const tenant = await tenantGet(change.db, tenantId);
    const targets = await targetsOfTenant(change.db, tenantId);
    const live = targets.filter((target) => target.requestedState !== "absent");
    if (tenant.requestedStatus !== "suspended") return;
    if (live.some((target) => target.deploymentState !== "suspended")) return;
    await tenantTransitionComplete(change, tenantId, "suspend", run.operation.reason ?? undefined);
  },
};
