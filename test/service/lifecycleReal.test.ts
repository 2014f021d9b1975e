import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificateVerify } from "../../registry/certificateVerify.ts";
import { plane, releaseBody, waitFor } from "./harness.ts";
import { bringUpPlane, createRealService } from "./realService.ts";

/** A tenant's whole life on the real engine, the local cloud and a real PostgreSQL. The steps build on each other. */
const service = createRealService();
const { call, listing, control } = service;
const region = "eu-west-1";

let tenantId = "";
let dataBucket = "";
let archive: { archiveId: string; bucket: string; prefix: string; manifest: { objects: { count: number } } };
const objectKeys = ["reports/2026/q1.pdf", "reports/2026/q2.pdf", "odd name & ünïcode.txt"];

beforeAll(async () => {
  await bringUpPlane(service.dataDir);
  await service.start();
  await call("POST", "/releases", releaseBody("1.0.0"));
  const body = { slug: "phoenix", displayName: "Phoenix", plan: "starter", planes: [plane] };
  tenantId = (await call("POST", "/tenants", body)).body.tenantId;
}, 300_000);
afterAll(() => service.cleanUp());

const get = async (at: string) => (await call("GET", at)).body;
const tenant = () => get(`/tenants/${tenantId}`);
const target = async () => (await get(`/tenants/${tenantId}/targets`)).items[0];
const present = async () => (await listing(tenantId)).filter(({ state }) => state === "present");

async function run(at: string, body: object = {}) {
  const answer = await call("POST", `/tenants/${tenantId}${at}`, body);
  expect(answer).toMatchObject({ status: 202 });
  for (const { operationId } of answer.body.operations) {
    const ended = await waitFor(
      at,
      async () => {
        const operation = await get(`/operations/${operationId}`);
        return operation.finishedAt === null ? undefined : operation;
      },
      120_000,
    );
    expect([ended.status, ended.error], service.troubles()).toEqual(["succeeded", null]);
  }
  return answer.body.operations;
}

/** Logs in as the tenant's services do, with what is in their secret. */
async function asTenant<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const secret = (await present()).find(({ type }) => type === "aws:secretsmanager/secret:Secret");
  const query = new URLSearchParams({ id: secret?.name ?? "", region });
  const { value } = (await control("GET", `/v1/secrets/value?${query}`)) as { value: string };
  const { host, port, database, username: user, password } = JSON.parse(value);
  const client = new pg.Client({ host, port, database, user, password });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const rows = () =>
  asTenant(async (client) => (await client.query("SELECT id, note FROM facts ORDER BY id")).rows);

async function objects(bucket: string, prefix: string): Promise<string[]> {
  const query = new URLSearchParams({ bucket, prefix });
  const answer = (await control("GET", `/v1/s3/objects?${query}`)) as { objects: { key: string }[] };
  return answer.objects.map(({ key }) => key.slice(prefix.length)).sort();
}

