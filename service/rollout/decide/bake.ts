import type { Action } from "./action.ts";
import { byReason } from "./byReason.ts";
import type { Tally, WaveTally } from "./tally.ts";

/**
 * The health gate. A target that was changed is watched until its wave's bake is over: once it counts as unhealthy (gate/looks.ts: several
 * looks in a row) it has failed; it has succeeded when a look after the end of the bake found it healthy. Both go on while the rollout
 * is paused, halted or cancelled.
 */
export function bakeActions({ waves }: Tally, now: number): readonly Action[] {
  const failing = waves.flatMap(({ baking }) =>
    byReason(baking, ({ health }) =>
      health?.healthy === false ? (health.reason ?? "it was unhealthy while it baked") : undefined,
    ),
  );
  if (failing.length > 0) return failing.map((group) => ({ kind: "fail", ...group }));
  return waves.flatMap((tally): Action[] => {
    const targetIds = proven(tally, now);
    return targetIds.length === 0 ? [] : [{ kind: "endBake", wave: tally.wave.wave, targetIds }];
  });
}

function proven({ wave, baking }: WaveTally, now: number): string[] {
  const { bakeUntil } = wave;
  if (bakeUntil === null || bakeUntil > now) return [];
  return baking
    .filter(({ health }) => health?.healthy === true && health.checkedAt >= bakeUntil)
    .map(({ targetId }) => targetId);
}
