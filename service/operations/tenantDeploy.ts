import { recordDeployed, recordUnfinished } from "./observed.ts";
import type { Workload } from "./resolveSpec.ts";
import type { Saga } from "./saga.ts";
import { deployStep, resolveSpecStep, steadyStep, type WorkloadFacts } from "./steps.ts";

/** Brings a target to the current record and a release; a suspended one stays suspended. */
export const tenantDeploy: Saga = {
  kind: "tenant_deploy",
  steps: [resolveSpecStep(workloadOf), deployStep, steadyStep],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    await recordDeployed(change, run, run.target.requestedState === "suspended" ? "suspended" : "ready");
  },
};

/** Task counts that an earlier suspension set to zero come back only when they are written. */
export function workloadOf({ target, appliedWorkload }: WorkloadFacts): Workload {
  if (target.requestedState === "suspended") return "suspended";
  return appliedWorkload === "suspended" ? "resuming" : "running";
}
