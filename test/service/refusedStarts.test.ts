import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { processRegister } from "../../registry/host.ts";
import { createPostgres } from "../registry/postgresDatabase.ts";
import { ensurePostgres } from "../registry/postgresServer.ts";
import { startProxy } from "../registry/proxy.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** What the program says when it ends at once. */
async function refusal(...flags: string[]): Promise<string> {
  const dataDir = mkdtempSync(path.join(tmpdir(), "tenantry-refused-"));
  folders.push(dataDir);
  const args = ["--disable-warning=ExperimentalWarning", "service/main.ts", "--data-dir", dataDir];
  const child = spawn(process.execPath, [...args, "--cloud", "aws", "--port", "0", ...flags], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect(code).toBe(1);
  // A message for a person: one sentence or two, no stack.
  expect(said).not.toContain("    at ");
  return said;
}

/** A registry whose pages after the first are noise. */
function damaged(): Buffer {
  const folder = mkdtempSync(path.join(tmpdir(), "tenantry-damaged-"));
  folders.push(folder);
  const file = path.join(folder, "registry.sqlite");
  const database = new Database(file);
  database.exec("create table schema_migrations (number integer primary key, name text)");
  database.exec("create table other (name text)");
  database.close();
  const content = readFileSync(file);
  return content.fill(0xa5, 100);
}

describe("a start is refused in plain words", () => {
  it.each(["api", "worker"])("when --role %s would share a SQLite registry", async (role) => {
    expect(await refusal("--role", role)).toMatch(
      /^Cannot start: --role \w+ needs other processes .*SQLite is for one process alone/,
    );
  });

  it("when the signing key is none", async () => {
    expect(await refusal("--signing-key", "no-such-key.pem")).toMatch(
      /^Cannot start: --signing-key must be an Ed25519 private key .*no-such-key\.pem must be readable/,
    );
  });

  it("when the data folder is a file", async () => {
    expect(await refusal("--data-dir", path.join(root, "package.json"))).toMatch(
      /^Cannot start: --data-dir must be a folder that can be written, got .*package\.json/,
    );
  });

  it.runIf(process.platform === "linux").each(["/proc/nothing/here", "/proc/self"])(
    "when nothing can be made in the data folder %s",
    async (folder) => {
      expect(await refusal("--data-dir", folder)).toMatch(
        /^Cannot start: --data-dir must be a folder that can be written, got \/proc/,
      );
    },
  );

  it.each([
    ["is none", Buffer.from("no database at all ".repeat(100)), /file is not a database/],
    ["is damaged", damaged(), /(malformed|not a database|in good order)/],
  ])("when the registry's file %s", async (_, content, why) => {
    const dataDir = mkdtempSync(path.join(tmpdir(), "tenantry-damaged-"));
    folders.push(dataDir);
    writeFileSync(path.join(dataDir, "registry.sqlite"), content);
    const said = await refusal("--data-dir", dataDir);
    expect(said).toMatch(/^Cannot open the registry: .*registry\.sqlite must be a /);
    expect(said).toMatch(why);
  });

  it("when values are out of range, all at once", async () => {
    const said = await refusal("--role", "boss", "--concurrency", "0");
    expect(said).toContain(
      '--role (or TENANTRY_ROLE) is not usable, got "boss": must be one of all, api, worker',
    );
    expect(said).toContain(
      '--concurrency (or TENANTRY_CONCURRENCY) is not usable, got "0": must be at least 1',
    );
  });

  it("when the lease leaves a lost service no time", async () => {
    expect(await refusal("--lease-ms", "20000", "--kill-time-ms", "15000")).toContain(
      "at most half of --lease-ms",
    );
  });

  it("when the database's URL is none, without showing it", async () => {
    const said = await refusal("--database-url", "mysql://user:hunter2@localhost/db");
    expect(said).toContain("must be postgres://user:password@host:port/database");
    expect(said).not.toContain("hunter2");
  });

  it("when the database does not answer, without showing its password", async () => {
    const said = await refusal("--database-url", "postgres://user:hunter2@127.0.0.1:1/db");
    expect(said).toMatch(
      /^Cannot start: PostgreSQL at 127\.0\.0\.1:1\/db must answer, and does not \(.*ECONNREFUSED/,
    );
    expect(said).not.toContain("hunter2");
  });

  it("when the database goes away during the start", async ({ skip }) => {
    const postgres = await ensurePostgres();
    if (!("server" in postgres)) return skip(`no PostgreSQL here: ${postgres.reason}`);
    const database = await createPostgres(postgres.server, {});
    try {
      const url = "url" in database.location ? database.location.url : "";
      const proxy = await startProxy(url);
      proxy.cutAfter('insert into "processes"');
      const said = await refusal("--database-url", proxy.url);
      await proxy.cut();
      expect(said).toMatch(/^Cannot start: PostgreSQL at .* must answer, and does not \(/);
    } finally {
      await database.dispose();
    }
  });

  it("when another host is at work and the state lies in a folder", async ({ skip }) => {
    const postgres = await ensurePostgres();
    if (!("server" in postgres)) return skip(`no PostgreSQL here: ${postgres.reason}`);
    const database = await createPostgres(postgres.server, {});
    try {
      const registry = await database.open();
      const other = {
        processId: "p1",
        hostId: "far-away",
        pid: 7,
        processStartedAt: "x:1",
        role: "all",
      } as const;
      await registry.record((record) => processRegister(record, other));
      const url = "url" in database.location ? database.location.url : "";
      const said = await refusal("--database-url", url, "--host-id", "here");
      expect(said).toMatch(/^Cannot start on host here: .*process 7 of host far-away.*s3:\/\//);
    } finally {
      await database.dispose();
    }
  });
});
