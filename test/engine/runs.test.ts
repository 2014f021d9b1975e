import { randomUUID } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { EngineEvent } from "../../service/engine/engine.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { SECRET_VALUE } from "./programs/queues.ts";
import { type EngineWorld, openWorld, recovery, targetOf } from "./world.ts";

const QUEUE = "aws:sqs/queue:Queue";
const STOP = { gracefulMs: 1_500, impatientMs: 1_500 };
/** Both waits, SIGKILL, and slack for a busy machine. */
const STOP_BOUND_MS = STOP.gracefulMs + STOP.impatientMs + 5_000;

let world: EngineWorld;
beforeAll(async () => {
  world = await openWorld({
    stop: STOP,
    programModule: fileURLToPath(new URL("./programs/queues.ts", import.meta.url)),
  });
});
afterAll(() => world?.close());
afterEach(() => world.control("DELETE", "/v1/faults"));

function spec(
  slug: string,
  choices: { releaseNumber?: number; owner?: string; tenantId?: string } = {},
): TenantSpec {
  return tenantSpec({
    tenantId: choices.tenantId ?? randomUUID(),
    slug,
    releaseNumber: choices.releaseNumber ?? 1,
    ...(choices.owner !== undefined && { settings: { OWNER: choices.owner } }),
  });
}

const fault = (body: Record<string, unknown>) =>
  world.control("POST", "/v1/faults", { type: QUEUE, ...body });

describe("a program that misbehaves", () => {
  it.each([
    ["throws", "program_failed", "the program cannot go on"],
    ["strays", "program_failed", "nobody caught this"],
    ["dies", "worker_crashed", "its worker process died (SIGKILL)"],
  ])("that %s fails its own run and no other", async (slug, code, words) => {
    const [bad, good] = await Promise.allSettled([
      world.engine.up(spec(slug)),
      world.engine.up(spec(`beside-${slug}`)),
    ]);
    expect(bad).toMatchObject({
      status: "rejected",
      reason: { code, message: expect.stringContaining(words) },
    });
    expect(good).toMatchObject({ status: "fulfilled", value: { changed: true, resources: 2 } });
  });

  it("that is no module is said so, and nothing loops", async () => {
    const broken = await openWorld({ workers: 1, programModule: "/nowhere/program.ts" });
    try {
      await expect(broken.engine.up(spec("any"))).rejects.toMatchObject({
        code: "engine_failed",
        message: expect.stringContaining("Cannot start an engine worker"),
      });
    } finally {
      await broken.close();
    }
  });
});

describe("cancelling", () => {
  it("ends a hanging create within its bounds, leaves no lock, and the next up works once the stack is recovered", async () => {
    await fault({ operation: "create", kind: "hang", count: 2 });
    const hanging = spec("hanging");
    const target = targetOf(hanging);
    const abort = new AbortController();
    const events: EngineEvent[] = [];
    const run = world.engine.up(hanging, { signal: abort.signal, onEvent: (event) => events.push(event) });
    const settled = run.catch((error: unknown) => error);
    await expect.poll(() => events.some(isQueueStart), { timeout: 20_000 }).toBe(true);
    const abortedAtMs = Date.now();
    abort.abort();
    expect(await settled).toMatchObject({ code: "cancelled", retryable: false });
    expect(Date.now() - abortedAtMs).toBeLessThan(STOP_BOUND_MS);
    expect(await locks()).toEqual([]);

    await world.control("DELETE", "/v1/faults");
    const { pendingOperations } = await world.engine.inspect(target);
    expect(pendingOperations).toMatchObject([{ kind: "creating" }, { kind: "creating" }]);
    await expect(world.engine.up(hanging)).rejects.toMatchObject({ code: "unclean_state" });
    await expect(world.engine.recover(target, recovery(world, hanging))).resolves.toMatchObject({
      pendingOperations: [],
    });
    expect(await world.engine.up(hanging)).toMatchObject({ resources: 2 });
    expect(await world.cloudResources(hanging.tenant.tenantId)).toHaveLength(2);
  });

  it("by run id stops runs under way, and a run that waits for a worker before it begins", async () => {
    await fault({ operation: "create", kind: "hang", count: 4 });
    let started = 0;
    const onEvent = (event: EngineEvent) => {
      if (isQueueStart(event)) started += 1;
    };
    const begin = (slug: string) =>
      world.engine.up(spec(slug), { runId: slug, onEvent }).catch((error: unknown) => error);
    const [first, second] = [begin("slow-1"), begin("slow-2")];
    await expect.poll(() => started, { timeout: 20_000 }).toBe(4);
    const third = begin("slow-3");
    await expect.poll(() => world.engine.cancel("slow-3")).toBe(true);
    expect(await third).toMatchObject({
      code: "cancelled",
      message: expect.stringContaining("before it began"),
    });
    await Promise.all([world.engine.cancel("slow-1"), world.engine.cancel("slow-2")]);
    expect(await first).toMatchObject({ code: "cancelled" });
    expect(await second).toMatchObject({ code: "cancelled" });
    expect(await world.engine.cancel("slow-1")).toBe(false);
  });
});

