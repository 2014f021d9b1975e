import type { Action } from "./action.ts";
import type { RolloutView, TargetView } from "./view.ts";

/** What a rollout does next, decided from its state alone. It does nothing itself; apply.ts carries the actions out. */
export function decide(rollout: RolloutView, targets: readonly TargetView[], now: number): readonly Action[] {
  if (rollout.status !== "running" || targets.length > 0 || now < 0) return [];
  return [{ kind: "finish", status: "succeeded", reason: null }];
}
