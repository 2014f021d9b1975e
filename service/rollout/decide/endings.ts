import type { Action, FinishStatus } from "./action.ts";
import { isSettled, type Tally, type WaveTally } from "./tally.ts";
import { exceededReason, exceededWave } from "./tolerance.ts";

/**
 * The end of a wave: when nothing of it waits or runs, what was changed bakes, counted from the end of its last target; when nothing bakes
 * either, the wave has ended. In order, so that a wave with nobody left in it does not end before those in front of it.
 */
export function endActions({ rollout, waves }: Tally): readonly Action[] {
  const first = waves.findIndex(({ wave }) => wave.endedAt === null && wave.startedAt === null);
  const reached = first === -1 ? waves : waves.slice(0, first);
  const actions = reached.flatMap(endOf);
  if (actions.length > 0) return actions;
  const next = first === -1 ? undefined : waves[first];
  const isNext = rollout.status === "running" && reached.every(({ wave }) => wave.endedAt !== null);
  return next !== undefined && isNext && isSettled(next) ? [{ kind: "endWave", wave: next.wave.wave }] : [];
}

function endOf(tally: WaveTally): Action[] {
  const { wave, bakeMs, bakeUntil, endedAt } = tally.wave;
  if (endedAt !== null) return [];
  if (isSettled(tally)) return [{ kind: "endWave", wave }];
  const isBusy = tally.pending.length + tally.running + tally.rollingBack > 0;
  if (isBusy || tally.baking.length === 0 || bakeUntil !== null) return [];
  return [{ kind: "startBake", wave, until: (tally.lastEndedAt ?? 0) + bakeMs }];
}

/** The end of the rollout, when nothing of it waits, runs, bakes or is to be taken back. */
export function finishActions({ rollout, waves }: Tally): readonly Action[] {
  if (!waves.every(isSettled)) return [];
  const finish = (status: FinishStatus, reason: string | null = null): Action[] => [
    { kind: "finish", status, reason },
  ];
  if (rollout.status === "rolling_back") {
    if (rollout.endedAs !== null) return finish(rollout.endedAs);
    const failed = waves.reduce((sum, wave) => sum + wave.failed, 0);
    if (failed === 0) return finish("rolled_back");
    return finish("failed", `${failed} of its targets could not be rolled back`);
  }
  if (rollout.cancelRequested) return finish("cancelled");
  if (rollout.status !== "running" || waves.some(({ wave }) => wave.endedAt === null)) return [];
  const exceeded = exceededWave(waves);
  return exceeded === undefined ? finish("succeeded") : finish("failed", exceededReason(exceeded));
}
