import { amountOf } from "./amount.ts";
import type { WaveTally } from "./tally.ts";
import { toleranceLeft } from "./tolerance.ts";
import type { WaveView } from "./view.ts";

/** Targets at once while the wave goes on; at least 1, or it would never end. */
export function concurrencyOf(wave: WaveView): number {
  return Math.max(1, amountOf(wave.maxConcurrency, wave.size));
}

/**
 * How many more of the wave may begin. The limit is held against all that runs in the rollout, so that waves which are open together
 * (after a retry) do not add up. Strict besides: if all that runs of the wave failed, its tolerance would be passed by one at most.
 */
export function roomIn(tally: WaveTally, underWay: number): number {
  const room = concurrencyOf(tally.wave) - underWay;
  if (tally.wave.concurrencyMode === "soft") return room;
  return Math.min(room, toleranceLeft(tally) + 1 - tally.running);
}
