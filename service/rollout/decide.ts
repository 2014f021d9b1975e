/**
 * What a rollout does next, decided from its state alone. It promises: never more than `maxConcurrency` targets at
 * once, a wave starts only when every target of the waves before it has ended, the first failure starts nothing
 * more, and every target ends succeeded, unchanged, failed or skipped. It does nothing itself; apply.ts carries decisions out.
 */

import type { RolloutTargetStatus } from "../../contract/vocabulary.ts";

export interface RolloutTargetView {
  readonly targetId: string;
  /** Targets of one wave are taken in the order of the list. */
  readonly wave: number;
  readonly status: RolloutTargetStatus;
}

export interface RolloutView {
  readonly maxConcurrency: number;
  readonly cancelRequested: boolean;
  readonly targets: readonly RolloutTargetView[];
}

export type Decision =
  | { readonly kind: "start"; readonly targetIds: readonly string[]; readonly wave: number }
  | { readonly kind: "skip"; readonly targetIds: readonly string[]; readonly reason: string }
  | { readonly kind: "finish"; readonly outcome: "succeeded" | "failed" | "cancelled" }
  | { readonly kind: "wait" };

export function decide(rollout: RolloutView): Decision {
  const pending = rollout.targets.filter((target) => target.status === "pending");
  const running = rollout.targets.filter((target) => target.status === "running");
  const failed = rollout.targets.some((target) => target.status === "failed");

  if (pending.length > 0 && (failed || rollout.cancelRequested)) {
    const reason = failed ? "another target of the rollout failed" : "the rollout was cancelled";
    return { kind: "skip", targetIds: pending.map((target) => target.targetId), reason };
  }
  if (pending.length === 0 && running.length === 0) {
    return {
      kind: "finish",
      outcome: failed ? "failed" : rollout.cancelRequested ? "cancelled" : "succeeded",
    };
  }
  const wave = Math.min(...[...pending, ...running].map((target) => target.wave));
  const ready = pending.filter((target) => target.wave === wave);
  const free = Math.max(0, rollout.maxConcurrency - running.length);
  const starting = ready.slice(0, free).map((target) => target.targetId);
  return starting.length > 0 ? { kind: "start", targetIds: starting, wave } : { kind: "wait" };
}
