import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isMainThread } from "node:worker_threads";

/**
 * One PostgreSQL for a whole test run, whichever of its processes asks first. A holder process (postgresHolder.ts) has it as
 * its child and watches the test runner: when that has ended, however it ended, both are gone and so is their folder.
 */
export interface PostgresServer {
  /** Of the superuser, to the database `postgres`. */
  readonly url: string;
}

export type PostgresAnswer = { readonly server: PostgresServer } | { readonly reason: string };

const START_LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 25;

/** Half of what the tests promise is about PostgreSQL: without it they fail, unless its absence is asked for by name. */
export async function ensurePostgres(): Promise<PostgresAnswer> {
  return unlessMissing(await answerOf(), process.env.TESTS_WITHOUT_POSTGRES === "1");
}

export function unlessMissing(answer: PostgresAnswer, mayBeAbsent: boolean): PostgresAnswer {
  if ("server" in answer || mayBeAbsent) return answer;
  throw new Error(
    `Cannot test: PostgreSQL must start, got "${answer.reason}". Install the optional packages (npm ci), ` +
      "or set TESTS_WITHOUT_POSTGRES=1 to skip what needs it.",
  );
}

async function answerOf(): Promise<PostgresAnswer> {
  // Vitest's workers are the runner's children, or its threads.
  const runnerPid = isMainThread ? process.ppid : process.pid;
  const folder = path.join(tmpdir(), `tenantry-postgres-${runnerPid}`);
  const answerFile = path.join(folder, "answer.json");
  if (isLeftOver(answerFile)) rmSync(folder, { recursive: true, force: true });
  if (claim(folder)) startHolder(folder, runnerPid);
  for (let waitedMs = 0; waitedMs < START_LIMIT_MS; waitedMs += LOOK_EVERY_MS) {
    if (existsSync(answerFile)) return JSON.parse(readFileSync(answerFile, "utf8")).answer;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return { reason: `it did not start within ${START_LIMIT_MS} ms; see ${folder}/holder.log` };
}

/** A runner with this pid has been before, and its holder was killed. */
function isLeftOver(answerFile: string): boolean {
  if (!existsSync(answerFile)) return false;
  try {
    process.kill(JSON.parse(readFileSync(answerFile, "utf8")).holderPid, 0);
    return false;
  } catch {
    return true;
  }
}

/** The making of a folder succeeds for one process only. */
function claim(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function startHolder(folder: string, runnerPid: number): void {
  const log = openSync(path.join(folder, "holder.log"), "a");
  const script = path.join(import.meta.dirname, "postgresHolder.ts");
  const flags = ["--disable-warning=ExperimentalWarning", script, folder, String(runnerPid)];
  spawn(process.execPath, flags, { detached: true, stdio: ["ignore", log, log] }).unref();
  closeSync(log);
}
