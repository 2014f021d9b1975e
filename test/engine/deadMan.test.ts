import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { monotonicMs } from "../../service/engine/monotonic.ts";
import { isAlive, type ProcessIdentity } from "../../service/engine/processes.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { type EngineWorld, openWorld, recovery, targetOf } from "./world.ts";

const QUEUE = "aws:sqs/queue:Queue";
const path = (name: string) => fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url));

let world: EngineWorld;
beforeAll(async () => {
  world = await openWorld({
    workers: 1,
    programModule: path("queues"),
    stop: { gracefulMs: 500, impatientMs: 500 },
  });
});
afterAll(() => world?.close());

const newTenant = (slug: string) => tenantSpec({ tenantId: randomUUID(), slug });
const hang = () =>
  world.control("POST", "/v1/faults", { type: QUEUE, operation: "create", kind: "hang", count: 2 });

describe("the dead-man switch", () => {
  it("ends the CLI of a service that is frozen, which can end nothing itself", async () => {
    await hang();
    const [spec, runId] = [newTenant("frozen"), randomUUID()];
    const child = spawn(process.execPath, [path("service"), world.dataDir, runId, path("queues"), "1500"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    try {
      let started = "";
      child.stdout.on("data", (chunk) => {
        started += String(chunk);
      });
      child.stdin.end(JSON.stringify(spec));
      await expect.poll(() => started.split(QUEUE).length - 1, { timeout: 30_000 }).toBe(2);
      const file = join(world.dataDir, "runs", runId, "cli.json");
      const cli = JSON.parse(await readFile(file, "utf8")) as ProcessIdentity;
      // As long as it runs it renews, and the run goes on past many leases.
      await new Promise((resolve) => setTimeout(resolve, 3_500));
      expect(isAlive(cli)).toBe(true);
      process.kill(child.pid ?? 0, "SIGSTOP");
      await expect.poll(() => isAlive(cli), { timeout: 20_000 }).toBe(false);
    } finally {
      child.kill("SIGKILL");
      await world.control("DELETE", "/v1/faults");
    }
    await world.engine.settle(targetOf(spec), runId);
    await world.engine.recover(targetOf(spec), recovery(world, spec));
    expect(await world.engine.up(spec)).toMatchObject({ resources: 2 });
    expect(await world.cloudResources(spec.tenant.tenantId)).toHaveLength(2);
  });

  it("ends a run whose lease is not renewed any more, and says so", async () => {
    await hang();
    const spec = newTenant("unrenewed");
    const deadlineMs = monotonicMs() + 4_000;
    const run = world.engine.up(spec, { lease: { deadline: () => deadlineMs } });
    await expect(run).rejects.toMatchObject({ code: "lease_lost", retryable: true });
    expect(monotonicMs()).toBeGreaterThanOrEqual(deadlineMs);
    await world.control("DELETE", "/v1/faults");
  });

  it("begins nothing on a lease that has run out while it waited for a worker", async () => {
    const spec = newTenant("too-late");
    await expect(
      world.engine.up(spec, { lease: { deadline: () => monotonicMs() - 1 } }),
    ).rejects.toMatchObject({ code: "lease_lost" });
    expect(await world.cloudResources(spec.tenant.tenantId)).toEqual([]);
  });
});
