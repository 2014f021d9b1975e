import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCloud, type TestCloud } from "../support/localCloud.ts";
import { postgresWatch } from "../support/postgreses.ts";
import { aws, createTestStacks, REGION, type TestStacks } from "./support.ts";

/** What is in buckets, secrets and databases: through kills and deletions. In order. */
let dataFolder = "";
let cloud: TestCloud;
let stacks: TestStacks;

beforeAll(async () => {
  dataFolder = mkdtempSync(join(tmpdir(), "tenantry-cloud-"));
  stacks = createTestStacks(() => cloud);
  cloud = await startTestCloud({ dataFolder });
});
afterAll(async () => {
  await cloud.stop();
  stacks?.close();
  rmSync(dataFolder, { recursive: true, force: true });
  expect(postgreses()).toEqual([]);
});

interface Made {
  readonly force?: boolean;
  readonly clusters?: readonly string[];
}

function program({ force = false, clusters = ["one", "two"] }: Made = {}) {
  return async () => {
    new aws.s3.Bucket("files", { bucket: "contents-files", forceDestroy: force });
    new aws.secretsmanager.Secret("login", { name: "login", recoveryWindowInDays: 0 });
    for (const name of clusters) {
      new aws.rds.Cluster(name, {
        ...{ clusterIdentifier: name, engine: "aurora-postgresql", databaseName: "tenantry" },
        ...{ masterUsername: "tenantry_admin", manageMasterUserPassword: true, skipFinalSnapshot: true },
      });
    }
  };
}

async function object(method: string, key: string, body?: string): Promise<Response> {
  const url = new URL("/v1/s3/object", cloud.controlUrl);
  url.search = new URLSearchParams({ bucket: "contents-files", key }).toString();
  return fetch(url, { method, ...(body === undefined ? {} : { body }) });
}

const secretPath = (id: string) => `/v1/secrets/value?${new URLSearchParams({ id, region: REGION })}`;
const address = (name: string) =>
  cloud.request<{ host: string; port: number }>("POST", `/v1/rds/clusters/${name}/start`);

async function login(name: string): Promise<{ user: string; password: string }> {
  const clusters = await cloud.resources();
  const cluster = clusters.find(({ type, id }) => type === "aws:rds/cluster:Cluster" && id === name);
  const managed = cluster?.properties.masterUserSecrets as { secretArn: string }[] | undefined;
  const { value } = await cloud.request<{ value: string }>("GET", secretPath(managed?.[0]?.secretArn ?? ""));
  const { username, password } = JSON.parse(value);
  return { user: username, password };
}

async function query(name: string, statement: string, as?: { user: string; password: string }) {
  const client = new pg.Client({
    ...(await address(name)),
    ...(as ?? (await login(name))),
    database: "tenantry",
  });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

const postgreses = postgresWatch(() => dataFolder);

describe("what is in the local cloud", () => {
  it("is there again after a kill, which leaves no PostgreSQL behind", async () => {
    await (await stacks.stack("contents", program())).up();
    expect(postgreses()).toEqual([]);
    expect((await object("PUT", "tenants/a/one", "content")).status).toBe(200);
    await cloud.request("PUT", secretPath("login"), { value: "hunter2hunter2" });
    await query("one", "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('still here')");
    const before = await address("one");
    expect(postgreses().length).toBeGreaterThan(0);

    await cloud.kill();
    await expect.poll(postgreses, { timeout: 20_000 }).toEqual([]);
    cloud = await startTestCloud({ dataFolder });
    expect(await (await object("GET", "tenants/a/one")).text()).toBe("content");
    expect(await cloud.request("GET", secretPath("login"))).toEqual({ value: "hunter2hunter2" });
    expect(await query("one", "SELECT word FROM kept")).toEqual([{ word: "still here" }]);
    expect(await address("one")).toEqual(before);
  });

  it("is started once, however many ask at the same time", async () => {
    const ports = new Set(
      (await Promise.all([1, 2, 3, 4].map(() => address("two")))).map(({ port }) => port),
    );
    expect(ports.size).toBe(1);
  });

  it("comes back by itself when only PostgreSQL was killed", async () => {
    const { port } = await address("two");
    const postmaster = postgreses().find((line) => !line.includes("sh -c") && line.includes(`port=${port}`));
    process.kill(Number.parseInt(postmaster ?? "", 10), "SIGKILL");
    await expect
      .poll(() => query("two", "SELECT 1 AS one").catch(() => []), { timeout: 20_000 })
      .toEqual([{ one: 1 }]);
  });

  it("is kept apart from cluster to cluster", async () => {
    expect((await address("one")).port).not.toBe((await address("two")).port);
    expect(await query("two", "SELECT 1 FROM pg_class WHERE relname = 'kept'")).toEqual([]);
    await expect(query("two", "SELECT 1", await login("one"))).rejects.toMatchObject({ code: "28P01" });
  });

  it("shows no value in any listing", async () => {
    const { password } = await login("one");
    const listed = JSON.stringify(await cloud.resources());
    for (const value of ["hunter2", password, "still here"]) expect(listed).not.toContain(value);
  });

  it("keeps a bucket from being deleted, unless that is forced", async () => {
    const bare = await stacks.stack("contents", async () => undefined);
    await expect(bare.up()).rejects.toThrow(/BucketNotEmpty/);
    await (await stacks.stack("contents", program({ force: true, clusters: ["one"] }))).up();
    // The clusters were gone by the time the bucket was refused; this one is new and empty.
    expect(await query("one", "SELECT 1 FROM pg_class WHERE relname = 'kept'")).toEqual([]);
  });

  it("goes with what it was in", async () => {
    const folders = () => readdirSync(join(dataFolder, "rds")).filter((name) => name.endsWith(".place"));
    await expect.poll(folders, { timeout: 20_000 }).toHaveLength(1);
    await (await stacks.stack("contents", program({ force: true }))).destroy();
    await expect.poll(folders, { timeout: 20_000 }).toEqual([]);
    await expect.poll(postgreses, { timeout: 20_000 }).toEqual([]);
    await (await stacks.stack("again", program({ force: true, clusters: [] }))).up();
    expect((await object("GET", "tenants/a/one")).status).toBe(404);
    expect(await cloud.request("GET", secretPath("login"))).toEqual({ value: null });
    await (await stacks.stack("again", program({ force: true }))).destroy();
  });

  it("refuses what it cannot do in words", async () => {
    await expect(address("missing")).rejects.toThrow("Cannot find the database cluster missing");
    expect((await object("PUT", "x", "y")).status).toBe(404);
    expect(existsSync(join(dataFolder, "objects"))).toBe(true);
  });
});
