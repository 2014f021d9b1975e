import type { Amount } from "../../../contract/rolloutStrategy.ts";
import type { ConcurrencyMode, RolloutStatus, RolloutTargetStatus } from "../../../contract/vocabulary.ts";
import type { FinishStatus } from "./action.ts";

/**
 * What a decision is made on. Times are milliseconds since 1970, as `now` is. Targets that ended for good (succeeded, unchanged, skipped,
 * held, rolled_back) and wait for no rollback may be left out: they change no decision.
 */
export interface RolloutView {
  readonly rolloutId: string;
  readonly status: RolloutStatus;
  readonly onExceeded: "halt" | "rollback";
  readonly stuckAfterMs: number;
  /** Windows and freezes are passed by. */
  readonly emergency: boolean;
  readonly cancelRequested: boolean;
  /** It had ended so when a part of it was asked to be rolled back, and is to be left so. */
  readonly endedAs: FinishStatus | null;
  /** When it or one of its targets, those left out included, last moved; while it is previewed, a preview is a move. */
  readonly progressAt: number;
  readonly stuckSince: number | null;
  /** In order; the first is 1. */
  readonly waves: readonly WaveView[];
}

export interface WaveView {
  readonly wave: number;
  /** What its percentages are of. */
  readonly size: number;
  readonly maxConcurrency: Amount;
  readonly failureTolerance: Amount;
  readonly concurrencyMode: ConcurrencyMode;
  readonly bakeMs: number;
  readonly approval: boolean;
  readonly approvalAskedAt: number | null;
  readonly approvedAt: number | null;
  readonly startedAt: number | null;
  readonly bakeUntil: number | null;
  readonly endedAt: number | null;
}

export interface TargetView {
  readonly targetId: string;
  readonly wave: number;
  readonly status: RolloutTargetStatus;
  /** It is to be rolled back: set until the rolling back has ended, well or badly. */
  readonly rollbackRequested: boolean;
  /** When its last operation ended. */
  readonly endedAt: number | null;
  /** When its operation last moved. */
  readonly progressAt: number | null;
  /** The last look at its health gate; none yet when left out. */
  readonly health?: { readonly healthy: boolean; readonly checkedAt: number; readonly reason?: string };
  /** When windows and freezes let it start; `closed`: nobody knows when. Left out: now, or not looked up yet. */
  readonly mayStartAt?: number | "closed";
  /** Its plane or region fails so often that nothing new is begun there. Taking back is not held up by it. */
  readonly breakerOpen?: boolean;
  /** As many of its plane wait in the queue as may; they go first. */
  readonly queueFull?: boolean;
  /** The policies could not be evaluated for it: whoever can begin goes first. */
  readonly undecided?: boolean;
  /** Why it stays as it is: it is pinned. */
  readonly held?: string;
  /** Why it is left out: suspended, archived, gone. */
  readonly skip?: string;
}
