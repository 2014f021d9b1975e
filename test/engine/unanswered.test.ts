import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findLocalCloud } from "../../launcher/localCloud.ts";
import { createEngine } from "../../service/engine/createEngine.ts";
import { parseDeployment, resourcesOf } from "../../service/engine/deployment.ts";
import { createMemoryNotes } from "../../service/engine/interrupted.ts";
import type { PlaneOutputs } from "../../stacks/plane/outputs.ts";
import { isolationOf, type TenantSpec } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { bringUpPlane } from "./plane.ts";
import { type EngineWorld, environmentOf, openWorld, recovery, targetOf } from "./world.ts";

/** The cloud dies after it has done what it was asked, and before it said so: the CLI lives and calls that a failure. */
let world: EngineWorld;
let plane: PlaneOutputs;

beforeAll(async () => {
  world = await openWorld({ workers: 1 });
  plane = await bringUpPlane(world);
});
afterAll(() => world?.close());

const newTenant = (more: Partial<Parameters<typeof tenantSpec>[0]> = {}) =>
  tenantSpec({ plane, tenantId: randomUUID(), slug: "unanswered", ...more });

describe("a call that the cloud never answered", () => {
  it.each([
    "aws:ecs/service:Service",
    "aws:sqs/queue:Queue",
    "aws:iam/role:Role",
    "aws:ec2/securityGroup:SecurityGroup",
  ])("leaves no second object when it was the creation of %s", async (type) => {
    const spec = newTenant();
    await killCloudDuring(type, "create", () => world.engine.up(spec));
    await world.engine.recover(targetOf(spec), recovery(world, spec));
    await world.engine.up(spec);
    await nothingUnrecorded(spec);
    const { tenantId } = spec.tenant;
    await world.engine.destroy({ ...targetOf(spec), tenantId });
    const left = await world.cloudResources(tenantId);
    expect(left.filter(({ state }) => state === "present")).toEqual([]);
  });

  it("can be gone back on when it was an update: the way back is not taken for nothing to do", async () => {
    const spec = newTenant();
    await world.engine.up(spec);
    const next = newTenant({ tenantId: spec.tenant.tenantId, releaseNumber: 2, workload: "suspended" });
    await killCloudDuring("aws:ecs/service:Service", "update", () => world.engine.up(next));
    await world.engine.recover(targetOf(spec), recovery(world, spec));
    await world.engine.up(spec);
    expect((await world.engine.drift(targetOf(spec))).findings).toEqual([]);
    await nothingUnrecorded(spec);
  });
});

describe("on another host, whose engine has a data folder of its own", () => {
  /** Nobody refuses a second one: only what the first host has noted keeps it from being made. */
  const KEY = "aws:kms/key:Key";
  const programModule = fileURLToPath(new URL("./programs/keys.ts", import.meta.url));
  const folders: string[] = [];
  const host = async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "tenantry-host-"));
    folders.push(dataDir);
    const environment = () => environmentOf(world.dataDir);
    return createEngine({ dataDir, workers: 1, programModule, environment });
  };
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });

  it("a creation that was never answered is taken up, and not made again", async () => {
    const spec = newTenant();
    const target = targetOf(spec);
    const notes = createMemoryNotes();
    const [first, second] = [await host(), await host()];
    try {
      await breaksOff([KEY], "create", () => first.up(spec, { notes }));
      expect(await notes.read(target)).toMatchObject([{ type: "creating", resource: { type: KEY } }]);
      await expect(second.up(spec, { notes })).rejects.toMatchObject({ code: "unclean_state" });
      const { tenantId } = spec.tenant;
      await expect(second.destroy({ ...target, tenantId }, { notes })).rejects.toMatchObject({
        code: "unclean_state",
      });
      await second.recover(target, recovery(world, spec), { notes });
      expect(await notes.read(target)).toEqual([]);
      expect(await second.up(spec, { notes })).toMatchObject({ resources: 1 });
      const keys = await world.cloudResources(tenantId);
      expect(keys.map(({ type, state }) => `${type} ${state}`)).toEqual([`${KEY} present`]);
    } finally {
      await Promise.all([first.close(), second.close()]);
    }
  });
});

