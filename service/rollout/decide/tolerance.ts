import { amountOf } from "./amount.ts";
import type { WaveTally } from "./tally.ts";

/** How many failures a wave may still have; below 0 it has had too many. */
export function toleranceLeft({ wave, failed }: WaveTally): number {
  return amountOf(wave.failureTolerance, wave.size) - failed;
}

/** The first wave that has had too many failures. */
export function exceededWave(waves: readonly WaveTally[]): WaveTally | undefined {
  return waves.find((wave) => toleranceLeft(wave) < 0);
}

export function exceededReason({ wave, failed }: WaveTally): string {
  const tolerated = amountOf(wave.failureTolerance, wave.size);
  return `${failed} of ${wave.size} targets of wave ${wave.wave} failed, and ${tolerated} may`;
}
