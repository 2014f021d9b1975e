import { execFileSync, spawn } from "node:child_process";
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/**
 * What tells a process from a later one with the same pid: its start time, in whatever form the system gives it.
 * undefined when there is no such process. Slim containers have no `ps`, so Linux is asked through /proc.
 */
export function processStartToken(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // Fields after the command's name, which may itself hold spaces and brackets; state is the third of all fields.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" ? undefined : fields[19];
    }
    const startedAt = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return startedAt.trim() || undefined;
  } catch {
    return undefined;
  }
}

/** The first executable of that name on a PATH, as the shell would find it. */
export function which(name: string, path = process.env.PATH ?? ""): string | undefined {
  for (const folder of path.split(delimiter)) {
    const file = join(folder || ".", name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not there, or not ours to run: the next folder may have it.
    }
  }
  return undefined;
}

export interface RunOptions {
  readonly timeoutMs: number;
  /** Both streams go there. */
  readonly logFile: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called every `beatMs` while it runs. */
  onBeat?(elapsedSeconds: number): void;
}

export interface RunResult {
  readonly ok: boolean;
  /** In plain words, why not: an exit code, a signal, a time limit. */
  readonly reason: string;
  /** The log, without its middle when it is long: some tools give the reason first, others last. */
  readonly excerpt: string;
}

const BEAT_MS = 30_000;
const EXCERPT_LINES = 8;

/**
 * Runs a command to its end, or ends it and everything it started at the time limit. The command leads its own process
 * group for that, so signals to this process are passed on.
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, "w");
  const startedAt = Date.now();
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  const kill = (signal: NodeJS.Signals) => killGroup(child.pid, signal);
  const stopWatching = passSignalsOn(kill);
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    kill("SIGKILL");
  }, options.timeoutMs);
  const beat = setInterval(() => options.onBeat?.(Math.round((Date.now() - startedAt) / 1000)), BEAT_MS);
  const reason = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(code === 0 ? "" : `exit code ${code ?? signal}`));
  });
  clearTimeout(timer);
  clearInterval(beat);
  stopWatching();
  const excerpt = excerptOf(options.logFile);
  if (expired)
    return { ok: false, reason: `no end after ${Math.round(options.timeoutMs / 1000)} s`, excerpt };
  return { ok: reason === "", reason, excerpt };
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Already gone.
  }
}

function passSignalsOn(kill: (signal: NodeJS.Signals) => void): () => void {
  const onSignal = (signal: NodeJS.Signals) => {
    kill(signal);
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  return () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
}

function excerptOf(file: string): string {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  if (lines.length <= 2 * EXCERPT_LINES) return lines.join("\n");
  return [...lines.slice(0, EXCERPT_LINES), "…", ...lines.slice(-EXCERPT_LINES)].join("\n");
}
