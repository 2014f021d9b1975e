import { randomUUID } from "node:crypto";
import * as aws from "@pulumi/aws";
import * as automation from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pulumiEnvironment } from "../../launcher/environment.ts";
import { ensureLocalCloud } from "../../launcher/localCloud.ts";
import { ownConnections } from "../../service/engine/connections.ts";
import { type PlaneOutputs, parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import { layoutOf } from "../../stacks/tenant/layoutOf.ts";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import { tenantProgram } from "../../stacks/tenant/program.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { type EngineWorld, openWorld, targetOf } from "../engine/world.ts";
import { scriptPulumi } from "./commands.ts";
import { TenantLikeParent } from "./misplaced.ts";

const SERVICE = "aws:ecs/service:Service";
const SCALING_TARGET = "aws:appautoscaling/target:Target";
const ROLE = "aws:iam/role:Role";

ownConnections();

let world: EngineWorld;
let plane: PlaneOutputs;
beforeAll(async () => {
  world = await openWorld({ workers: 1 });
  await scriptPulumi(world.dataDir, "up", "--stack", "dev", "--yes", "--skip-preview");
  plane = parsePlaneOutputs(await world.engine.planeOutputs({ stack: "dev" }));
});
afterAll(() => world?.close());

const ofType = async (spec: TenantSpec, type: string) =>
  (await world.cloudResources(spec.tenant.tenantId)).filter((resource) => resource.type === type);
const counts = async (spec: TenantSpec) =>
  (await ofType(spec, SERVICE)).map(({ properties }) => properties.desiredCount);
const newSpec = (choices: Parameters<typeof tenantSpec>[0] = {}) =>
  tenantSpec({ plane, tenantId: randomUUID(), slug: `t${randomUUID().slice(0, 8)}`, ...choices });

describe("a tenant that is suspended and resumed", () => {
  it("loses its tasks and its autoscaling together, and gets both back", async () => {
    const running = newSpec();
    await world.engine.up(running);
    expect(await counts(running)).toEqual([1, 1, 1, 1, 1]);

    await world.engine.up({ ...running, workload: "suspended" });
    expect(await counts(running)).toEqual([0, 0, 0, 0, 0]);
    for (const { properties } of await ofType(running, SCALING_TARGET)) {
      expect(properties).toMatchObject({ minCapacity: 0, maxCapacity: 0 });
    }

    await world.engine.up({ ...running, workload: "resuming" });
    expect(await counts(running)).toEqual([1, 1, 1, 1, 1]);
    for (const { properties } of await ofType(running, SCALING_TARGET)) {
      expect(properties).toMatchObject({ minCapacity: 1, maxCapacity: 3 });
    }
  });

  it("keeps what autoscaling decided while it runs, through a new release and a drift scan", async () => {
    const running = newSpec();
    await world.engine.up(running);
    const [service] = await ofType(running, SERVICE);
    if (service === undefined) throw new Error("the tenant must have services");
    const query = new URLSearchParams({ type: SERVICE, id: service.id, region: service.region });
    await world.control("PATCH", `/v1/resources/one?${query}`, { properties: { desiredCount: 3 } });

    await world.engine.up({ ...running, release: tenantSpec({ releaseNumber: 2 }).release });
    const scaled = (await ofType(running, SERVICE)).find(({ id }) => id === service.id);
    expect(scaled?.properties.desiredCount).toBe(3);
    expect((await world.engine.drift(targetOf(running))).findings).toEqual([]);
  });
});

describe("named resources that must be replaced", () => {
  it("give their names to their successors", async () => {
    const before = newSpec();
    await world.engine.up(before);
    const names = (await ofType(before, ROLE)).map(({ name }) => name).sort();
    const moved = structuredClone(before);
    moved.plane.outputs.tenantRolePath = "/tenantry/dev-eu-west-1/tenants/moved/";
    const { summary } = await world.engine.up(moved);
    expect(summary.replace ?? summary["create-replacement"] ?? 0).toBeGreaterThanOrEqual(6);
    const roles = await ofType(before, ROLE);
    expect(roles.map(({ name }) => name).sort()).toEqual(names);
    for (const { properties } of roles) expect(properties.path).toBe(moved.plane.outputs.tenantRolePath);
  });
});

describe("two generations of one tenant", () => {
  it("run side by side on one plane, and the first can go", async () => {
    const first = newSpec();
    const second = { ...first, generation: 2 };
    await world.engine.up(first);
    await world.engine.up(second);
    expect(await ofType(first, SERVICE)).toHaveLength(10);
    await world.engine.destroy({ ...targetOf(first), tenantId: first.tenant.tenantId });
    const left = await ofType(first, SERVICE);
    expect(left.map(({ name }) => name).sort()).toEqual(
      Object.values(layoutOf(second).services)
        .map(({ serviceName }) => serviceName)
        .sort(),
    );
  });
});

describe("a state that holds another tenant's resources", () => {
  it("is refused by the program before anything of theirs is changed", async () => {
    const spec = newSpec();
    const victim = randomUUID();
    const { deadLetterQueueName } = layoutOf(spec);
    // As after a state was imported into the wrong stack: the URN is ours, the resource is theirs.
    const misplaced = async () => {
      const provider = new aws.Provider("aws", { region: "eu-west-1" });
      const parent = new TenantLikeParent({ provider });
      const tags = { "tenantry:tenant-id": victim };
      new aws.sqs.Queue("work-dead", { name: deadLetterQueueName, tags }, { parent });
      return {};
    };
    await (await stackOf(spec, misplaced)).up();
    const theirs = await world.cloudResources(victim);
    expect(theirs).toHaveLength(1);

    const run = (await stackOf(spec, tenantProgram(spec, identityOf(spec)))).up();
    await expect(run).rejects.toThrow(/the tag tenantry:tenant-id of .*work-dead must be/);
    expect(await world.cloudResources(victim)).toEqual(theirs);
  });
});

function identityOf(spec: TenantSpec) {
  return {
    project: projectName(spec.tenant.tenantId),
    stack: stackName(spec.plane.name, spec.generation),
  };
}

/** The Automation API without the engine, whose own checks would refuse earlier. */
async function stackOf(spec: TenantSpec, program: automation.PulumiFn): Promise<automation.Stack> {
  const { project, stack } = identityOf(spec);
  const cloud = await ensureLocalCloud({ dataDir: world.dataDir });
  return automation.LocalWorkspace.createOrSelectStack(
    { projectName: project, stackName: stack, program },
    { envVars: { ...pulumiEnvironment({ dataDir: world.dataDir, cloud: "local" }), ...cloud.providerEnv } },
  );
}
