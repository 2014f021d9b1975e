import type { Action } from "./action.ts";
import { concurrencyOf } from "./concurrency.ts";
import type { Tally } from "./tally.ts";

/**
 * Takes back what is to be taken back, the last wave first, within each wave's concurrency. It goes on while the rollout is paused or halted, in
 * a freeze, and past an open breaker: it undoes what the rollout has done, which may be why the breaker is open. A target whose operation
 * runs is taken back when that has ended.
 */
export function rollBackActions({ waves, underWay }: Tally): readonly Action[] {
  const targetIds: string[] = [];
  for (const { wave, awaitingRollback } of waves.toReversed()) {
    const room = concurrencyOf(wave) - underWay - targetIds.length;
    if (room <= 0) continue;
    targetIds.push(...awaitingRollback.slice(0, room).map(({ targetId }) => targetId));
  }
  return targetIds.length === 0 ? [] : [{ kind: "rollBack", targetIds }];
}
