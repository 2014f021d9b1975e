import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import { recordDeployed, recordUnfinished } from "./observed.ts";
import { publishRoutingStep } from "./routingStep.ts";
import type { Saga, Step, StepRun } from "./saga.ts";
import { appliedSpecStep, deployStep, resolveSpecStep, steadyStep } from "./steps.ts";

const stopped = resolveSpecStep(() => "suspended");
const asItIs = appliedSpecStep(() => "running");

/** Access alone is a matter of routing: the stack stays as it was last deployed. */
function isAccessOnly({ target }: StepRun): boolean {
  return target.suspensionMode === "access";
}

const resolveStep: Step = {
  ...stopped,
  run: (run) => (isAccessOnly(run) ? asItIs.run(run) : stopped.run(run)),
};

const stopStep: Step = {
  ...deployStep,
  run: async (run) => (isAccessOnly(run) ? { unchanged: true } : deployStep.run(run)),
};

/**
 * Shuts the tenant's users out, and stops its workloads unless only access is to be blocked. Data, secrets and the
 * database's login stay. The tenant is suspended when its last target is.
 */
export const tenantSuspend: Saga = {
  kind: "tenant_suspend",
  steps: [publishRoutingStep, resolveStep, stopStep, steadyStep],
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
