/** Measuring and printing. */
import pLimit from "p-limit";

export interface Figure {
  readonly name: string;
  /** Seconds; undefined where the plain way has no such thing. */
  readonly plain?: number;
  readonly ours: number;
}

/** One line per figure: `name plain_s ours_s ratio`. */
export function formatFigure({ name, plain, ours }: Figure): string {
  const ratio = plain === undefined ? "-" : ratioOf(plain / Math.max(ours, 1e-4));
  return [
    name.padEnd(34),
    plain === undefined ? "-" : plain.toFixed(2),
    ours.toFixed(ours < 0.01 ? 4 : 2),
    ratio,
  ].join(" ");
}

function ratioOf(ratio: number): string {
  return ratio >= 1_000 ? ">1000" : ratio.toFixed(1);
}

/** Wall-clock seconds per item when at most `concurrency` of them run at once. */
export async function secondsPerItem<T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<unknown>,
): Promise<number> {
  const limit = pLimit(concurrency);
  const startedAtMs = performance.now();
  await Promise.all(items.map((item) => limit(() => work(item))));
  return (performance.now() - startedAtMs) / 1_000 / items.length;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
