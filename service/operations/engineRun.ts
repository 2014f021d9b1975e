import { planeGet } from "../../registry/plane.ts";
import type { CloudPlace } from "../cloud/cloudRuntime.ts";
import { limits } from "../config/limits.ts";
import type { DestroyResult, Recovered, StackTarget } from "../engine/engine.ts";
import { monotonicMs } from "../engine/monotonic.ts";
import { hasCode, isLockedHere, lockOwnerIsGone, lockOwnerOf } from "./failure.ts";
import { assumedRole } from "./resolveSpec.ts";
import { pause } from "./retry.ts";
import { StepError, type StepRun } from "./saga.ts";

export function stackOf(run: StepRun): StackTarget {
  return { projectName: run.target.projectName, stackName: run.target.stackName };
}

/**
 * An engine run that first clears what an unclean end of an earlier one left: a CLI that outlived its service is stopped, what nobody
 * knows of is settled by asking the cloud, and a lock is broken when its owner is certainly dead. What is still in the way
 * after that is the step's failure.
 */
export async function withRecovery<T>(run: StepRun, engineRun: () => Promise<T>): Promise<T> {
  const { engine } = run.service;
  const stack = stackOf(run);
  if (run.cutOffRunId !== undefined) await engine.settle(stack, run.cutOffRunId, run.hooks.notes);
  for (let clearings = 0; ; clearings += 1) {
    try {
      return await engineRun();
    } catch (thrown) {
      if (hasCode(thrown, "provider_failed")) throw await withStrays(run, thrown);
      if (clearings === limits.clearingsPerStep || !(await cleared(run, thrown))) throw thrown;
    }
  }
}

/** Takes the stack down; the lock that a dead CLI left on one that is gone goes as well. */
export async function destroyStack(run: StepRun): Promise<DestroyResult> {
  const { engine } = run.service;
  const stack = { ...stackOf(run), tenantId: run.target.tenantId };
  const destroyed = await withRecovery(run, () => engine.destroy(stack, run.hooks));
  if (destroyed.lock !== undefined) await lockBroken(run, destroyed);
  return destroyed;
}

/** False when what keeps the run from going on is nothing that can be cleared. It has changed nothing yet. */
async function cleared(run: StepRun, thrown: unknown): Promise<boolean> {
  if (hasCode(thrown, "stack_locked")) return lockBroken(run, thrown);
  if (!hasCode(thrown, "unclean_state")) return false;
  await run.say("An earlier run ended in the middle; looking up what it left");
  await recover(run);
  return true;
}

/** False when the owner may still run, or is not known. */
async function lockBroken(run: StepRun, locked: unknown): Promise<boolean> {
  const owner = lockOwnerOf(locked);
  if (owner === undefined || !(await untilOwnerIsGone(run, locked))) return false;
  await run.say("The process that locked the stack is gone; removing its lock");
  await run.service.engine.breakLock(stackOf(run), owner);
  return true;
}

/**
 * The failure of a run that was refused what it was to create, after looking whether that is there because a run that was lost had
 * created it: if so it is in the stack's state now and the step is worth another try. The run has changed things by
 * then, so it is not simply done again.
 */
async function withStrays(run: StepRun, thrown: unknown): Promise<unknown> {
  const noted = (await run.hooks.notes?.read(stackOf(run))) ?? [];
  if (!noted.some(({ type }) => type === "refused")) return thrown;
  await run.say("What was to be created exists already; looking up whose it is");
  const { adopted } = await recover(run);
  if (adopted.length === 0) return thrown;
  const names = adopted.map((urn) => `"${urn.split("::").at(-1)}"`).join(", ");
  const message =
    `Cannot create ${names} anew: a run that was lost had created it for this target. ` +
    "It is in the stack's state now, and the next try goes on from there.";
  return new StepError("created_already", message, { retryable: true, cause: thrown });
}

/**
 * The CLI of a service of this host that was killed is being stopped by its worker, which takes up to the kill time; what is proved dead
 * at once is the service alone.
 */
async function untilOwnerIsGone(run: StepRun, thrown: unknown): Promise<boolean> {
  const { settings } = run.service;
  // As it was when it was claimed: null when nobody had begun it before.
  const { startedAt } = run.operation;
  if (lockOwnerIsGone(thrown, settings, startedAt)) return true;
  if (!isLockedHere(thrown)) return false;
  await run.say("The process that locked the stack still runs; waiting for it to be stopped");
  const untilMs = monotonicMs() + settings.killTimeMs;
  const { signal } = run.hooks;
  while (monotonicMs() < untilMs && !signal.aborted) {
    await pause(limits.lockLookMs, signal);
    if (lockOwnerIsGone(thrown, settings, startedAt)) return true;
  }
  return false;
}

/** The run that looks up what an earlier one left, by the name of the run that it makes way for. */
export function recoveryOf(runId: string): string {
  return `${runId}-recover`;
}

async function recover(run: StepRun): Promise<Recovered> {
  const { engine, registry, settings } = run.service;
  const { planeName, tenantId } = run.target;
  const plane = await registry.read((db) => planeGet(db, planeName));
  const { region, accountId } = plane;
  const place = { region, accountId, ...assumedRole(plane, settings) };
  const { hooks } = run;
  return engine.recover(
    stackOf(run),
    {
      tenantId,
      place: { region, accountId },
      find: (tags) => findTagged(run, place, tags),
      findOrphans: (recorded) => findOrphans(run, place, recorded),
    },
    { ...hooks, runId: recoveryOf(hooks.runId) },
  );
}

/** Listings lag on AWS: only what is missing for a while is not there. */
async function findTagged(
  run: StepRun,
  place: CloudPlace,
  tags: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const { cloud, settings } = run.service;
  const looks = settings.cloud === "aws" ? limits.listingLooks : 1;
  for (let look = 1; ; look += 1) {
    const held = await cloud.listByTag({ ...place, tags });
    const present = held.filter(({ state }) => state === "present").map(({ arn }) => arn);
    if (present.length > 0 || look === looks) return present;
    await pause(limits.listingLookMs, run.hooks.signal);
    run.hooks.signal.throwIfAborted();
  }
}

/** What the cloud holds of this tenant on this plane and the state does not know. */
async function findOrphans(
  run: StepRun,
  place: CloudPlace,
  recorded: ReadonlySet<string>,
): Promise<readonly string[]> {
  const { tenantId, planeName } = run.target;
  const tags = { "tenantry:tenant-id": tenantId, "tenantry:plane": planeName };
  const held = await run.service.cloud.listByTag({ ...place, tags });
  return held
    .filter(({ state, arn, id }) => state === "present" && !recorded.has(arn) && !recorded.has(id))
    .map(({ arn }) => arn);
}
