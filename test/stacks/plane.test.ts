import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import { type CloudObject, type EngineWorld, openWorld } from "../engine/world.ts";
import { scriptPulumi } from "./commands.ts";

interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly id?: string;
}

/** The planes of the repository, brought up by the command a user types. The steps build on each other. */
describe("the committed planes", () => {
  let world: EngineWorld;
  beforeAll(async () => {
    world = await openWorld({ workers: 1 });
  });
  afterAll(() => world?.close());

  const up = (stack: string) =>
    scriptPulumi(world.dataDir, "up", "--stack", stack, "--yes", "--skip-preview");
  const listed = async (query: string) => {
    const answer = await world.control("GET", `/v1/resources?limit=1000&${query}`);
    return (answer as { resources: CloudObject[] }).resources;
  };
  const stateOf = async (stack: string): Promise<readonly StateResource[]> => {
    const exported = JSON.parse(await scriptPulumi(world.dataDir, "stack", "export", "--stack", stack));
    return exported.deployment.resources;
  };

  it("come up as dev, with every output, and stay as they are when applied again", async () => {
    await up("dev");
    const outputs = parsePlaneOutputs(await world.engine.planeOutputs({ stack: "dev" }));
    expect(outputs).toMatchObject({ planeName: "dev-eu-west-1", environment: "dev", region: "eu-west-1" });
    expect(outputs.privateSubnetIds).toHaveLength(3);
    expect(await up("dev")).toMatch(/\d+ unchanged/);
  });

  it("have private subnets for a thousand tenants, in zones of their own", async () => {
    const { privateSubnetIds } = parsePlaneOutputs(await world.engine.planeOutputs({ stack: "dev" }));
    const subnets = (await listed("type=aws:ec2/subnet:Subnet")).filter(({ id }) =>
      privateSubnetIds.includes(id),
    );
    expect(subnets.map(({ properties }) => String(properties.cidrBlock).split("/")[1])).toEqual([
      "19",
      "19",
      "19",
    ]);
    expect(new Set(subnets.map(({ properties }) => properties.availabilityZone)).size).toBe(3);
  });

  it("tie the storage endpoint to every route table", async () => {
    const tables = await listed("type=aws:ec2/routeTable:RouteTable");
    const endpoints = await listed("type=aws:ec2/vpcEndpoint:VpcEndpoint");
    expect(tables.length).toBeGreaterThanOrEqual(4);
    expect(endpoints).toHaveLength(1);
    const tied = endpoints.flatMap(({ properties }) => properties.routeTableIds as string[]);
    expect(tied.sort()).toEqual(tables.map(({ id }) => id).sort());
  });

  it("show no drift right after they came up", async () => {
    const preview = await scriptPulumi(
      world.dataDir,
      "refresh",
      "--stack",
      "dev",
      "--preview-only",
      "--expect-no-changes",
    );
    expect(preview).toMatch(/\d+ unchanged/);
  });

  it("share no cloud resource with prod in the same account", async () => {
    await up("prod");
    const ids = async (stack: string) =>
      (await stateOf(stack))
        .filter(({ custom, type }) => custom && type.startsWith("aws:"))
        .map(({ type, id }) => `${type} ${id}`);
    const dev = await ids("dev");
    const prod = await ids("prod");
    expect(dev.length).toBeGreaterThan(50);
    expect(prod.filter((id) => dev.includes(id))).toEqual([]);
  });

  it("refuse to be destroyed as prod, and lose nothing by the attempt", async () => {
    const before = (await listed("tag.tenantry:plane=prod-eu-west-1")).length;
    const attempt = scriptPulumi(world.dataDir, "destroy", "--stack", "prod", "--yes");
    await expect(attempt).rejects.toThrow(/cannot be deleted\s+because it is protected/);
    expect((await listed("tag.tenantry:plane=prod-eu-west-1")).length).toBe(before);
  });

  it("leave nothing behind when dev is destroyed, but keys and secrets in their recovery window", async () => {
    await scriptPulumi(world.dataDir, "destroy", "--stack", "dev", "--yes", "--skip-preview");
    const left = await listed("tag.tenantry:plane=dev-eu-west-1");
    expect(left.filter(({ state }) => state === "present").map(({ type }) => type)).toEqual([]);
    expect(left.map(({ type }) => type)).toContain("aws:kms/key:Key");
  });
});
