import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { plane, releaseBody, waitFor } from "../service/harness.ts";
import { bringUpPlane, createRealService } from "../service/realService.ts";
import { postgresWatch } from "../support/postgreses.ts";

/** A tenant's data through its life, on the real engine, the local cloud and its PostgreSQL. In order. */
const service = createRealService();
const { call, control } = service;

let tenantId = "";
let other = "";
/** Every password that was ever in a secret. */
const passwords = new Set<string>();

beforeAll(async () => {
  await bringUpPlane(service.dataDir);
  await service.start();
  await call("POST", "/releases", releaseBody("1.0.0"));
  [tenantId, other] = [await create("alpha"), await create("beta")];
}, 300_000);
const postgreses = postgresWatch(() => path.join(service.dataDir, "cloud"));
afterAll(async () => {
  expect(postgreses().length).toBeGreaterThan(0);
  await service.cleanUp();
  expect(postgreses()).toEqual([]);
});

async function create(slug: string): Promise<string> {
  const body = { slug, displayName: slug, plan: "starter", planes: [plane] };
  return (await call("POST", "/tenants", body)).body.tenantId;
}

async function run(at: string, body: object = {}): Promise<void> {
  const answer = await call("POST", at, body);
  expect(answer, at).toMatchObject({ status: 202 });
  for (const { operationId } of answer.body.operations) {
    const ended = await waitFor(
      at,
      async () => {
        const { body: operation } = await call("GET", `/operations/${operationId}`);
        return operation.finishedAt === null ? undefined : operation;
      },
      120_000,
    );
    expect([ended.status, ended.error], service.troubles()).toEqual(["succeeded", null]);
  }
}

interface Held {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password: string;
}

async function secretsOf(id: string): Promise<Held[]> {
  const secrets = (await service.listing(id)).filter(
    ({ type, state }) => type === "aws:secretsmanager/secret:Secret" && state === "present",
  );
  const values = secrets.map(async (secret) => {
    const query = new URLSearchParams({ id: secret.id, region: secret.region });
    const answer = (await control("GET", `/v1/secrets/value?${query}`)) as { value: string | null };
    return JSON.parse(answer.value ?? "null") as Held;
  });
  const held = await Promise.all(values);
  for (const { password } of held) passwords.add(password);
  return held;
}

async function asTenant(id: string): Promise<pg.Client> {
  const [held] = await secretsOf(id);
  if (held === undefined) throw new Error("the tenant has no secret");
  const { host, port, database, username: user, password } = held;
  const client = new pg.Client({ host, port, database, user, password });
  await client.connect();
  return client;
}

async function bucketOf(): Promise<string> {
  const { body } = await call("GET", "/planes");
  return body.items[0].outputs.dataBucketName;
}

async function object(method: string, key: string, content?: string): Promise<Response> {
  const { controlUrl } = JSON.parse(
    readFileSync(path.join(service.dataDir, "cloud", "emulator.json"), "utf8"),
  );
  const url = new URL("/v1/s3/object", controlUrl);
  url.search = new URLSearchParams({ bucket: await bucketOf(), key }).toString();
  return fetch(url, { method, ...(content === undefined ? {} : { body: content }) });
}

it("gives an activated tenant a login of its own in all its secrets", async () => {
  await Promise.all([tenantId, other].map((id) => run(`/tenants/${id}/activate`)));
  const held = await secretsOf(tenantId);
  expect(held).toHaveLength(5);
  expect(new Set(held.map((item) => JSON.stringify(item))).size).toBe(1);
  expect((await secretsOf(other))[0]?.username).not.toBe(held[0]?.username);
  const client = await asTenant(tenantId);
  await client.query("CREATE TABLE facts (id int PRIMARY KEY, words text)");
  await client.query("INSERT INTO facts SELECT n, 'fact ' || n FROM generate_series(1, 500) AS n");
  await client.end();
  for (const name of ["a.txt", "deep/b.txt"]) {
    expect((await object("PUT", `tenants/${tenantId}/${name}`, `content of ${name}`)).status).toBe(200);
  }
  const foreign = await asTenant(other);
  const schema = `tn_${tenantId.replaceAll("-", "")}`;
  await expect(foreign.query(`SELECT * FROM ${schema}.facts`)).rejects.toMatchObject({ code: "42501" });
  await foreign.end();
}, 180_000);

it("leaves the login as it is when the tenant is deployed again", async () => {
  const before = await secretsOf(tenantId);
  await run(`/tenants/${tenantId}/deploy`, { force: true });
  expect(await secretsOf(tenantId)).toEqual(before);
}, 120_000);

