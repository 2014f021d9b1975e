import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findLocalCloud } from "../../launcher/localCloud.ts";
import { recordedCli } from "../../service/engine/cliFile.ts";
import { createEngine } from "../../service/engine/createEngine.ts";
import { isAlive, type ProcessIdentity } from "../../service/engine/processes.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { type EngineWorld, environmentOf, openWorld, recovery, targetOf } from "./world.ts";

const QUEUE = "aws:sqs/queue:Queue";
/** Less than an orphaned CLI would take to end by itself. */
const OUTLIVED_MS = 4_000;
const path = (name: string) => fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url));

let world: EngineWorld;
beforeAll(async () => {
  world = await openWorld({ programModule: path("queues") });
});
afterAll(() => world?.close());

describe("kill -9", () => {
  it("of the service ends its run, and a successor settles, recovers and finishes it without a duplicate", async () => {
    await world.control("POST", "/v1/faults", { type: QUEUE, operation: "create", kind: "hang", count: 2 });
    const [spec, runId] = [tenantSpec({ tenantId: randomUUID(), slug: "orphan" }), randomUUID()];
    await killServiceWhileCreating(spec, runId);
    await world.engine.settle(targetOf(spec), runId);
    expect(await locks()).toEqual([]);
    await finishes(spec);
  });

  it("of service, worker and CLI together leaves a lock that only settling removes", async () => {
    await world.control("POST", "/v1/faults", { type: QUEUE, operation: "create", kind: "hang", count: 2 });
    const [spec, runId] = [tenantSpec({ tenantId: randomUUID(), slug: "power-cut" }), randomUUID()];
    const cliFile = join(world.dataDir, "runs", runId, "cli.json");
    const cli = await killServiceWhileCreating(spec, runId, async () => {
      const identity = JSON.parse(await readFile(cliFile, "utf8")) as ProcessIdentity;
      process.kill(identity.pid, "SIGKILL");
      return identity;
    });
    await expect.poll(() => cli && isAlive(cli)).toBe(false);
    expect(await locks()).toHaveLength(1);
    await expect(world.engine.up(spec)).rejects.toMatchObject({ code: "stack_locked" });
    await world.engine.settle(targetOf(spec), runId);
    expect(await locks()).toEqual([]);
    await finishes(spec);
  });

  it("of the worker, and then of the cloud, leaves what was being created to be adopted", async () => {
    const hang = { type: QUEUE, operation: "create", kind: "hang", when: "after", count: 2 };
    await world.control("POST", "/v1/faults", hang);
    const [spec, runId] = [tenantSpec({ tenantId: randomUUID(), slug: "unserved" }), randomUUID()];
    const ended = world.engine.up(spec, { runId }).catch((error: unknown) => error);
    await expect.poll(hanging, { timeout: 30_000 }).toBe(2);
    const cli = recordedCli(join(world.dataDir, "runs", runId));
    process.kill(cli?.worker?.pid ?? Number.NaN, "SIGKILL");
    // A CLI that outlived its worker would meet the cloud's end, take both creations for failed and forget them.
    await expect.poll(() => cli && isAlive(cli), { timeout: OUTLIVED_MS }).toBe(false);
    process.kill((await findLocalCloud(world.dataDir))?.pid ?? Number.NaN, "SIGKILL");
    expect(await ended).toMatchObject({ code: "worker_crashed" });
    await finishes(spec);
  });
});

describe("a state backend that only the CLI can read", () => {
  it("serves a whole life all the same", async () => {
    const environment = async () => {
      const env = await environmentOf(world.dataDir);
      // The query keeps the engine from looking into the folder itself, as with a bucket.
      return { ...env, PULUMI_BACKEND_URL: `${env.PULUMI_BACKEND_URL}?no_tmp_dir=true` };
    };
    const engine = createEngine({
      dataDir: world.dataDir,
      workers: 1,
      programModule: path("queues"),
      environment,
    });
    try {
      const spec = tenantSpec({ tenantId: randomUUID(), slug: "bucket" });
      const target = targetOf(spec);
      await expect(engine.outputs(target)).rejects.toMatchObject({ code: "stack_not_found" });
      expect(await engine.up(spec)).toMatchObject({ changed: true, resources: 2 });
      expect(await engine.up(spec)).toMatchObject({ changed: false });
      expect(await engine.outputs(target)).toMatchObject({ password: "[secret]" });
      expect(JSON.stringify(await engine.export(target))).not.toContain("correct-horse");
      expect(await engine.destroy({ ...target, tenantId: spec.tenant.tenantId })).toMatchObject({
        existed: true,
      });
      expect(await engine.inspect(target)).toMatchObject({ exists: false });
    } finally {
      await engine.close();
    }
  });
});

async function hanging(): Promise<number> {
  const { faults } = (await world.control("GET", "/v1/faults")) as { faults: { hanging: number }[] };
  return faults.reduce((sum, fault) => sum + fault.hanging, 0);
}

/** Starts a service of its own, kills it once both creations hang, and does `also` at the same moment. */
async function killServiceWhileCreating<T>(
  spec: TenantSpec,
  runId: string,
  also?: () => Promise<T>,
): Promise<T | undefined> {
  const child = spawn(process.execPath, [path("service"), world.dataDir, runId, path("queues")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let started = "";
  child.stdout.on("data", (chunk) => {
    started += String(chunk);
  });
  child.stdin.end(JSON.stringify(spec));
  await expect.poll(() => started.split(QUEUE).length - 1, { timeout: 30_000 }).toBe(2);
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  const result = await also?.();
  await gone;
  return result;
}

/** Releases the faults, recovers what was interrupted, and brings the tenant up. */
async function finishes(spec: TenantSpec): Promise<void> {
  await world.control("DELETE", "/v1/faults");
  await expect(world.engine.up(spec)).rejects.toMatchObject({ code: "unclean_state" });
  await world.engine.recover(targetOf(spec), recovery(world, spec));
  expect(await world.engine.up(spec)).toMatchObject({ resources: 2 });
  expect(await world.cloudResources(spec.tenant.tenantId)).toHaveLength(2);
}

async function locks(): Promise<string[]> {
  const folder = join(world.dataDir, "state", ".pulumi", "locks");
  const entries: string[] = await readdir(folder, { recursive: true }).catch(() => []);
  return entries.filter((name) => name.endsWith(".json"));
}
