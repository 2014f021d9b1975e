import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The processes of this machine as /proc tells them. */
export interface Running {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: readonly string[];
  readonly folder: string;
}

const GONE_WITHIN_MS = 10_000;
const POLL_MS = 5;

/** Undefined when there is none, or only what its parent has not yet been told of (a zombie). */
export function look(pid: number): Running | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name may hold spaces and brackets; the numbered fields begin after the last bracket.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    return { pid, parentPid: Number(fields[1]), command, folder: readlinkSync(`/proc/${pid}/cwd`) };
  } catch {
    return undefined;
  }
}

export function pids(): number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** Everything below a process, nearest first. */
export function descendants(pid: number): Running[] {
  const all = pids().flatMap((candidate) => look(candidate) ?? []);
  const found: Running[] = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = all.filter(({ parentPid }) => parents.has(parentPid));
    found.push(...children);
    parents = new Set(children.map((child) => child.pid));
  }
  return found;
}

/** The name space of host names a process lives in: one for each host of a run. */
export function hostOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/uts`);
  } catch {
    return undefined;
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
  }
}

/** SIGKILL, and the certainty that it is gone. */
export async function kill(pid: number): Promise<void> {
  signal(pid, "SIGKILL");
  const deadline = Date.now() + GONE_WITHIN_MS;
  while (look(pid) !== undefined) {
    if (Date.now() > deadline) throw new Error(`Cannot go on: process ${pid} must end when it is killed`);
    await sleep(POLL_MS);
  }
}
