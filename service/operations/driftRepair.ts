import { recordDeployed, recordUnfinished } from "./observed.ts";
import type { Saga } from "./saga.ts";
import { appliedSpecStep, repairStep, resolvedOf, steadyStep, verifyStep } from "./steps.ts";
import { workloadOf } from "./tenantDeploy.ts";

/** Puts right what was changed or deleted out of band, and looks again: only what a scan no longer sees is resolved. */
export const driftRepair: Saga = {
  kind: "drift_repair",
  steps: [appliedSpecStep(workloadOf), repairStep, verifyStep, steadyStep],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    // Not what is wanted: after a suspension that failed, the spec that was put back still runs.
    await recordDeployed(
      change,
      run,
      resolvedOf(run.results).spec.workload === "suspended" ? "suspended" : "ready",
    );
  },
};
