import { readFileSync } from "node:fs";

/**
 * Milliseconds that only grow, the same for all processes of this host: for deadlines that one process sets and another
 * keeps. On Linux the time the machine slept counts (Node's own monotonic clock stands still meanwhile): a lease runs
 * out while its holder sleeps.
 */
export function monotonicMs(): number {
  if (process.platform === "linux") {
    const [seconds] = readFileSync("/proc/uptime", "utf8").split(" ");
    return Math.round(Number(seconds) * 1_000);
  }
  return Number(process.hrtime.bigint() / 1_000_000n);
}
