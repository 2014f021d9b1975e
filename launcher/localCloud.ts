import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LockHeld, withLock } from "../toolchain/lock.ts";
import { checkoutFolder } from "./dataFolder.ts";
import { localCloudCode, recentLocalCloudCode } from "./localCloudCode.ts";

/**
 * Starts the local cloud of a data folder when it does not run yet, and says where it is. With environment.ts this is
 * the only code outside emulator/ and service/cloud that knows of a local cloud at all.
 *
 * It promises that two callers get the same process, that a left-over emulator.json (a kill, a reboot) is never
 * believed without asking the process it names, and that the cloud outlives the caller and ends by itself once idle.
 * One that runs older code than the checkout holds is replaced as soon as nobody is in the middle of a run with it; its
 * account stays. It refuses to end a process that it cannot ask.
 */
export interface LocalCloud {
  readonly controlUrl: string;
  readonly pid: number;
  /** What a Pulumi process needs to attach to the stand-in providers. */
  readonly providerEnv: { readonly PULUMI_DEBUG_PROVIDERS: string };
}

export interface LocalCloudOptions {
  readonly dataDir: string;
  /** Ends itself after so long without a call; 0 for never. 30 minutes when absent. */
  readonly idleExitMs?: number;
  /** The program to start; tests give another. */
  readonly program?: string;
  /** Which code it should run; tests give another. */
  readonly code?: string;
}

const IDLE_EXIT_MS = 30 * 60_000;
const START_LIMIT_MS = 60_000;
const LOOK_AGAIN_MS = 1_000;
const STOP_LIMIT_MS = 15_000;
const ANSWER_LIMIT_MS = 5_000;
const POLL_MS = 50;
/** The exit code of one that finds another on its folder. */
const FOLDER_IN_USE = 3;
const AGAIN_MS = 250;
/** Longer than the pauses between the provider calls of one run. */
const QUIET_MS = 5_000;
const LOG_TAIL_LINES = 10;

export async function ensureLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    const running = await findRunning(options.dataDir);
    if (running?.code === (options.code ?? recentLocalCloudCode())) return running.cloud;
    const code = options.code ?? localCloudCode();
    if (running?.code === code) return running.cloud;
    const waitLimitMs = Math.max(0, Math.min(LOOK_AGAIN_MS, deadline - Date.now()));
    try {
      return await startAlone(options, code, waitLimitMs);
    } catch (thrown) {
      // Whoever has the lock may have started it and died on another host, where nobody here can see that.
      if (!(thrown instanceof LockHeld) || Date.now() >= deadline) throw thrown;
    }
  }
}

function startAlone(options: LocalCloudOptions, code: string, waitLimitMs: number): Promise<LocalCloud> {
  const folder = join(options.dataDir, "cloud");
  return withLock(join(folder, "start.lock"), { waitLimitMs }, async () => {
    const found = await findRunning(options.dataDir);
    if (found !== undefined && (found.code === code || !(await end(found.cloud, QUIET_MS))))
      return found.cloud;
    return start(folder, { ...options, code });
  });
}

/** The running local cloud of that data folder, if it answers. */
export async function findLocalCloud(dataDir: string): Promise<LocalCloud | undefined> {
  return (await findRunning(dataDir))?.cloud;
}

async function findRunning(
  dataDir: string,
): Promise<{ readonly cloud: LocalCloud; readonly code: string | undefined } | undefined> {
  const announced = readAnnouncement(join(dataDir, "cloud", "emulator.json"));
  if (announced === undefined || !(await answers(announced))) return undefined;
  const { aws, awsx } = announced.providers;
  const cloud = {
    controlUrl: announced.controlUrl,
    pid: announced.pid,
    providerEnv: { PULUMI_DEBUG_PROVIDERS: `aws:${aws},awsx:${awsx}` },
  };
  return { cloud, code: announced.code };
}

export async function stopLocalCloud({ dataDir }: { readonly dataDir: string }): Promise<void> {
  const running = await findLocalCloud(dataDir);
  if (running !== undefined) await end(running, 0);
}

