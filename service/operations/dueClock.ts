import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { monotonicMs } from "../engine/monotonic.ts";

/**
 * The time by which something is destroyed because it is due: the end of a grace period, of an archive's retention. A clock that
 * jumps ahead makes all of it due at once, and nothing brings it back, so what passes on the registry's clock is held against what passes in
 * this process. Where it is ahead by more than an hour nothing is due any more until it is set right, or the service is restarted by
 * somebody who knows that it is. A jump while no service runs is not seen.
 */
export interface DueClock {
  /** The registry's time; undefined while it cannot be believed. */
  now(): Promise<string | undefined>;
}

export function createDueClock(
  { registry, log }: Pick<ServiceContext, "registry" | "log">,
  ticksMs: () => number = monotonicMs,
): DueClock {
  let last: { readonly atMs: number; readonly ticks: number } | undefined;
  let isTold = false;
  return {
    async now() {
      const now = await registry.record(async (record) => record.now);
      const seen = { atMs: Date.parse(now), ticks: ticksMs() };
      last ??= seen;
      const aheadMs = seen.atMs - last.atMs - (seen.ticks - last.ticks);
      if (aheadMs <= limits.clockAheadMs) {
        last = seen;
        isTold = false;
        return now;
      }
      if (!isTold) {
        log.error(
          { now, aheadMs: Math.round(aheadMs) },
          "the registry's clock has jumped ahead: nothing is destroyed as due until it is set right, or the service restarted",
        );
      }
      isTold = true;
      return undefined;
    },
  };
}
