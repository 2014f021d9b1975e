/**
 * How many operations this process takes at once. A lease that could not be renewed in time tells of more work than this process, or
 * the registry's database, keeps up with; taking as much again would lose the next leases as well, and nothing would ever end. So half as
 * much fits from then on, and one more for each operation that comes to an end (additive increase, multiplicative decrease, as TCP
 * meets congestion).
 */
export interface Room {
  readonly size: number;
  /** A lease was lost. What is lost together counts once. */
  shrink(): void;
  /** An operation has ended here. */
  grow(): void;
}

export interface RoomOptions {
  /** Operations at once, at most. */
  readonly most: number;
  /** Losses within this time of one that counted are of the same cause. */
  readonly togetherMs: number;
  readonly nowMs: () => number;
}

export function createRoom({ most, togetherMs, nowMs }: RoomOptions): Room {
  let size = most;
  let shrunkAtMs = Number.NEGATIVE_INFINITY;
  return {
    get size() {
      return size;
    },
    shrink() {
      if (nowMs() - shrunkAtMs < togetherMs) return;
      shrunkAtMs = nowMs();
      size = Math.max(1, Math.floor(size / 2));
    },
    grow() {
      size = Math.min(most, size + 1);
    },
  };
}
