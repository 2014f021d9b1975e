import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import { provisionDatabaseStep, restartServicesStep } from "./dataSteps.ts";
import { recordDeployed, recordUnfinished } from "./observed.ts";
import { withPreflight } from "./preflightAdvice.ts";
import { publishRoutingStep } from "./routingStep.ts";
import type { Saga } from "./saga.ts";
import { deployStep, resolveSpecStep, steadyStep } from "./steps.ts";

/** Provisions a tenant on one plane. The tenant is active as soon as one of its targets is ready. */
export const tenantActivate: Saga = {
  kind: "tenant_activate",
  steps: [
    ...[
      withPreflight(resolveSpecStep(() => "running")),
      deployStep,
      provisionDatabaseStep,
      restartServicesStep,
    ],
    ...[steadyStep, publishRoutingStep],
  ],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    await recordDeployed(change, run, "ready");
    const { tenantId } = run.target;
    await tenantTransitionComplete(change, tenantId, "activate", run.operation.reason ?? undefined);
  },
};
