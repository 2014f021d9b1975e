import { isDataInPlace } from "./dataInPlace.ts";
import { provisionDatabaseStep, restartServicesStep } from "./dataSteps.ts";
import { recordDeployed, recordUnfinished } from "./observed.ts";
import type { Workload } from "./resolveSpec.ts";
import { publishRoutingStep } from "./routingStep.ts";
import type { Saga, Step } from "./saga.ts";
import { deployStep, resolveSpecStep, steadyStep, type WorkloadFacts } from "./steps.ts";

/** Where the engine had nothing to do, nothing else has either. */
function unlessUnchanged(step: Step): Step {
  return {
    ...step,
    run: async (run) => (run.results.deploy?.unchanged === true ? { skipped: true } : step.run(run)),
  };
}

/** The tasks are new ones in any case; with the credentials as they were none has to start once more. */
const provisionStep: Step = {
  ...provisionDatabaseStep,
  async run(run) {
    if (!(await isDataInPlace(run))) return provisionDatabaseStep.run(run);
    await run.say("The database and its credentials are in place since the last deployment");
    return { kept: true, credentialsWritten: false };
  },
};

/** Brings a target to the current record and a release; a suspended one stays suspended. */
export const tenantDeploy: Saga = {
  kind: "tenant_deploy",
  steps: [
    ...[resolveSpecStep(workloadOf), deployStep],
    ...[provisionStep, restartServicesStep].map(unlessUnchanged),
    ...[steadyStep, unlessUnchanged(publishRoutingStep)],
  ],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    await recordDeployed(change, run, run.target.requestedState === "suspended" ? "suspended" : "ready");
  },
};

/** Task counts that an earlier suspension set to zero come back only when they are written. */
export function workloadOf({ target, appliedWorkload }: WorkloadFacts): Workload {
  if (target.requestedState === "suspended" && target.suspensionMode !== "access") return "suspended";
  return appliedWorkload === "suspended" ? "resuming" : "running";
}
