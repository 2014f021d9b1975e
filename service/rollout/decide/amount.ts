import type { Amount } from "../../../contract/rolloutStrategy.ts";

/** A number of targets as it stands, a percentage as that share of `size`, rounded down. */
export function amountOf(amount: Amount, size: number): number {
  if (typeof amount === "number") return amount;
  return Math.floor((size * Number.parseInt(amount, 10)) / 100);
}
