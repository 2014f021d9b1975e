import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEngine } from "../../service/engine/createEngine.ts";
import type { Engine } from "../../service/engine/engine.ts";
import type { ProcessIdentity } from "../../service/engine/processes.ts";
import { localHome, stateLocks } from "../../service/engine/stateLocks.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { startMoto } from "../cloud/motoServer.ts";
import { ensurePostgres } from "../registry/postgresServer.ts";
import { startProxy } from "../registry/proxy.ts";
import { type EngineWorld, environmentOf, openWorld, recovery, targetOf } from "./world.ts";

/** The state where several hosts can reach it: PostgreSQL and S3, each through a death in the middle of a run. */
const QUEUE = "aws:sqs/queue:Queue";
const program = fileURLToPath(new URL("./programs/queues.ts", import.meta.url));
const keys = { AWS_ACCESS_KEY_ID: "testing", AWS_SECRET_ACCESS_KEY: "testing", AWS_REGION: "eu-west-1" };

interface Backend {
  readonly url: string;
  close(): Promise<void>;
}

const backends: Readonly<Record<string, () => Promise<Backend | { readonly unavailable: string }>>> = {
  postgres: postgresBackend,
  s3: s3Backend,
};

let world: EngineWorld;
beforeAll(async () => {
  world = await openWorld({ programModule: program, workers: 1 });
});
afterAll(() => world?.close());

describe.each(Object.keys(backends))("state in %s", (kind) => {
  let backend: Backend | { readonly unavailable: string };
  let engine: Engine;

  beforeAll(async () => {
    backend = (await backends[kind]?.()) ?? { unavailable: "it is not known" };
    if ("unavailable" in backend) return;
    const { url } = backend;
    const environment = async () => ({
      ...(await environmentOf(world.dataDir)),
      ...keys,
      PULUMI_BACKEND_URL: url,
    });
    engine = createEngine({ dataDir: world.dataDir, workers: 1, programModule: program, environment });
  }, 120_000);

  afterAll(async () => {
    await engine?.close();
    if ("close" in backend) await backend.close();
  });

  it("serves a whole life, with a CLI killed in the middle of it", async ({ skip }) => {
    if ("unavailable" in backend) return skip(backend.unavailable);
    const locks = stateLocks(backend.url);
    const spec = tenantSpec({ tenantId: randomUUID(), slug: `shared-${kind}` });
    const target = targetOf(spec);
    const runId = randomUUID();
    const fault = { type: QUEUE, operation: "create", kind: "hang", when: "after", count: 1 };
    await world.control("POST", "/v1/faults", fault);
    const run = engine.up(spec, { runId }).catch((error: unknown) => error);
    await expect.poll(hangs, { timeout: 60_000 }).toBe(true);
    const file = join(world.dataDir, "runs", runId, "cli.json");
    const cli = JSON.parse(await readFile(file, "utf8")) as ProcessIdentity;
    expect(await locks?.list(target)).toMatchObject([{ pid: cli.pid, hostname: cli.host }]);
    // Whose the lock is decides: that of another run stays.
    await expect(engine.up(spec)).rejects.toMatchObject({
      code: "stack_locked",
      lock: { owner: expect.stringContaining(`${cli.host} (pid ${cli.pid})`), since: expect.any(String) },
    });
    expect(await locks?.list(target)).toHaveLength(1);
    process.kill(cli.pid, "SIGKILL");
    expect(await run).toBeInstanceOf(Error);
    await world.control("DELETE", "/v1/faults");
    // Its own CLI the engine has seen end.
    expect(await locks?.list(target)).toEqual([]);

    await expect(engine.up(spec)).rejects.toMatchObject({ code: "unclean_state" });
    await engine.recover(target, recovery(world, spec));
    expect(await engine.up(spec)).toMatchObject({ resources: 2 });
    expect(await world.cloudResources(spec.tenant.tenantId)).toHaveLength(2);
    expect(await engine.outputs(target)).toMatchObject({ password: "[secret]" });
    expect(JSON.stringify(await engine.export(target))).not.toContain("correct-horse");
    const { tenantId } = spec.tenant;
    expect(await engine.destroy({ ...target, tenantId })).toMatchObject({ existed: true });
    expect(await engine.inspect(target)).toMatchObject({ exists: false });
    expect(await locks?.list(target)).toEqual([]);
  }, 180_000);
});

it("says that the state cannot be reached when its database dies while it is asked for locks", async ({
  skip,
}) => {
  const postgres = await ensurePostgres();
  if (!("server" in postgres)) return skip(`no PostgreSQL here: ${postgres.reason}`);
  const proxy = await startProxy(postgres.server.url);
  proxy.cutAfter("starts_with");
  const asked = stateLocks(proxy.url)?.list(
    targetOf(tenantSpec({ tenantId: randomUUID(), slug: "unheard" })),
  );
  await expect(asked).rejects.toMatchObject({ code: "state_unavailable", retryable: true });
  await proxy.cut();
});

/** What the CLI has written of a new stack when it is killed within `stack init`, wherever the state is. */
it("takes a stack that was begun and never saved for an empty one", async () => {
  const spec = tenantSpec({ tenantId: randomUUID(), slug: "begun" });
  const { projectName, stackName } = targetOf(spec);
  const { PULUMI_BACKEND_URL = "" } = await environmentOf(world.dataDir);
  const file = join(localHome(PULUMI_BACKEND_URL) ?? "", "stacks", projectName, `${stackName}.json`);
  const stack = `organization/${projectName}/${stackName}`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify({ version: 0, checkpoint: { stack } }));
  expect(await world.engine.inspect(targetOf(spec))).toMatchObject({ exists: true, resources: 0 });
  expect(await world.engine.up(spec)).toMatchObject({ resources: 2 });
  const { tenantId } = spec.tenant;
  expect(await world.engine.destroy({ ...targetOf(spec), tenantId })).toMatchObject({ existed: true });
}, 60_000);

async function hangs(): Promise<boolean> {
  const { faults } = (await world.control("GET", "/v1/faults")) as { faults: { hanging: number }[] };
  return faults.some(({ hanging }) => hanging > 0);
}

async function postgresBackend(): Promise<Backend | { readonly unavailable: string }> {
  const answer = await ensurePostgres();
  if ("reason" in answer) return { unavailable: answer.reason };
  const name = `state_${randomUUID().replaceAll("-", "")}`;
  const admin = new Client({ connectionString: answer.server.url });
  await admin.connect();
  await admin.query(`create database ${name}`);
  const url = new URL(answer.server.url);
  url.pathname = `/${name}`;
  url.searchParams.set("sslmode", "disable");
  return {
    url: url.href,
    async close() {
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}

async function s3Backend(): Promise<Backend | { readonly unavailable: string }> {
  const moto = await startMoto();
  if ("unavailable" in moto) return moto;
  // As in a service that runs on AWS: the SDK's own chain finds them.
  Object.assign(process.env, keys);
  const { endpoint } = moto;
  const s3 = new S3Client({ endpoint, forcePathStyle: true, region: "eu-west-1" });
  await s3.send(
    new CreateBucketCommand({
      Bucket: "states",
      CreateBucketConfiguration: { LocationConstraint: "eu-west-1" },
    }),
  );
  s3.destroy();
  const query = new URLSearchParams({ endpoint, region: "eu-west-1", s3ForcePathStyle: "true" });
  return { url: `s3://states/fleet?${query}`, close: () => moto.close() };
}