describe("a tenant's whole life", () => {
  it("is activated, and its services write rows and objects", async () => {
    await run("/activate");
    await asTenant(async (client) => {
      await client.query("CREATE TABLE facts (id int PRIMARY KEY, note text)");
      await client.query("INSERT INTO facts SELECT n, 'note ' || n FROM generate_series(1, 200) AS n");
    });
    dataBucket = (await get(`/planes/${plane}`)).outputs.dataBucketName;
    for (const key of objectKeys) {
      const query = new URLSearchParams({ bucket: dataBucket, key: `tenants/${tenantId}/${key}` });
      await control("PUT", `/v1/s3/object?${query}`, { content: key });
    }
    expect(await objects(dataBucket, `tenants/${tenantId}/`)).toEqual([...objectKeys].sort());
    expect(await rows()).toHaveLength(200);
  });

  it("is suspended by access alone, and its services go on", async () => {
    await run("/suspend", { mode: "access" });
    expect(await target()).toMatchObject({ deploymentState: "suspended", suspensionMode: "access" });
    const { services } = (await control("GET", `/v1/ecs/services?tag.tenantry:tenant-id=${tenantId}`)) as {
      services: { runningCount: number }[];
    };
    expect(services.every(({ runningCount }) => runningCount > 0)).toBe(true);
    expect(await rows()).toHaveLength(200);
  });

  it("is archived: nothing of it runs, and everything is in the archive", async () => {
    await run("/archive", { reason: "paused until spring" });
    expect(await tenant()).toMatchObject({ status: "archived" });
    expect(await present()).toEqual([]);
    expect(await objects(dataBucket, `tenants/${tenantId}/`)).toEqual([]);
    archive = (await get(`/tenants/${tenantId}/archives`)).items[0];
    expect(archive).toMatchObject({
      state: "complete",
      manifest: { database: { tables: 1, rows: 200 }, objects: { count: objectKeys.length } },
    });
    expect(await objects(archive.bucket, `${archive.prefix}objects/`)).toEqual([...objectKeys].sort());
  });

  it("is restored, with every row and object as it was", async () => {
    await run("/restore", { reason: "spring" });
    expect(await tenant()).toMatchObject({ status: "active" });
    expect(await target()).toMatchObject({ deploymentState: "ready", generation: 2 });
    const found = await rows();
    expect(found).toHaveLength(200);
    expect(found.at(-1)).toEqual({ id: 200, note: "note 200" });
    expect(await objects(dataBucket, `tenants/${tenantId}/`)).toEqual([...objectKeys].sort());
    await asTenant((client) => client.query("INSERT INTO facts VALUES (201, 'after the restore')"));
  });

  it("is to be decommissioned, is blocked, and is taken back with all its data", async () => {
    await run("/decommission", { confirmSlug: "phoenix", reason: "contract ended", graceHours: 24 });
    expect(await tenant()).toMatchObject({ status: "decommissioning", requestedStatus: "deleted" });
    expect(await target()).toMatchObject({ deploymentState: "suspended" });
    await run("/decommission/undo", { reason: "renewed" });
    expect(await tenant()).toMatchObject({ status: "active", decommissionAfter: null });
    expect(await rows()).toHaveLength(201);
  });

  it("is decommissioned for good: nothing is left but what the certificate says", async () => {
    const before = (await present()).map(({ id, properties: { arn } }) =>
      typeof arn === "string" ? arn : id,
    );
    await run("/decommission", { confirmSlug: "phoenix", reason: "contract ended", immediately: true });
    expect(await tenant()).toMatchObject({ status: "deleted" });
    expect(await present()).toEqual([]);
    expect(await objects(dataBucket, `tenants/${tenantId}/`)).toEqual([]);
    const signed = await get(`/tenants/${tenantId}/deletion-certificate`);
    const { items } = await get("/signing-keys");
    expect(certificateVerify(signed, items)).toMatchObject({ verified: true });
    const [certified] = signed.certificate.targets;
    expect(certified).toMatchObject({ planeName: plane, database: "dropped" });
    expect(certified.objectsDeleted).toBe(objectKeys.length * 2);
    const scheduled = (await listing(tenantId)).filter(({ state }) => state === "scheduled_for_deletion");
    expect(certified.scheduledForDeletion).toHaveLength(scheduled.length);
    const named = [
      ...certified.resources.map(({ name }: { name: string }) => name),
      ...certified.scheduledForDeletion.map(({ arn }: { arn: string }) => arn),
    ];
    expect(before.filter((arn) => !named.includes(arn))).toEqual([]);
    expect(named).toContain(`s3://${dataBucket}/tenants/${tenantId}/`);
    expect(signed.certificate.archives).toMatchObject([{ archiveId: archive.archiveId, state: "retained" }]);
    expect(await get("/audit/verification")).toMatchObject({ verified: true, breaks: [] });
  });
});
