import type { StackTarget } from "../engine/engine.ts";
import { hasCode, lockOwnerIsDead } from "./failure.ts";
import type { StepRun } from "./saga.ts";

export function stackOf(run: StepRun): StackTarget {
  return { projectName: run.target.projectName, stackName: run.target.stackName };
}

/**
 * An engine run that first clears what an unclean end of an earlier one left: a CLI that outlived its service is stopped, pending
 * operations are settled by asking the cloud, and a lock is broken when its owner is certainly dead. Each once; what
 * is still in the way then is the step's failure.
 */
export async function withRecovery<T>(run: StepRun, engineRun: () => Promise<T>): Promise<T> {
  const { engine } = run.service;
  const stack = stackOf(run);
  if (run.cutOffRunId !== undefined) await engine.settle(stack, run.cutOffRunId);
  try {
    return await engineRun();
  } catch (thrown) {
    if (hasCode(thrown, "unclean_state")) return recovered(run, engineRun);
    if (!hasCode(thrown, "stack_locked") || !lockOwnerIsDead(thrown)) throw thrown;
    await run.say("The process that locked the stack is gone; removing its lock");
    await engine.breakLock(stack);
  }
  // A lock left behind often hides pending operations.
  try {
    return await engineRun();
  } catch (thrown) {
    if (hasCode(thrown, "unclean_state")) return recovered(run, engineRun);
    throw thrown;
  }
}

async function recovered<T>(run: StepRun, engineRun: () => Promise<T>): Promise<T> {
  await run.say("An earlier run ended in the middle; settling what it left");
  await run.service.engine.recover(stackOf(run), { findOrphans: (recorded) => findOrphans(run, recorded) });
  return engineRun();
}

/** What the cloud holds of this tenant on this plane and the state does not know. */
async function findOrphans(run: StepRun, recorded: ReadonlySet<string>): Promise<readonly string[]> {
  const { region, tenantId, planeName } = run.target;
  const tags = { "tenantry:tenant-id": tenantId, "tenantry:plane": planeName };
  const held = await run.service.cloud.listByTag({ region, tags });
  return held
    .filter(({ state, arn, id }) => state === "present" && !recorded.has(arn) && !recorded.has(id))
    .map(({ arn }) => arn);
}
