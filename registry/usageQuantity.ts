import { METER_LIMITS } from "../contract/meter.ts";

/**
 * Quantities are kept as whole numbers of the meter's smallest step, since sums of fractions depend on their order. What is
 * sent must be such a number exactly: a digit too many is refused rather than rounded away.
 */
export function toSteps(quantity: number, decimals: number): number | undefined {
  const steps = Math.round(quantity * 10 ** decimals);
  if (Math.abs(steps) > METER_LIMITS.largestTotal || steps / 10 ** decimals !== quantity) return undefined;
  // Minus zero is zero.
  return steps + 0;
}

export function fromSteps(steps: number, decimals: number): number {
  return steps / 10 ** decimals;
}
