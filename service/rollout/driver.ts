import type { Rollout } from "../../contract/rollout.ts";
import { hasEnded } from "../../contract/rolloutActions.ts";
import type { Reader } from "../../registry/registry.ts";
import { rolloutGet, rolloutsUnderWay, rolloutsUnfinished } from "../../registry/rollout.ts";
import { rolloutActivate } from "../../registry/rolloutControl.ts";
import { rolloutView, type StoredRollout } from "../../registry/rolloutDrive.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { monotonicMs } from "../engine/monotonic.ts";
import { doAlone, type HoldsJob } from "../jobs.ts";
import { pause } from "../operations/retry.ts";
import { createWaker } from "../waker.ts";
import type { Action } from "./decide/action.ts";
import { decide } from "./decide/decide.ts";
import { type Applied, applyActions } from "./drive/apply.ts";
import { factsOf, isOpen } from "./drive/facts.ts";
import { mayActivate } from "./drive/mayActivate.ts";
import { observeOperations } from "./drive/observe.ts";
import { createLooks } from "./gate/looks.ts";

/**
 * Drives rollouts: reads how their operations stand, asks decide.ts what to do, and carries that out, until there is nothing to do
 * but wait. It keeps nothing that matters: each batch of decisions is one change, so whoever goes on after a kill finds a rollout
 * as it was. It is woken by nudges and by the earliest time at which something is due, and reads a rollout in a few queries
 * whatever its size; one process at a time drives.
 *
 * Beside it: choose/ picks the targets and their waves, preview/ plans each with the engine and says whether a plan still holds, decide/ is the
 * pure decision, drive/ reads what it is made on and carries it out, gate/ looks at the health of what was changed.
 */
export interface RolloutDriver {
  wake(): void;
  stop(): Promise<void>;
}

/** Longer timers than this overflow; the regular wake looks in between anyway. */
const MAX_TIMER_MS = 86_400_000;

/** So many times as long as a pass took it rests: on a fleet of thousands a wake for every operation would take a whole core. */
const REST = 2;

export function createRolloutDriver(service: ServiceContext): RolloutDriver {
  const stopping = new AbortController();
  const looks = createLooks(service, () => waker.wake());
  let timer: NodeJS.Timeout | undefined;
  let restUntilMs = 0;

  const waker = createWaker(service, "rollouts", async () => {
    clearTimeout(timer);
    if (restUntilMs > Date.now()) await pause(restUntilMs - Date.now(), stopping.signal);
    const startedMs = Date.now();
    const unfinished = await service.registry.read(rolloutsUnfinished);
    service.metrics.rolloutsStuck.set(unfinished.filter(({ stuckSince }) => stuckSince !== null).length);
    if (stopping.signal.aborted || !unfinished.some(isToDrive)) return;
    await doAlone(service, "rollouts", async (lost, holds) => {
      const signal = AbortSignal.any([stopping.signal, lost]);
      await activateQueued(service);
      let nextAt: number | undefined;
      for (const { rolloutId } of (await service.registry.read(rolloutsUnfinished)).filter(isToDrive)) {
        if (signal.aborted) return;
        const at = await driveApart(rolloutId, signal, holds);
        if (at !== undefined) nextAt = Math.min(nextAt ?? at, at);
      }
      if (nextAt !== undefined) {
        timer = setTimeout(waker.wake, Math.min(Math.max(nextAt - Date.now(), 10), MAX_TIMER_MS));
      }
    });
    restUntilMs = Date.now() + (Date.now() - startedMs) * REST;
  });

  /** What goes wrong with one rollout keeps no other from going on; the regular wake tries it again. */
  async function driveApart(
    rolloutId: string,
    signal: AbortSignal,
    holds: HoldsJob,
  ): Promise<number | undefined> {
    try {
      return await drive(rolloutId, signal, holds);
    } catch (thrown) {
      service.log.error({ err: thrown, rolloutId }, "a rollout cannot be driven");
      return undefined;
    }
  }

  /** Until there is nothing to do now; when to look again, milliseconds since 1970. */
  async function drive(rolloutId: string, signal: AbortSignal, holds: HoldsJob): Promise<number | undefined> {
    const { registry } = service;
    for (;;) {
      const readAtMs = monotonicMs();
      const stored = await registry.read((db) => rolloutView(db, rolloutId));
      if (signal.aborted || hasEnded(stored.rollout.status)) return undefined;
      if (await observeOperations(service, stored)) continue;
      const lookAt = looks.look(stored, readAtMs, stopping.signal);
      const now = new Date();
      const facts = await registry.read((db) => factsOf(db, stored, now.toISOString()));
      const actions = decide(facts.rollout, facts.targets, now.getTime());
      const wakes = [wakeOf(actions), lookAt, facts.breakerAt].filter((at) => at !== undefined);
      const nextAt = wakes.length === 0 ? undefined : Math.min(...wakes);
      if (actions.every(({ kind }) => kind === "wakeAt") || signal.aborted) return nextAt;
      const applied = await carryOut(stored, actions, holds);
      if (applied === undefined) continue;
      tell(stored.rollout, actions);
      if (applied.operations > 0) service.nudges.nudge("operations");
      if (!applied.moved || isAllUnderWay(stored, actions, applied)) return nextAt;
    }
  }

  /**
   * Undefined when somebody has asked for something of the rollout since it was read: then it is decided anew. Another process that
   * drives by now decides on what it has read itself.
   */
  function carryOut(
    { rollout }: StoredRollout,
    actions: readonly Action[],
    holds: HoldsJob,
  ): Promise<Applied | undefined> {
    return service.registry.change(controllerFor(rollout), async (change) => {
      if (!(await holds(change))) throw new Error("Cannot drive: another process drives rollouts by now");
      const now = await rolloutGet(change.db, rollout.rolloutId);
      if (isOther(now, rollout)) return undefined;
      return applyActions(change, service, rollout, actions);
    });
  }

  function tell({ rolloutId }: Rollout, actions: readonly Action[]): void {
    for (const action of actions) {
      if (action.kind === "stuck")
        service.log.warn({ rolloutId, reason: action.reason }, "a rollout is stuck");
      if (action.kind === "halt" || action.kind === "beginRollback")
        service.log.warn(
          { rolloutId, reason: action.reason, action: action.kind },
          "a rollout has too many failures",
        );
      if (action.kind === "finish") {
        service.log.info({ rolloutId, status: action.status }, "a rollout has ended");
        // Those that wait for its planes.
        service.nudges.nudge("rollouts");
      }
    }
  }

  return {
    wake: waker.wake,
    async stop() {
      stopping.abort("shutdown");
      clearTimeout(timer);
      await waker.stop();
      await looks.settled();
      clearTimeout(timer);
    },
  };
}

