import { stuckAt } from "./stuck.ts";
import { isOpen, type Tally } from "./tally.ts";

/** When to look again if nothing happens before: the next end of a bake, opening of a window, or time to be stuck. */
export function wakeTime(state: Tally, now: number): number | null {
  const { rollout, waves } = state;
  let next: number | null = rollout.stuckSince === null ? stuckAt(state, now) : null;
  const consider = (at: number | null | undefined | "closed") => {
    if (typeof at === "number" && at > now && (next === null || at < next)) next = at;
  };
  if (next !== null && next <= now) next = null;
  const goesOn = rollout.status === "running" && !rollout.cancelRequested && !rollout.emergency;
  for (const tally of waves) {
    if (tally.baking.length > 0) consider(tally.wave.bakeUntil);
    if (!goesOn || !isOpen(tally)) continue;
    for (const { mayStartAt } of tally.pending) consider(mayStartAt);
  }
  return next;
}