it("rotates the password in all secrets, and lets nobody be cut off by it", async () => {
  const [before] = await secretsOf(tenantId);
  const still = await asTenant(tenantId);
  await run(`/tenants/${tenantId}/rotate-credentials`, { reason: "an operator left" });
  const held = await secretsOf(tenantId);
  expect(new Set(held.map((item) => JSON.stringify(item))).size).toBe(1);
  expect(held[0]?.username).not.toBe(before?.username);
  expect(held[0]?.password).not.toBe(before?.password);
  const client = await asTenant(tenantId);
  for (const one of [client, still]) {
    expect((await one.query("SELECT count(*)::int AS count FROM facts")).rows).toEqual([{ count: 500 }]);
    await one.end();
  }
  const { body } = await call("GET", `/tenants/${tenantId}/targets`);
  expect(body.items[0]).toMatchObject({ deploymentState: "ready", lastOperationStatus: "succeeded" });
}, 120_000);

it("keeps database and objects apart in an archive, and brings both back", async () => {
  await run(`/tenants/${tenantId}/suspend`, { reason: "pause" });
  await run(`/tenants/${tenantId}/archive`, { reason: "long pause" });
  expect((await object("GET", `tenants/${tenantId}/a.txt`)).status).toBe(404);
  const { body: archives } = await call("GET", `/tenants/${tenantId}/archives`);
  expect(archives.items[0].manifest).toMatchObject({
    database: { tables: 1, rows: 500 },
    objects: { count: 2 },
  });
  await run(`/tenants/${tenantId}/restore`, { reason: "goes on" });
  const client = await asTenant(tenantId);
  const { rows } = await client.query("SELECT count(*)::int AS count, min(words) AS first FROM facts");
  expect(rows).toEqual([{ count: 500, first: "fact 1" }]);
  await client.end();
  expect(await (await object("GET", `tenants/${tenantId}/deep/b.txt`)).text()).toBe("content of deep/b.txt");
}, 300_000);

it("gives a tenant with a database of its own a server that nobody else is on", async () => {
  const body = {
    slug: "gamma",
    displayName: "gamma",
    plan: "enterprise",
    planes: [plane],
    isolation: "hybrid",
  };
  const { tenantId: own } = (await call("POST", "/tenants", body)).body;
  await run(`/tenants/${own}/activate`);
  const [[held], [shared]] = [await secretsOf(own), await secretsOf(other)];
  expect(held?.port).not.toBe(shared?.port);
  expect(held?.database).toBe(`tn_${own.replaceAll("-", "")}`);
  const client = await asTenant(own);
  await client.query("CREATE TEMP TABLE scratch (id int)");
  await client.end();
  await run(`/tenants/${own}/decommission`, { reason: "test", confirmSlug: "gamma", immediately: true });
}, 300_000);

it("leaves nothing of a decommissioned tenant's data, and the neighbour's alone", async () => {
  const schema = `tn_${tenantId.replaceAll("-", "")}`;
  const reason = "contract ended";
  await run(`/tenants/${tenantId}/decommission`, { reason, confirmSlug: "alpha", immediately: true });
  const neighbour = await asTenant(other);
  const { rows } = await neighbour.query("SELECT rolname FROM pg_roles WHERE rolname LIKE $1 || '%'", [
    schema,
  ]);
  expect(rows).toEqual([]);
  expect((await neighbour.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema])).rowCount).toBe(0);
  await neighbour.end();
  expect((await object("GET", `tenants/${tenantId}/a.txt`)).status).toBe(404);
}, 180_000);

it("has let no password into registry, journal, state, logs or the cloud's listings", async () => {
  expect(passwords.size).toBeGreaterThanOrEqual(3);
  const listed = JSON.stringify(await service.listing(other));
  // The cloud's own account is where secrets are kept; PostgreSQL's files hold verifiers.
  const kept = (file: string) => file.startsWith(path.join("cloud", "account.sqlite"));
  const files = filesIn(service.dataDir).filter((file) => !kept(file));
  expect(files.some((file) => file.startsWith("registry.sqlite"))).toBe(true);
  expect(files.some((file) => file.startsWith("state"))).toBe(true);
  expect(files.some((file) => file.endsWith("service.log"))).toBe(true);
  for (const password of passwords) {
    expect(listed).not.toContain(password);
    const holding = files.filter((file) => readFileSync(path.join(service.dataDir, file)).includes(password));
    expect(holding).toEqual([]);
  }
});

function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => {
    const stat = statSync(path.join(folder, name), { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.size < 64 * 1024 * 1024;
  });
}
