import { readFileSync } from "node:fs";
import { freemem } from "node:os";

/**
 * Whether this machine has the memory for one more operation. An engine run grows to its size within seconds of its start, so those
 * that have just begun are counted at their full need though most of it still looks free.
 */
export interface Admission {
  /** `running` operations are under way here. With none under way one is always admitted: it must get on somehow. */
  admits(running: number): boolean;
  /** An operation begins now. */
  began(): void;
}

export interface AdmissionOptions {
  readonly operationBytes: number;
  readonly freeBytes: () => number;
  readonly nowMs: () => number;
}

/** By then a run has taken what it takes. */
const SETTLED_AFTER_MS = 10_000;

export function createAdmission({ operationBytes, freeBytes, nowMs }: AdmissionOptions): Admission {
  let begun: number[] = [];
  return {
    admits(running) {
      if (running === 0 || operationBytes === 0) return true;
      begun = begun.filter((atMs) => nowMs() - atMs < SETTLED_AFTER_MS);
      const promised = Math.min(begun.length, running) * operationBytes;
      return freeBytes() - promised >= operationBytes;
    },
    began: () => void begun.push(nowMs()),
  };
}

/** What this process and its children may still take: of the machine, or of the container where that has a bound. */
export function freeMemoryBytes(): number {
  return Math.min(machineFree(), containerFree());
}

/** Includes what the system keeps in memory only because nobody wanted the room. */
function machineFree(): number {
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(read("/proc/meminfo") ?? "")?.[1];
  return available === undefined ? freemem() : Number(available) * 1024;
}

function containerFree(): number {
  const most = Number.parseInt(read("/sys/fs/cgroup/memory.max") ?? "", 10);
  const used = Number.parseInt(read("/sys/fs/cgroup/memory.current") ?? "", 10);
  if (Number.isNaN(most) || Number.isNaN(used)) return Number.POSITIVE_INFINITY;
  const cached = /^inactive_file (\d+)/m.exec(read("/sys/fs/cgroup/memory.stat") ?? "")?.[1];
  return most - used + Number(cached ?? 0);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
