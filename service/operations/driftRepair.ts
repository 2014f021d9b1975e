import { driftFindingsDigest } from "../../registry/driftDigest.ts";
import { driftFindingsNeedPerson, driftFindingsReport } from "../../registry/driftFinding.ts";
import { lookAtTarget } from "../drift/look.ts";
import type { PreviewResult } from "../engine/engine.ts";
import { recordDeployed, recordUnfinished } from "./observed.ts";
import { type Saga, type Step, StepError } from "./saga.ts";
import { appliedSpecStep, repairStep, resolvedOf, steadyStep, verifyStep } from "./steps.ts";
import { workloadOf } from "./tenantDeploy.ts";

/**
 * A repair that is bound to findings puts right what was seen and nothing else: what has come since may be why somebody would
 * rather not have it repaired. What it sees instead is written down, so that the next look at the findings is the true one.
 */
export const lookAgainStep: Step = {
  name: "look_again",
  idempotence: "It only looks, and what it writes down is what it sees.",
  async run(run) {
    const { service, target, input, hooks } = run;
    if (input.findings === undefined) return { skipped: true };
    const seen = await lookAtTarget(service, target, hooks);
    const digest = driftFindingsDigest(seen);
    if (digest === input.findings.digest) {
      await run.say("What differs is what was seen");
      return { digest };
    }
    await run.change((change) => driftFindingsReport(change, target, null, seen), {
      tenantId: target.tenantId,
    });
    throw new StepError(
      "findings_changed",
      "Cannot repair: what differs must be what was seen when the repair was asked for, and by now something else " +
        "does. What differs now is written down; look at it and ask again.",
    );
  },
};

/** What nobody asked for must not delete or replace anything: only a preview that has read the cloud can tell. */
export const checkAutomaticStep: Step = {
  name: "check_automatic",
  idempotence: "It only looks.",
  async run(run) {
    const { service, target, input, hooks } = run;
    if (input.automatic !== true) return { skipped: true };
    const plan = await service.engine.previewRepair(resolvedOf(run.results).spec, hooks);
    const why = whyForPerson(plan);
    if (why === undefined) return { planDigest: plan.digest };
    await run.change((change) => driftFindingsNeedPerson(change, target, why), { tenantId: target.tenantId });
    throw new StepError(
      "needs_person",
      `Cannot repair automatically: ${why}. Ask for the repair, or deploy, if that is what you want.`,
    );
  },
};

function whyForPerson({ changes, replaces, deletes }: PreviewResult): string | undefined {
  if (replaces + deletes === 0) return undefined;
  const named = changes
    .filter(({ op }) => op === "delete" || op.includes("replace"))
    .slice(0, 5)
    .map(({ resourceType, logicalName }) => `${resourceType} ${logicalName}`);
  return `the repair would replace ${replaces} and delete ${deletes} resources (${[...new Set(named)].join(", ")})`;
}

/** What was checked is what is done. */
const repairAsChecked: Step = {
  ...repairStep,
  run(run) {
    const digest = run.results.check_automatic?.planDigest;
    if (typeof digest !== "string") return repairStep.run(run);
    return repairStep.run({ ...run, hooks: { ...run.hooks, expectedPlan: { digest } } });
  },
};

/** Puts right what was changed or deleted out of band, and looks again: only what a scan no longer sees is resolved. */
export const driftRepair: Saga = {
  kind: "drift_repair",
  steps: [
    ...[appliedSpecStep(workloadOf), lookAgainStep, checkAutomaticStep],
    ...[repairAsChecked, verifyStep, steadyStep],
  ],
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
