import { targetUpdate } from "../../registry/target.ts";
import { restartServicesStep, rotatePasswordStep } from "./dataSteps.ts";
import { recordUnfinished } from "./observed.ts";
import type { Saga } from "./saga.ts";
import { appliedSpecStep, steadyStep } from "./steps.ts";
import { workloadOf } from "./tenantDeploy.ts";

/**
 * Gives a target's services a new database password. The stack stays as it is: only the secrets' values and the tasks that
 * read them change. There is nothing to undo, as the login of before goes on until the next rotation.
 */
export const tenantRotateCredentials: Saga = {
  kind: "tenant_rotate_credentials",
  steps: [appliedSpecStep(workloadOf), rotatePasswordStep, restartServicesStep, steadyStep],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    const { target, operation, results, input } = run;
    const { deploymentState = "ready", lastOperationStatus = null } = input.before ?? {};
    // What an earlier failure left half done is not made whole by another password.
    const isWhole = deploymentState === "ready" || deploymentState === "suspended";
    await targetUpdate(
      change,
      target.targetId,
      { deploymentState, lastOperationStatus: isWhole ? "succeeded" : lastOperationStatus },
      {
        action: "target.credentials_rotated",
        reason: operation.reason,
        details: { role: results.rotate_password?.role ?? null },
      },
    );
  },
};
