import type { Action } from "./action.ts";
import { isOpen, isUnderWay, type Tally } from "./tally.ts";

/**
 * Says once that nothing moves: targets whose operation has not moved for `stuckAfterMs`, or a rollout that could go on and has begun, or
 * previewed, nothing for as long. What waits for a known time (a bake, a window) or for a person (a pause, an approval) is not stuck.
 */
export function stuckActions(state: Tally, now: number): readonly Action[] {
  const { stuckAfterMs, stuckSince } = state.rollout;
  const targetIds = state.targets
    .filter((target) => (staleAt(state, target) ?? Number.POSITIVE_INFINITY) <= now)
    .map(({ targetId }) => targetId);
  const idle = targetIds.length === 0 && (idleAt(state, now) ?? Number.POSITIVE_INFINITY) <= now;
  const isStuck = targetIds.length > 0 || idle;
  if (isStuck === (stuckSince !== null)) return [];
  if (!isStuck) return [{ kind: "unstuck" }];
  const seconds = Math.round(stuckAfterMs / 1_000);
  const nothing = state.rollout.status === "previewing" ? "nothing was previewed" : "nothing could begin";
  const what = idle ? nothing : `${targetIds.length} of its targets have not moved`;
  return [{ kind: "stuck", targetIds, reason: `${what} for ${seconds} s` }];
}

/** When the rollout will count as stuck if nothing moves; null while nothing could be. */
export function stuckAt(state: Tally, now: number): number | null {
  let earliest = idleAt(state, now);
  for (const target of state.targets) {
    const at = staleAt(state, target);
    if (at !== null && (earliest === null || at < earliest)) earliest = at;
  }
  return earliest;
}

function staleAt({ rollout, waves }: Tally, target: Tally["targets"][number]): number | null {
  if (isUnderWay(target)) return (target.progressAt ?? rollout.progressAt) + rollout.stuckAfterMs;
  if (target.status !== "baking" || target.rollbackRequested) return null;
  // Its bake is over, and nobody has looked at its health since.
  const bakeUntil = waves[target.wave - 1]?.wave.bakeUntil ?? null;
  return bakeUntil === null ? null : Math.max(bakeUntil, rollout.progressAt) + rollout.stuckAfterMs;
}

function idleAt({ rollout, waves, underWay }: Tally, now: number): number | null {
  if (rollout.status === "previewing" && !rollout.cancelRequested)
    return rollout.progressAt + rollout.stuckAfterMs;
  if (underWay > 0) return null;
  const goesOn = rollout.status === "running" && !rollout.cancelRequested;
  const open = goesOn ? waves.filter(isOpen).flatMap(({ pending }) => pending) : [];
  const opensLater = open.some(({ mayStartAt }) => typeof mayStartAt === "number" && mayStartAt > now);
  const waits = open.length > 0 || waves.some(({ awaitingRollback }) => awaitingRollback.length > 0);
  if (!waits || (opensLater && !rollout.emergency)) return null;
  return rollout.progressAt + rollout.stuckAfterMs;
}
