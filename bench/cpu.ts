import { readFileSync } from "node:fs";
import { descendants } from "../chaos/processes.ts";

/** The kernel counts in hundredths of a second. */
const TICKS_PER_SECOND = 100;

/**
 * CPU seconds spent so far by what a process has started: what is there still, and what has ended and been waited for. The
 * local cloud is left out, which stands for AWS.
 */
export function cpuBelow(pid: number): number {
  const cloud = descendants(pid).filter(({ command }) =>
    command.some((word) => word.endsWith("emulator/main.ts")),
  );
  const apart = new Set(
    cloud.flatMap((root) => [root.pid, ...descendants(root.pid).map((child) => child.pid)]),
  );
  const alive = descendants(pid).filter((child) => !apart.has(child.pid));
  return ended(pid) + alive.reduce((sum, child) => sum + own(child.pid) + ended(child.pid), 0);
}

/** CPU seconds of the process itself. */
export const own = (pid: number): number => ticks(pid, 11) + ticks(pid, 12);

const ended = (pid: number): number => ticks(pid, 13) + ticks(pid, 14);

/** By the fields of /proc/PID/stat, counted from the one behind the command's name. */
function ticks(pid: number, field: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[field]) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

export interface Spent {
  readonly wallSeconds: number;
  /** Of everything below the process. */
  readonly cpuSeconds: number;
  /** Of the process itself. */
  readonly ownCpuSeconds: number;
}

export async function spending(pid: number, work: () => Promise<unknown>): Promise<Spent> {
  const [wall, below, self] = [performance.now(), cpuBelow(pid), own(pid)];
  await work();
  return {
    wallSeconds: (performance.now() - wall) / 1_000,
    cpuSeconds: cpuBelow(pid) - below,
    ownCpuSeconds: own(pid) - self,
  };
}
