import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { OtherHostError, processStop } from "../../registry/host.ts";
import type { Registry } from "../../registry/registry.ts";
import { readSettings } from "../../service/config.ts";
import { createLog } from "../../service/log.ts";
import { startProcess } from "../../service/process.ts";
import { settableClock } from "../registry/fixtures.ts";
import { createPostgres } from "../registry/postgresDatabase.ts";
import { ensurePostgres } from "../registry/postgresServer.ts";
import { describeDialects } from "../registry/support.ts";
import { waitFor } from "./harness.ts";

/** Several hosts, the state in a folder: one that was silent for two leases, and finds another in its place when it is back. */

const LEASE_MS = 60_000;
const root = fileURLToPath(new URL("../..", import.meta.url));
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), "tenantry-displaced-"));
  cleanUps.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function startOn(registry: Registry, hostId: string, displaced: Error[] = []) {
  const flags = ["--data-dir", folder(), "--host-id", hostId, "--lease-ms", String(LEASE_MS)];
  const settings = readSettings([...flags, "--log-level", "silent"], {});
  const onDisplaced = (error: OtherHostError) => void displaced.push(error);
  const parts = { settings, registry, log: createLog(settings), stateInFolder: true, onDisplaced };
  const process_ = await startProcess(parts);
  cleanUps.push(() => process_.stop());
  return process_;
}

describeDialects(
  "a process that another host has taken the place of",
  (create) => {
    const heardOf = (registry: Registry, processId: string) =>
      registry.read((db) =>
        db
          .selectFrom("processes")
          .select("heartbeatAt")
          .where("processId", "=", processId)
          .executeTakeFirst(),
      );

    it("is told once, begins nothing any more, and is not heard of again", async () => {
      const clock = settableClock();
      const registry = await (await create()).open({ now: clock.now });
      const displaced: Error[] = [];
      const first = await startOn(registry, "host-a", displaced);
      expect(first.mayWork()).toBe(true);
      clock.advance(2 * LEASE_MS);
      const second = await startOn(registry, "host-b");
      const before = await heardOf(registry, first.processId);
      for (let beat = 0; beat < 2; beat += 1) await expect(first.beat()).rejects.toThrow(OtherHostError);
      expect(displaced.map(({ message }) => message)).toEqual([
        expect.stringMatching(/^Cannot go on on host host-a: services on several hosts must share/),
      ]);
      expect(first.mayWork()).toBe(false);
      expect(await heardOf(registry, first.processId)).toEqual(before);
      await second.beat();
      expect(second.mayWork()).toBe(true);
    });

    it("is not let back when it was forgotten meanwhile, and is when the other has stopped", async () => {
      const registry = await (await create()).open();
      const first = await startOn(registry, "host-a");
      const forget = () =>
        registry.record(({ db }) =>
          db.deleteFrom("processes").where("processId", "=", first.processId).execute(),
        );
      await forget();
      const second = await startOn(registry, "host-b");
      await expect(first.beat()).rejects.toThrow(OtherHostError);
      expect(await heardOf(registry, first.processId)).toBeUndefined();
      await registry.record((record) => processStop(record, second.processId));
      const third = await startOn(registry, "host-a");
      await third.beat();
      expect(third.mayWork()).toBe(true);
    });
  },
  "postgresql",
);

describe("the service", () => {
  it("ends when it finds another host in its place, and says why", async ({ skip }) => {
    const postgres = await ensurePostgres();
    if (!("server" in postgres)) return skip(`no PostgreSQL here: ${postgres.reason}`);
    const database = await createPostgres(postgres.server, {});
    cleanUps.push(() => database.dispose());
    const url = "url" in database.location ? database.location.url : "";
    const first = await start(url, "host-a");
    first.child.kill("SIGSTOP");
    // Refused until the first was silent for two leases.
    const second = await waitFor("the second", () => start(url, "host-b").catch(() => undefined), 60_000);
    first.child.kill("SIGCONT");
    expect(await first.ended).toBe(1);
    expect(first.said()).toMatch(/Cannot go on on host host-a: .* of host host-b was heard of at/);
    expect(second.child.exitCode).toBeNull();
  });
});

/** Nothing but its processes is asked of the service: no cloud and no engine are there. */
async function start(databaseUrl: string, hostId: string) {
  const dataDir = folder();
  const flags = ["--data-dir", dataDir, "--database-url", databaseUrl, "--host-id", hostId, "--port", "0"];
  const child: ChildProcess = spawn(
    process.execPath,
    [
      ...["--disable-warning=ExperimentalWarning", "service/main.ts", "--cloud", "aws", "--role", "api"],
      ...["--lease-ms", "3000", "--kill-time-ms", "1000", ...flags],
    ],
    { cwd: root, stdio: ["ignore", "ignore", "pipe"] },
  );
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  cleanUps.push(() => child.kill("SIGKILL") && ended);
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const listens = async () => {
    if (child.exitCode !== null) throw new Error(`the service ended: ${said}`);
    return urlIn(path.join(dataDir, "server.json"));
  };
  await waitFor("the service to listen", listens, 60_000);
  return { child, ended, said: () => said };
}

function urlIn(file: string): string | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")).url;
  } catch {
    return undefined;
  }
}