/** Asks a cloud to end, and waits until it has. False when it was in use within the last `quietMs` and goes on. */
async function end(running: LocalCloud, quietMs: number): Promise<boolean> {
  const answer = await fetch(new URL("/v1/shutdown", running.controlUrl), {
    method: "POST",
    body: JSON.stringify({ quietMs }),
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  if (answer.status === 409) return false;
  const deadline = Date.now() + STOP_LIMIT_MS;
  while (isAlive(running.pid)) {
    if (Date.now() > deadline) {
      throw new Error(
        `Cannot stop the local cloud: process ${running.pid} must end within ${STOP_LIMIT_MS} ms of being asked, and still runs`,
      );
    }
    await sleep(POLL_MS);
  }
  return true;
}

async function start(
  folder: string,
  options: LocalCloudOptions & { readonly code: string },
): Promise<LocalCloud> {
  mkdirSync(folder, { recursive: true });
  const logFile = join(folder, "emulator.log");
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    const cloud = await untilItAnswers(begin(folder, logFile, options), options.dataDir, logFile, deadline);
    if (cloud !== "folder in use") return cloud;
    await sleep(AGAIN_MS);
  }
}

function begin(
  folder: string,
  logFile: string,
  options: LocalCloudOptions & { readonly code: string },
): ChildProcess {
  const log = openSync(logFile, "a", 0o600);
  const idleExitMs = options.idleExitMs ?? IDLE_EXIT_MS;
  const child = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      options.program ?? join(checkoutFolder, "emulator", "main.ts"),
      ...["--data", folder, "--port", "0", "--code", options.code],
      ...(idleExitMs > 0 ? ["--idle-exit-ms", String(idleExitMs)] : []),
    ],
    { cwd: checkoutFolder, detached: true, stdio: ["ignore", log, log] },
  );
  closeSync(log);
  child.unref();
  return child;
}

/**
 * "folder in use": one that somebody else began has the folder and does not answer yet. Its starter may have been killed in the
 * middle, and with it the lock that keeps two from starting.
 */
async function untilItAnswers(
  child: ChildProcess,
  dataDir: string,
  logFile: string,
  deadline: number,
): Promise<LocalCloud | "folder in use"> {
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  for (;;) {
    const running = await findLocalCloud(dataDir);
    if (running !== undefined) return running;
    if (child.exitCode === FOLDER_IN_USE && Date.now() < deadline) return "folder in use";
    const ended = failure?.message ?? endOf(child);
    if (ended !== undefined || Date.now() > deadline) {
      const reason = ended ?? `it did not answer within ${START_LIMIT_MS / 1000} s`;
      throw new Error(
        `Cannot start the local cloud: ${reason}. Its log, ${logFile}, ends:\n${tail(logFile)}`,
        {
          cause: failure,
        },
      );
    }
    await sleep(POLL_MS);
  }
}

function endOf(child: ChildProcess): string | undefined {
  if (child.exitCode !== null) return `it ended with exit code ${child.exitCode}`;
  return child.signalCode === null ? undefined : `it was ended by ${child.signalCode}`;
}

interface Announcement {
  readonly pid: number;
  readonly controlUrl: string;
  /** Which code it runs; clouds of before did not say. */
  readonly code: string | undefined;
  readonly providers: { readonly aws: number; readonly awsx: number };
}

function readAnnouncement(file: string): Announcement | undefined {
  try {
    const { pid, controlUrl, providers, code } = JSON.parse(
      readFileSync(file, "utf8"),
    ) as Partial<Announcement>;
    if (typeof pid !== "number" || typeof controlUrl !== "string") return undefined;
    if (typeof providers?.aws !== "number" || typeof providers.awsx !== "number") return undefined;
    return { pid, controlUrl, providers, code };
  } catch {
    // Absent, or written by something else: either way nothing is announced.
    return undefined;
  }
}

/** The port may belong to another program by now, so the answer must come from the announced process. */
async function answers(announced: Announcement): Promise<boolean> {
  if (!isAlive(announced.pid)) return false;
  try {
    const response = await fetch(new URL("/v1/status?resources=no", announced.controlUrl), {
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    const status = (await response.json()) as { readonly pid?: number };
    return status.pid === announced.pid;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}

function tail(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}
