import { hasEnded } from "../../../contract/rolloutActions.ts";
import type { Action } from "./action.ts";
import { applied } from "./applied.ts";
import { bakeActions } from "./bake.ts";
import { endActions, finishActions } from "./endings.ts";
import { excessActions } from "./excess.ts";
import { rollBackActions } from "./rollBack.ts";
import { startActions } from "./starts.ts";
import { stuckActions } from "./stuck.ts";
import { type Tally, tallyOf } from "./tally.ts";
import type { RolloutView, TargetView } from "./view.ts";
import { wakeTime } from "./wake.ts";

/**
 * What a rollout does next, decided from its state alone. The rules are tried in order; what the first one that applies
 * decides is taken as done, and the rules are tried again, until none applies. So the answer is all that can be done now, and deciding
 * again on a state in which it was done answers nothing but when to look again.
 *
 * It promises: no more under way than a wave's concurrency, and in strict mode than its tolerance allows, when one of it begins; a wave
 * begins when all before it have ended; a failure past the tolerance begins nothing more; whatever has begun ends. It refuses nothing
 * and throws nothing: what a person may ask for was decided before. It does nothing itself; apply.ts carries the actions out.
 */
export function decide(rollout: RolloutView, targets: readonly TargetView[], now: number): readonly Action[] {
  const actions: Action[] = [];
  if (hasEnded(rollout.status)) return actions;
  let state = tallyOf(rollout, targets);
  for (;;) {
    const next = firstOf(state, now);
    if (next.length === 0) break;
    actions.push(...next);
    if (next.some(isLast)) return actions;
    state = applied(state, next, now);
  }
  const at = wakeTime(state, now);
  return at === null ? actions : [...actions, { kind: "wakeAt", at }];
}

type Rule = (state: Tally, now: number) => readonly Action[];

/** Health before starts, so that nothing begins on a tolerance that is already used up; the end last. */
const RULES: readonly Rule[] = [
  bakeActions,
  rollBackActions,
  excessActions,
  startActions,
  endActions,
  stuckActions,
  finishActions,
];

function firstOf(state: Tally, now: number): readonly Action[] {
  for (const rule of RULES) {
    const actions = rule(state, now);
    if (actions.length > 0) return actions;
  }
  return [];
}

/** What follows needs another look: a roll back asks targets for it that need not be in sight. */
function isLast({ kind }: Action): boolean {
  return kind === "finish" || kind === "beginRollback";
}
