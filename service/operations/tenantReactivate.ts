import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import { provisionDatabaseStep, restartServicesStep } from "./dataSteps.ts";
import { recordDeployed, recordUnfinished } from "./observed.ts";
import { publishRoutingStep } from "./routingStep.ts";
import { oldStateOf, type Saga, type Step } from "./saga.ts";
import { deployStep, resolveSpecStep, steadyStep } from "./steps.ts";

const started = resolveSpecStep(() => "resuming");
const running = resolveSpecStep(() => "running");

/** Workloads that were never stopped keep the task counts that autoscaling gave them. */
const resolveStep: Step = {
  ...started,
  run: (run) => (oldStateOf(run.input)?.suspensionMode === "access" ? running : started).run(run),
};

/**
 * Starts a suspended target's workloads on the release that its plane runs by now, and lets its users in when they are
 * healthy. The tenant is active when all of its targets that are to run are ready.
 */
export const tenantReactivate: Saga = {
  kind: "tenant_reactivate",
  steps: [
    ...[resolveStep, deployStep, provisionDatabaseStep, restartServicesStep, steadyStep],
    publishRoutingStep,
  ],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    await recordDeployed(change, run, "ready");
    const { tenantId } = run.target;
    const tenant = await tenantGet(change.db, tenantId);
    if (tenant.status !== "suspended" || tenant.requestedStatus !== "active") return;
    const wanted = (await targetsOfTenant(change.db, tenantId)).filter(
      (target) => target.requestedState === "present",
    );
    if (wanted.some((target) => target.deploymentState !== "ready")) return;
    await tenantTransitionComplete(change, tenantId, "reactivate", run.operation.reason ?? undefined);
  },
};
