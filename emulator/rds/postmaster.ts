import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What a running PostgreSQL says of itself in its data folder. */
export interface Postmaster {
  readonly pid: number;
  readonly isReady: boolean;
}

const STOP_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 25;

/** Undefined when none runs there: a file left by a kill names a process that is gone, or is another program by now. */
export function readPostmaster(data: string): Postmaster | undefined {
  const lines = read(join(data, "postmaster.pid"))
    ?.split("\n")
    .map((line) => line.trim());
  const pid = Number(lines?.[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return undefined;
  // Where the system tells, only a process that was given this folder counts.
  const command = read(`/proc/${pid}/cmdline`);
  if (command !== undefined && !command.split("\u0000").includes(data)) return undefined;
  return { pid, isReady: lines?.[7] === "ready" };
}

/** Also one that an earlier process of ours started and was killed before it could stop it. */
export async function stopPostmaster(data: string): Promise<void> {
  const running = readPostmaster(data);
  if (running === undefined) return;
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    send(running.pid, signal);
    const deadline = Date.now() + STOP_LIMIT_MS / 2;
    while (Date.now() < deadline) {
      if (readPostmaster(data)?.pid !== running.pid) return;
      await sleep(LOOK_EVERY_MS);
    }
  }
  throw new Error(
    `Cannot stop PostgreSQL: process ${running.pid} on ${data} must end when killed, and runs on`,
  );
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
