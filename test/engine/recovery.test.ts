import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseDeployment, resourcesOf } from "../../service/engine/deployment.ts";
import { isAlive, type ProcessIdentity } from "../../service/engine/processes.ts";
import type { PlaneOutputs } from "../../stacks/plane/outputs.ts";
import { isolationOf, type TenantSpec } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { bringUpPlane } from "./plane.ts";
import { type EngineWorld, openWorld, recovery, targetOf } from "./world.ts";

/**
 * The CLI is killed while the cloud has done what it was asked and the state does not say so yet: for every type of a
 * tenant's stack. What counts is the end: one object for each resource, and none that the state does not know.
 */
/** Some of what only a tenant with everything of its own has. */
const OWN = [
  "aws:ec2/vpc:Vpc",
  "aws:ec2/subnet:Subnet",
  "aws:ec2/routeTable:RouteTable",
  "aws:ec2/routeTableAssociation:RouteTableAssociation",
  "aws:ec2/route:Route",
  "aws:ec2/internetGateway:InternetGateway",
  "aws:ec2/natGateway:NatGateway",
  "aws:ec2/eip:Eip",
  "aws:ec2/vpcEndpoint:VpcEndpoint",
  "aws:ecs/cluster:Cluster",
  "aws:kms/key:Key",
  "aws:kms/alias:Alias",
  "aws:lb/loadBalancer:LoadBalancer",
  "aws:lb/listener:Listener",
  "aws:lb/targetGroup:TargetGroup",
  "aws:rds/cluster:Cluster",
  "aws:rds/clusterInstance:ClusterInstance",
  "aws:s3/bucket:Bucket",
];
const LOGS = "aws:cloudwatch/logGroup:LogGroup";

let world: EngineWorld;
let plane: PlaneOutputs;

beforeAll(async () => {
  world = await openWorld({ workers: 1 });
  plane = await bringUpPlane(world);
});
afterAll(() => world?.close());

const newTenant = (more: Partial<Parameters<typeof tenantSpec>[0]> = {}) =>
  tenantSpec({ plane, tenantId: randomUUID(), slug: "cut-off", ...more });

describe("kill -9 of the CLI after the cloud's effect and before the state's record", () => {
  it("of a creation leaves no duplicate and no orphan, whatever type it was", async () => {
    const { spec, types } = await everyType();
    const left = new Set(types);
    for (const type of types)
      await world.control("POST", "/v1/faults", { type, operation: "create", kind: "hang", when: "after" });
    // Creations that do not wait for each other are cut off together, so a few deaths meet every type.
    for (let deaths = 0; left.size > 0 && deaths < types.length; deaths += 1) {
      const cut = await cutOffAll(spec);
      for (const type of cut) left.delete(type);
      await world.engine.recover(targetOf(spec), recovery(world, spec));
    }
    expect([...left], "never cut off").toEqual([]);
    await world.control("DELETE", "/v1/faults");
    await settles(spec, "creation of every type");
  });

  it.each(["before", "after"] as const)(
    "and a second death in the middle of recovering (%s the effect) leaves none either",
    async (when) => {
      const spec = newTenant();
      await cutOff(spec, "aws:iam/role:Role", "create", undefined, when);
      // The adopted resources are written, the cloud is not read any more.
      const dead = AbortSignal.abort();
      await expect(
        world.engine.recover(targetOf(spec), recovery(world, spec), { signal: dead }),
      ).rejects.toMatchObject({ code: "cancelled" });
      await settles(spec, `second death ${when} the effect`);
    },
  );

  it("of an update leaves the resource as it is wanted", async () => {
    const spec = newTenant();
    await world.engine.up(spec);
    const next = newTenant({
      tenantId: spec.tenant.tenantId,
      slug: "cut-off",
      releaseNumber: 2,
      workload: "suspended",
    });
    await cutOff(next, "aws:ecs/service:Service", "update");
    await converges(next, "update");
  });

  it("of a replacement leaves one object and not two", async () => {
    const spec = newTenant();
    await world.engine.up(spec);
    const next = newTenant({
      tenantId: spec.tenant.tenantId,
      slug: "cut-off",
      releaseNumber: 2,
      settings: { A: "b" },
    });
    await cutOff(next, "aws:ecs/taskDefinition:TaskDefinition", "create");
    await converges(next, "replacement");
  });

  it("of a deletion lets the next one end it", async () => {
    const spec = newTenant();
    await world.engine.up(spec);
    const { tenantId } = spec.tenant;
    await cutOff(spec, "aws:sqs/queue:Queue", "delete", () =>
      world.engine.destroy({ ...targetOf(spec), tenantId }, { runId: "destroys" }),
    );
    await world.engine.recover(targetOf(spec), recovery(world, spec));
    await world.engine.destroy({ ...targetOf(spec), tenantId });
    expect((await world.cloudResources(tenantId)).filter(({ state }) => state === "present")).toEqual([]);
  });
});