describe("failures", () => {
  it("of a provider come through in plain words with their resource", async () => {
    await world.engine.up(spec("taken"));
    await expect(world.engine.up(spec("taken", { releaseNumber: 2 }))).rejects.toMatchObject({
      code: "provider_failed",
      retryable: false,
      resource: { resourceType: QUEUE },
      message: expect.stringMatching(
        /^Cannot create aws:sqs\/queue:Queue "(jobs|dead)": .*QueueAlreadyExists: /,
      ),
    });
    await fault({ operation: "create", kind: "fail", code: "ThrottlingException", message: "Rate exceeded" });
    const throttled = { code: "provider_throttled", retryable: true };
    await expect(world.engine.up(spec("throttled"))).rejects.toMatchObject(throttled);
  });

  it("of a lock name its owner, and leave it its lock", async () => {
    await fault({ operation: "create", kind: "latency", latencyMs: 2_500 });
    const slow = spec("locked");
    const events: EngineEvent[] = [];
    const first = world.engine.up(slow, { onEvent: (event) => events.push(event) });
    await expect.poll(() => events.some(isQueueStart), { timeout: 20_000 }).toBe(true);
    const second = world.engine.up(slow);
    await expect(second).rejects.toMatchObject({
      code: "stack_locked",
      retryable: true,
      lock: { owner: expect.stringMatching(/\(pid \d+\)$/) },
    });
    expect(await first).toMatchObject({ resources: 2 });
  });
});

describe("identity", () => {
  it("refuses to change or destroy a state that names another tenant, before anything happens", async () => {
    const other = randomUUID();
    const mixedUp = spec("mixed-up", { owner: other });
    await world.engine.up(mixedUp);
    const before = await world.cloudResources(other);
    expect(before).toHaveLength(2);
    const changed = spec("mixed-up", { tenantId: mixedUp.tenant.tenantId, releaseNumber: 2 });
    await expect(world.engine.up(changed)).rejects.toMatchObject({ code: "identity_mismatch" });
    const target = targetOf(mixedUp);
    for (const tenantId of [mixedUp.tenant.tenantId, other]) {
      await expect(world.engine.destroy({ ...target, tenantId })).rejects.toMatchObject({
        code: "identity_mismatch",
      });
    }
    expect(await world.cloudResources(other)).toEqual(before);
  });
});

describe("secrets", () => {
  it("appear in no event, output, error or file of a run", async () => {
    const events: EngineEvent[] = [];
    const onEvent = (event: EngineEvent) => void events.push(event);
    const secretive = spec("secretive");
    const runId = randomUUID();
    const result = await world.engine.up(secretive, { runId, onEvent });
    expect(result.outputs).toMatchObject({ password: "[secret]", tenantId: secretive.tenant.tenantId });
    expect(await world.engine.outputs(targetOf(secretive))).toMatchObject({ password: "[secret]" });
    await fault({ operation: "update", kind: "fail", message: `password=${SECRET_VALUE} is no good` });
    const again = spec("secretive", { tenantId: secretive.tenant.tenantId, releaseNumber: 2 });
    const failure = await world.engine.up(again, { runId, onEvent }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "provider_unavailable",
      message: expect.stringContaining("[redacted]"),
    });
    const passphrase = (await readFile(join(world.dataDir, "passphrase"), "utf8")).trim();
    const seen = JSON.stringify([events, result, failure, await readAll(join(world.dataDir, "runs", runId))]);
    expect(seen).toContain("secretive-jobs");
    expect(seen).not.toContain(SECRET_VALUE);
    expect(seen).not.toContain(passphrase);
  });

  it("are read with the state and the passphrase alone, on a replica with no files of its own", async () => {
    const moved = spec("moved");
    await world.engine.up(moved);
    await rm(join(world.dataDir, "runs"), { recursive: true, force: true });
    expect(await world.engine.up(moved)).toMatchObject({ changed: false });
    expect(await world.engine.drift(targetOf(moved))).toMatchObject({ findings: [], hidden: [], checked: 2 });
  });
});

function isQueueStart(event: EngineEvent): boolean {
  return event.type === "resource" && event.resourceType === QUEUE && event.status === "started";
}

async function locks(): Promise<string[]> {
  const entries = await readdir(join(world.dataDir, "state", ".pulumi", "locks"), { recursive: true }).catch(
    () => [],
  );
  return entries.filter((name) => name.endsWith(".json"));
}

async function readAll(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder);
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const),
  );
  return Object.fromEntries(texts);
}
