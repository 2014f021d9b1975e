import type { Action } from "./action.ts";
import type { Tally } from "./tally.ts";
import { exceededReason, exceededWave } from "./tolerance.ts";

/**
 * Ends the way forward: skips what has not begun when the rollout is cancelled or rolled back, and halts or rolls back when a wave has
 * had more failures than it tolerates. With nothing left to begin there is nothing to halt: the rollout then ends as failed.
 */
export function excessActions({ rollout, waves }: Tally): readonly Action[] {
  const pending = waves.flatMap((tally) => tally.pending.map(({ targetId }) => targetId));
  if (rollout.cancelRequested || rollout.status === "rolling_back") {
    const what = rollout.status === "rolling_back" ? "rolled back" : "cancelled";
    const reason = `the rollout was ${what} before it began`;
    return pending.length === 0 ? [] : [{ kind: "skip", targetIds: pending, reason }];
  }
  const exceeded = rollout.status === "running" ? exceededWave(waves) : undefined;
  if (exceeded === undefined) return [];
  const why = { wave: exceeded.wave.wave, reason: exceededReason(exceeded) };
  if (rollout.onExceeded === "rollback") return [{ kind: "beginRollback", ...why }];
  return pending.length === 0 ? [] : [{ kind: "halt", ...why }];
}