it("goes on where a CLI was killed while it wrote its lock", async () => {
  const spec = newTenant();
  await cutOff(spec, "aws:iam/role:Role", "create");
  const { projectName, stackName } = targetOf(spec);
  const folder = join(world.dataDir, "state/.pulumi/locks/organization", projectName, stackName);
  const torn = async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${randomUUID()}.json.18ea348e9b62d83a.tmp`), "");
  };
  await torn();
  await world.engine.recover(targetOf(spec), recovery(world, spec));
  await torn();
  await world.engine.up(spec);
  expect(await readdir(folder)).toEqual([]);
});

it("tells of the lock that a CLI left on a stack that it had just removed, and breaks its owner's alone", async () => {
  const spec = newTenant();
  const { projectName, stackName } = targetOf(spec);
  const folder = join(world.dataDir, "state/.pulumi/locks/organization", projectName, stackName);
  await mkdir(folder, { recursive: true });
  const since = new Date().toISOString();
  const lock = { pid: 4_000_000, username: "me", hostname: "here", timestamp: since };
  await writeFile(join(folder, `${randomUUID()}.json`), JSON.stringify(lock));
  const destroy = () => world.engine.destroy({ ...targetOf(spec), tenantId: spec.tenant.tenantId });
  const left = { existed: false, lock: { owner: "me@here (pid 4000000)", since } };
  expect(await destroy()).toMatchObject(left);
  await world.engine.breakLock(targetOf(spec), { host: "here", pid: 1 });
  await world.engine.breakLock(targetOf(spec), { host: "there", pid: 4_000_000 });
  expect(await destroy()).toMatchObject(left);
  await world.engine.breakLock(targetOf(spec), { host: "here", pid: 4_000_000 });
  expect(await destroy()).not.toHaveProperty("lock");
});

it("takes nobody else's object for its own, though it has the name", async () => {
  const spec = newTenant();
  const runId = randomUUID();
  await world.control("POST", "/v1/faults", {
    type: LOGS,
    operation: "create",
    kind: "hang",
    when: "after",
    count: 1,
  });
  await killCli(spec, LOGS, () => world.engine.up(spec, { runId }), runId);
  await world.control("DELETE", "/v1/faults");
  const [made] = (await world.cloudResources(spec.tenant.tenantId)).filter(({ type }) => type === LOGS);
  const { region, id } = made ?? { region: "", id: "" };
  const query = new URLSearchParams({ type: LOGS, id, region });
  const properties = { tags: { "tenantry:tenant-id": "somebody-else" } };
  await world.control("PATCH", `/v1/resources/one?${query}`, { properties });
  await expect(world.engine.recover(targetOf(spec), recovery(world, spec))).rejects.toMatchObject({
    code: "unclean_state",
    message: expect.stringContaining(id),
  });
  const left = parseDeployment(await world.engine.export(targetOf(spec)));
  expect(resourcesOf(left).filter((resource) => resource.id === id)).toEqual([]);
});

/** A tenant that owns all it can own: every type that any tenant's stack has, as stacks/tenant/modes.test.ts holds. */
async function everyType(): Promise<{ readonly spec: TenantSpec; readonly types: readonly string[] }> {
  const spec = newTenant({ isolation: isolationOf("dedicated"), planKey: "enterprise" });
  const { changes } = await world.engine.preview(spec);
  const types = new Set(
    changes.map(({ resourceType }) => resourceType).filter((type) => type.startsWith("aws:")),
  );
  for (const type of OWN) expect(types).toContain(type);
  return { spec, types: [...types] };
}

/** Runs until all that can go on hangs, kills the CLI there, and says of which types a creation was cut off. */
async function cutOffAll(spec: TenantSpec): Promise<readonly string[]> {
  const runId = randomUUID();
  let over: unknown;
  const ended = world.engine
    .up(spec, { runId })
    .catch((error: unknown) => error)
    .then((result) => {
      over = result;
      return result;
    });
  const isBlocked = async () => over !== undefined || (await hangs());
  await expect.poll(isBlocked, { timeout: 30_000, message: "something hangs" }).toBe(true);
  expect(over, "nothing hangs").toBeUndefined();
  let [before, hanging] = [0, await hangingFaults()];
  while (hanging.length > before) {
    before = hanging.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    hanging = await hangingFaults();
  }
  await killRun(runId, ended);
  return hanging.map(({ type }) => type);
}

/** Runs until an object of the type is made (changed, deleted) but not recorded, and kills the CLI there. */
async function cutOff(
  spec: TenantSpec,
  type: string,
  operation: "create" | "update" | "delete",
  begin: (runId: string) => Promise<unknown> = (runId) => world.engine.up(spec, { runId }),
  when: "before" | "after" = "after",
): Promise<void> {
  const runId = begin.length === 0 ? "destroys" : randomUUID();
  await world.control("POST", "/v1/faults", { type, operation, kind: "hang", when, count: 1 });
  await killCli(spec, type, () => begin(runId), runId);
  await world.control("DELETE", "/v1/faults");
}

async function killCli(
  spec: TenantSpec,
  type: string,
  begin: () => Promise<unknown>,
  runId: string,
): Promise<void> {
  const ended = begin().catch((error: unknown) => error);
  await expect
    .poll(hangs, { timeout: 30_000, message: `${type} of ${spec.tenant.tenantId} hangs` })
    .toBe(true);
  await killRun(runId, ended);
}

async function killRun(runId: string, ended: Promise<unknown>): Promise<void> {
  const cli = JSON.parse(
    await readFile(join(world.dataDir, "runs", runId, "cli.json"), "utf8"),
  ) as ProcessIdentity;
  process.kill(cli.pid, "SIGKILL");
  expect(await ended).toBeInstanceOf(Error);
  expect(isAlive(cli)).toBe(false);
}

async function hangs(): Promise<boolean> {
  return (await hangingFaults()).length > 0;
}

interface HangingFault {
  readonly type: string;
  readonly hanging: number;
}

async function hangingFaults(): Promise<readonly HangingFault[]> {
  const { faults } = (await world.control("GET", "/v1/faults")) as { faults: HangingFault[] };
  return faults.filter(({ hanging }) => hanging > 0);
}

async function converges(spec: TenantSpec, what: string): Promise<void> {
  await expect(world.engine.up(spec), what).rejects.toMatchObject({ code: "unclean_state" });
  await world.engine.recover(targetOf(spec), recovery(world, spec));
  await settles(spec, what);
}

async function settles(spec: TenantSpec, what: string): Promise<void> {
  await world.engine.up(spec);
  expect(await world.engine.inspect(targetOf(spec)), what).toMatchObject({ pendingOperations: [] });
  expect(await world.engine.up(spec), what).toMatchObject({ changed: false });
  const recorded = recordedIds(parseDeployment(await world.engine.export(targetOf(spec))));
  const held = await world.cloudResources(spec.tenant.tenantId);
  const present = held.filter(({ state }) => state === "present").map(({ type, id }) => `${type} ${id}`);
  expect(
    present.filter((object) => !recorded.has(object)),
    `orphans after the ${what}`,
  ).toEqual([]);
  expect(present.length, `objects after the ${what}`).toBeGreaterThan(10);
}

function recordedIds(deployment: ReturnType<typeof parseDeployment>): ReadonlySet<string> {
  return new Set(resourcesOf(deployment).map(({ type, id }) => `${type} ${id}`));
}