describe("a creation whose host was lost with its notes", () => {
  /** A run that keeps its notes on no disk that anybody reads again. */
  const lost = (spec: TenantSpec) => world.engine.up(spec, { notes: createMemoryNotes() });

  const all = [
    ["aws:ecs/service:Service"],
    ["aws:iam/role:Role", "aws:ec2/securityGroup:SecurityGroup", "aws:secretsmanager/secret:Secret"],
  ];
  it.each(all)("is told of by the refusal of a second one: %s", async (...types) => {
    await isTakenUp(newTenant(), types);
  });

  it("is told of by the refusal of a second one where a tenant has a load balancer of its own", async () => {
    const dedicated = newTenant({ isolation: isolationOf("dedicated"), planKey: "enterprise" });
    await isTakenUp(dedicated, ["aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"]);
  });

  async function isTakenUp(spec: TenantSpec, types: readonly string[]): Promise<void> {
    await breaksOff(types, "create", () => lost(spec));
    // What else went on at that moment was lost as well: it comes to light when what stood before it is there.
    let tries = 1;
    while (!(await goesOn(spec))) expect(++tries).toBeLessThan(10);
    expect(tries).toBeGreaterThan(1);
    await nothingUnrecorded(spec);
    const { tenantId } = spec.tenant;
    await world.engine.destroy({ ...targetOf(spec), tenantId });
    const left = await world.cloudResources(tenantId);
    expect(left.filter(({ state }) => state === "present")).toEqual([]);
  }

  /** One try, as an operation makes it; true when it is as specified. */
  async function goesOn(spec: TenantSpec): Promise<boolean> {
    const error = await world.engine.up(spec).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error === undefined) return true;
    expect(error).toMatchObject({ code: "provider_failed" });
    const { adopted } = await world.engine.recover(targetOf(spec), recovery(world, spec));
    expect(adopted).not.toEqual([]);
    return false;
  }

  it("is left alone when it is somebody else's, and refused again, and the tenant can be taken down", async () => {
    const LOGS = "aws:cloudwatch/logGroup:LogGroup";
    const spec = newTenant();
    const { tenantId } = spec.tenant;
    await breaksOff([LOGS], "create", () => lost(spec));
    const recorded = await world.engine.recordedIds(targetOf(spec));
    const strays = (await world.cloudResources(tenantId)).filter(
      ({ type, id }) => type === LOGS && !recorded.has(id),
    );
    expect(strays).not.toEqual([]);
    for (const { id, region } of strays) {
      const query = new URLSearchParams({ type: LOGS, id, region });
      const properties = { tags: { "tenantry:tenant-id": "somebody-else" } };
      await world.control("PATCH", `/v1/resources/one?${query}`, { properties });
    }
    await expect(world.engine.up(spec)).rejects.toMatchObject({ code: "provider_failed" });
    const { adopted } = await world.engine.recover(targetOf(spec), recovery(world, spec));
    const ids = strays.map(({ id }) => id).sort();
    expect([...(await world.engine.recordedIds(targetOf(spec)))].filter((id) => ids.includes(id))).toEqual(
      [],
    );
    expect(adopted.filter((urn) => urn.includes(LOGS))).toEqual([]);
    await world.engine.destroy({ ...targetOf(spec), tenantId });
    const others = await world.cloudResources("somebody-else");
    expect(others.map(({ id }) => id).sort()).toEqual(ids);
  });
});

/** Ends with a state that says itself that it must be recovered. */
async function killCloudDuring(type: string, operation: string, run: () => Promise<unknown>): Promise<void> {
  await breaksOff([type], operation, run);
  await expect(run()).rejects.toMatchObject({ code: "unclean_state" });
}

async function breaksOff(
  types: readonly string[],
  operation: string,
  run: () => Promise<unknown>,
): Promise<void> {
  for (const type of types)
    await world.control("POST", "/v1/faults", { type, operation, kind: "hang", when: "after", count: 1 });
  const ended = run().catch((error: unknown) => error);
  const hangs = async () => {
    const { faults } = (await world.control("GET", "/v1/faults")) as { faults: { hanging: number }[] };
    return faults.filter(({ hanging }) => hanging > 0).length;
  };
  const message = `${operation} of ${types} hangs`;
  await expect.poll(hangs, { timeout: 30_000, message }).toBe(types.length);
  const cloud = await findLocalCloud(world.dataDir);
  process.kill(cloud?.pid ?? Number.NaN, "SIGKILL");
  expect(await ended).toMatchObject({ code: "provider_unavailable", retryable: true });
}

async function nothingUnrecorded(spec: TenantSpec): Promise<void> {
  expect(await world.engine.up(spec)).toMatchObject({ changed: false });
  const deployment = parseDeployment(await world.engine.export(targetOf(spec)));
  const recorded = new Set(resourcesOf(deployment).map(({ type, id }) => `${type} ${id}`));
  const held = await world.cloudResources(spec.tenant.tenantId);
  const present = held.filter(({ state }) => state === "present").map(({ type, id }) => `${type} ${id}`);
  expect(present.filter((object) => !recorded.has(object))).toEqual([]);
}
