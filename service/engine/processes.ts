import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "./monotonic.ts";

/** A process named so that a later process with the same number is not mistaken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; differs between two processes that had the same pid at different times. "" when it cannot be told. */
  readonly startTime: string;
  readonly host: string;
}

/** How long a run that was told to stop may take at each step before the next, stronger one. */
export interface StopLimits {
  /** After the first SIGINT: the engine waits for calls in flight, writes its state and unlocks. */
  readonly gracefulMs: number;
  /** After the second SIGINT: the engine gives up calls in flight, writes its state and unlocks. */
  readonly impatientMs: number;
}

/** The longest that a CLI may run on after its run was told to stop, unless set otherwise. */
export const ENGINE_KILL_TIME_MS = 20_000;

/**
 * Half of the time for the graceful end, a quarter for the impatient one. The last quarter is for the kill itself, for looks at
 * a lease's deadline that come late, and for a busy machine.
 */
export function stopLimitsFor(killTimeMs: number): StopLimits {
  return { gracefulMs: Math.round(killTimeMs / 2), impatientMs: Math.round(killTimeMs / 4) };
}

export const DEFAULT_STOP_LIMITS: StopLimits = stopLimitsFor(ENGINE_KILL_TIME_MS);

/** A SIGKILLed process is gone within this, or the machine has a problem we cannot solve. */
const KILL_WAIT_MS = 5_000;
const POLL_MS = 25;

export function identifyProcess(pid: number): ProcessIdentity {
  return { pid, startTime: readStartTime(pid) ?? "", host: hostname() };
}

/** False only when the process is certainly gone. A zombie counts as gone: it can write nothing any more. */
export function isAlive(process_: ProcessIdentity): boolean {
  if (process_.host !== hostname()) return true;
  try {
    process.kill(process_.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const startTime = readStartTime(process_.pid);
  if (startTime === undefined) return process.platform !== "linux";
  return process_.startTime === "" || startTime === process_.startTime;
}

/** Whether a process of this host that was there at a time may be there still: its number may be another's by now. */
export function mayStillRun(pid: number, wasThereAtMs: number): boolean {
  if (!isAlive({ pid, startTime: "", host: hostname() })) return false;
  const startedAtMs = readStartedAtMs(pid);
  return startedAtMs === undefined || startedAtMs <= wasThereAtMs + CLOCK_TOLERANCE_MS;
}

/** The kernel's clock ticks and the wall clock are compared: after a step of the clock they differ. */
const CLOCK_TOLERANCE_MS = 60_000;
const TICKS_PER_SECOND = 100;

function readStartedAtMs(pid: number): number | undefined {
  const ticks = Number(readStartTime(pid));
  if (process.platform !== "linux" || !Number.isFinite(ticks)) return undefined;
  const bootedAt = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
  return bootedAt === undefined ? undefined : (Number(bootedAt) + ticks / TICKS_PER_SECOND) * 1_000;
}

/**
 * Ends a Pulumi CLI: SIGINT, wait, SIGINT, wait, SIGKILL.
 *
 * Returns whether force was needed: then the CLI had no chance to write its last state or to remove its lock.
 */
export async function stopProcess(
  target: ProcessIdentity,
  limits: StopLimits = DEFAULT_STOP_LIMITS,
): Promise<{ readonly killed: boolean }> {
  for (const waitMs of [limits.gracefulMs, limits.impatientMs]) {
    signalProcess(target, "SIGINT");
    if (await isGoneWithin(target, waitMs)) return { killed: false };
  }
  return killProcess(target);
}

/**
 * SIGKILL at once, for a CLI whose worker is gone. Left to itself it would go on, take what its provider no longer answers
 * for failed and forget it, and nobody would write that down; killed, it leaves what it was at in its state.
 */
export async function killProcess(target: ProcessIdentity): Promise<{ readonly killed: boolean }> {
  if (!isAlive(target)) return { killed: false };
  signalProcess(target, "SIGKILL");
  if (await isGoneWithin(target, KILL_WAIT_MS)) return { killed: true };
  throw new Error(`Cannot stop process ${target.pid}: it must end after SIGKILL, but is still there`);
}

export async function isGoneWithin(target: ProcessIdentity, waitMs: number): Promise<boolean> {
  const deadline = monotonicMs() + waitMs;
  while (isAlive(target)) {
    if (monotonicMs() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (target.host !== hostname() || !isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // Ended between the look and the signal.
  }
}

function readStartTime(pid: number): string | undefined {
  try {
    if (process.platform !== "linux") {
      return (
        execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || undefined
      );
    }
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name in parentheses may hold anything; the fields after it are counted from the last ")".
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startTicks] = [fields[0], fields[19]];
    return state === "Z" || state === "X" ? undefined : startTicks;
  } catch {
    return undefined;
  }
}
