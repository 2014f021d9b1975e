import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Binaries } from "./binaries.ts";
import { readPostmaster, stopPostmaster } from "./postmaster.ts";
import type { RunAs } from "./runAs.ts";

/** One PostgreSQL process group on one data folder. */
export interface Server {
  readonly port: number;
  isAlive(): boolean;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly binaries: Binaries;
  readonly as: RunAs | undefined;
  /** Holds `data` and the log. */
  readonly folder: string;
  /** Taken when it is free, so that addresses in secrets stay right over restarts. */
  readonly port: number | undefined;
}

const START_LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 25;
const LOG_BYTES = 5 * 1024 * 1024;

/** As small as it goes: a plane's worth of tenants on a laptop, about 30 MB with nobody connected. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "100",
  shared_buffers: "16MB",
  io_method: "sync",
  jit: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_wal_size: "256MB",
  max_worker_processes: "2",
  max_logical_replication_workers: "0",
  autovacuum_max_workers: "1",
  // A lost power supply may cost an imitation its last calls, but never its consistency.
  synchronous_commit: "off",
  // A statement that fails may hold what nobody should read in a log.
  log_min_error_statement: "panic",
};

/**
 * Runs PostgreSQL below a shell that holds the reading end of a pipe of ours: when we are gone, even by a kill, the pipe ends and the
 * shell shuts PostgreSQL down. Its words: descriptor 3 is the pipe; whoever ends first, PostgreSQL or the pipe, ends
 * the other.
 */
const GUARD = `exec 3<&0
"$@" </dev/null 3<&- &
postgres=$!
{ cat <&3 >/dev/null; kill -INT "$postgres"; } &
wait "$postgres"
exit $?`;

export async function startServer(options: ServerOptions): Promise<Server> {
  const { binaries, as, folder } = options;
  const data = join(folder, "data");
  await stopPostmaster(data);
  const port = await freePort(options.port);
  const settings = Object.entries({ ...SETTINGS, port: String(port) });
  const flags = settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const log = openLog(join(folder, "postgres.log"));
  const child = spawn("sh", ["-c", GUARD, "sh", binaries.postgres, "-D", data, ...flags], {
    ...as,
    stdio: ["pipe", log, log],
    // Ctrl-C in our terminal is ours to answer.
    detached: true,
  });
  closeSync(log);
  child.unref();
  child.stdin?.on("error", () => undefined);
  child.once("exit", () => child.stdin?.destroy());
  await untilReady(child, data, folder);
  return {
    port,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    stop: () => stop(child, data),
  };
}

function openLog(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return openSync(file, size > LOG_BYTES ? "w" : "a", 0o600);
}

async function untilReady(child: ChildProcess, data: string, folder: string): Promise<void> {
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code) => resolve(`it ended with exit code ${code}`));
  });
  const deadline = Date.now() + START_LIMIT_MS;
  while (readPostmaster(data)?.isReady !== true) {
    const failure = await Promise.race([ended, sleep(LOOK_EVERY_MS)]);
    if (failure === undefined && Date.now() < deadline) continue;
    await stop(child, data);
    const reason = failure ?? `it did not get ready within ${START_LIMIT_MS} ms`;
    throw new Error(`Cannot start PostgreSQL: ${reason}. See ${join(folder, "postgres.log")}`);
  }
}

async function stop(child: ChildProcess, data: string): Promise<void> {
  child.stdin?.destroy();
  await stopPostmaster(data);
}

/** The wanted port, or another when somebody has it. */
async function freePort(wanted: number | undefined): Promise<number> {
  const listened = (port: number) =>
    new Promise<number>((resolve, reject) => {
      const server = createServer().once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        const address = server.address();
        const taken = typeof address === "object" && address !== null ? address.port : 0;
        server.close(() => resolve(taken));
      });
    });
  return wanted === undefined ? listened(0) : listened(wanted).catch(() => listened(0));
}
