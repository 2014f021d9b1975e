import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const START_WAIT_MS = 60_000;
const STOP_WAIT_MS = 30_000;

export const root = resolve(import.meta.dirname, "..");

/** Runs a command to its end with its output in a log file; `onLine` sees each line of it. */
export async function run(
  command: readonly [string, ...string[]],
  options: { env: NodeJS.ProcessEnv; logFile: string; onLine?: (line: string) => void },
): Promise<string> {
  await mkdir(dirname(options.logFile), { recursive: true });
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd: root, env: options.env, stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(options.logFile, { flags: "a" });
  let output = "";
  let line = "";
  const read = (chunk: Buffer) => {
    log.write(chunk);
    output += chunk.toString();
    const lines = (line + chunk.toString()).split("\n");
    line = lines.pop() ?? "";
    for (const whole of lines) options.onLine?.(whole);
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  const [code] = (await once(child, "close")) as [number | null];
  log.end();
  if (code !== 0) {
    const tail = output.trimEnd().split("\n").slice(-20).join("\n");
    throw new Error(
      `Cannot go on: ${command.join(" ")} ended with ${code}; the end of ${options.logFile}:\n${tail}`,
    );
  }
  return output;
}

export interface Service {
  readonly url: string;
  readonly adminKey: string;
  stop(): Promise<void>;
}

const SETTINGS = [
  // The demo shows drift and repairs it itself; in a development plane the reconcile loop would be faster now and then.
  ...["--drift-policy", "dev=report"],
  // A release that does not come up is given up after seconds, so that nobody has to watch ten minutes of it.
  ...["--steady-timeout-ms", "15000", "--gate-poll-ms", "500"],
];

/** Starts the control service on a free port and waits until it is ready. */
export async function startService(dataDir: string, env: NodeJS.ProcessEnv): Promise<Service> {
  const log = createWriteStream(join(dataDir, "service.log"), { flags: "a" });
  const child = spawn(
    process.execPath,
    [join(root, "service/main.ts"), "--data-dir", dataDir, "--port", "0", ...SETTINGS],
    {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  const read = (chunk: Buffer) => {
    // The admin key is shown once, for a person; the log on disk must not hold it.
    log.write(chunk.toString().replaceAll(/tk_[a-z0-9]+_\S+/g, "tk_[secret]"));
    output += chunk.toString();
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  const url = await readyUrl(dataDir, child, () => output);
  const adminKey = /tk_[a-z0-9]+_[A-Za-z0-9_-]+/.exec(output)?.[0];
  if (adminKey === undefined) throw new Error(`Cannot go on: the service printed no admin key:\n${output}`);
  return { url, adminKey, stop: () => stop(child) };
}

async function readyUrl(dataDir: string, child: ChildProcess, output: () => string): Promise<string> {
  const deadlineMs = Date.now() + START_WAIT_MS;
  while (Date.now() < deadlineMs) {
    if (child.exitCode !== null) break;
    const told = await readFile(join(dataDir, "server.json"), "utf8").catch(() => undefined);
    if (told !== undefined) {
      const { url, pid } = JSON.parse(told) as { url: string; pid: number };
      const answer =
        pid === child.pid ? await fetch(new URL("/readiness", url)).catch(() => undefined) : undefined;
      if (answer?.ok) return url;
    }
    await sleep(100);
  }
  throw new Error(`Cannot go on: the service was not ready within ${START_WAIT_MS / 1000} s:\n${output()}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WAIT_MS);
  await ended;
  clearTimeout(timer);
}
