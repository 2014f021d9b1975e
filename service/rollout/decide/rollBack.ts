import type { Action } from "./action.ts";
import { concurrencyOf } from "./concurrency.ts";
import type { Tally } from "./tally.ts";

/**
 * Takes back what is to be taken back, the last wave first, within each wave's concurrency. It goes on while the rollout is paused or halted, and in
 * a freeze: it undoes what the rollout has done. A target whose operation runs is taken back when that has ended; a place that fails
 * all the time (an open breaker) is waited for.
 */
export function rollBackActions({ waves, underWay }: Tally): readonly Action[] {
  const targetIds: string[] = [];
  for (const { wave, awaitingRollback } of waves.toReversed()) {
    const room = concurrencyOf(wave) - underWay - targetIds.length;
    if (room <= 0) continue;
    const able = awaitingRollback.filter(({ breakerOpen }) => breakerOpen !== true);
    targetIds.push(...able.slice(0, room).map(({ targetId }) => targetId));
  }
  return targetIds.length === 0 ? [] : [{ kind: "rollBack", targetIds }];
}