/**
 * What is previewed waits for people, unless they cancel it or some of it had begun before it was retargeted. Of one that is being
 * previewed only whether it is stuck is decided here, and afterwards that it no longer is.
 */
function isToDrive({ status, cancelRequestedAt, startedAt, stuckSince }: Rollout): boolean {
  return status !== "previewed" || cancelRequestedAt !== null || startedAt !== null || stuckSince !== null;
}

/** Two changes may carry the same millisecond, so what a person can ask for without a new status is compared as well. */
function isOther(now: Rollout, seen: Rollout): boolean {
  return (
    now.updatedAt !== seen.updatedAt ||
    now.status !== seen.status ||
    now.cancelRequestedAt !== seen.cancelRequestedAt
  );
}

/**
 * Nothing but beginnings, and each has become what the decision took it for, or waits for the queue: so all that follows is decided. Where several waves are open
 * it is not: of the one in front some may have been taken for free unseen.
 */
function isAllUnderWay(
  { waves }: StoredRollout,
  actions: readonly Action[],
  { operations, full }: Applied,
): boolean {
  if (waves.filter(isOpen).length > 1) return false;
  const others = actions.filter(({ kind }) => kind !== "start" && kind !== "rollBack" && kind !== "wakeAt");
  const begun = actions.flatMap((action) => ("targetIds" in action ? action.targetIds : []));
  return others.length === 0 && (operations === begun.length || full === true);
}

function wakeOf(actions: readonly Action[]): number | undefined {
  const at = actions.find((action) => action.kind === "wakeAt")?.at;
  return at ?? undefined;
}

async function activateQueued(service: ServiceContext): Promise<void> {
  const queuedOf = (rollouts: readonly Rollout[]) =>
    rollouts
      .filter(({ status, cancelRequestedAt }) => status === "queued" && cancelRequestedAt === null)
      .sort((left, right) => ((left.queuedAt ?? "") < (right.queuedAt ?? "") ? -1 : 1));
  const freeIn = async (db: Reader) =>
    mayActivate(queuedOf(await rolloutsUnfinished(db)), await rolloutsUnderWay(db));
  const queued = queuedOf(await service.registry.read(rolloutsUnfinished));
  const free = queued.length === 0 ? [] : await service.registry.read(freeIn);
  for (const rollout of queued.filter(({ rolloutId }) => free.includes(rolloutId))) {
    await service.registry.change(controllerFor(rollout), async (change) => {
      if ((await freeIn(change.db)).includes(rollout.rolloutId))
        await rolloutActivate(change, rollout.rolloutId);
    });
  }
}
