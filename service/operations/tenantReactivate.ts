import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import { recordDeployed, recordUnfinished } from "./observed.ts";
import type { Saga } from "./saga.ts";
import { deployStep, resolveSpecStep, steadyStep } from "./steps.ts";

/** Starts a suspended target's workloads. The tenant is active when all of its targets that are to run are ready. */
export const tenantReactivate: Saga = {
  kind: "tenant_reactivate",
  steps: [resolveSpecStep(() => "resuming"), deployStep, steadyStep],
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
