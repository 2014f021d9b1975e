import * as awsx from "@pulumi/awsx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestCloud } from "../support/localCloud.ts";
import { startTestCloud } from "../support/localCloud.ts";
import type { TestStacks } from "./support.ts";
import { aws, createTestStacks } from "./support.ts";

let cloud: TestCloud;
let stacks: TestStacks;

beforeAll(async () => {
  cloud = await startTestCloud();
  stacks = createTestStacks(() => cloud);
});
afterAll(async () => {
  stacks?.close();
  await cloud?.stop();
});

function vpcProgram(args: awsx.ec2.VpcArgs, withProvider?: () => aws.Provider) {
  return async () => {
    const provider = withProvider?.();
    const vpc = new awsx.ec2.Vpc("net", args, provider === undefined ? {} : { providers: { aws: provider } });
    return {
      vpcId: vpc.vpcId,
      publicSubnetIds: vpc.publicSubnetIds,
      privateSubnetIds: vpc.privateSubnetIds,
      cidr: vpc.vpc.apply((inner) => inner.cidrBlock),
      tables: vpc.routeTables.apply((tables) => tables.map((table) => table.id)),
      nats: vpc.natGateways.apply((nats) => nats.length),
      gateway: vpc.internetGateway.apply((gateway) => gateway.id),
    };
  };
}

async function countByType(region: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { type } of await cloud.resources({ region })) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

describe("awsx.ec2.Vpc", () => {
  it("is a component whose children are the real ones", async () => {
    const args = {
      numberOfAvailabilityZones: 2,
      natGateways: { strategy: "Single" },
      tags: { team: "net" },
    } as const;
    const stack = await stacks.stack("vpc", vpcProgram(args));
    const preview = await stack.preview();
    expect(preview.changeSummary).toEqual({ create: 22 });
    const { outputs } = await stack.up();
    expect(outputs.vpcId?.value).toMatch(/^vpc-[0-9a-f]{17}$/);
    expect(outputs.cidr?.value).toBe("10.0.0.0/16");
    expect(outputs.publicSubnetIds?.value).toHaveLength(2);
    expect(outputs.privateSubnetIds?.value).toHaveLength(2);
    expect(outputs.tables?.value).toHaveLength(4);
    expect(outputs.nats?.value).toBe(1);
    expect(outputs.gateway?.value).toMatch(/^igw-[0-9a-f]{17}$/);
    expect(await countByType("eu-west-1")).toEqual({
      "aws:ec2/vpc:Vpc": 1,
      "aws:ec2/internetGateway:InternetGateway": 1,
      "aws:ec2/subnet:Subnet": 4,
      "aws:ec2/routeTable:RouteTable": 4,
      "aws:ec2/routeTableAssociation:RouteTableAssociation": 4,
      "aws:ec2/route:Route": 4,
      "aws:ec2/eip:Eip": 1,
      "aws:ec2/natGateway:NatGateway": 1,
    });
    const subnets = await cloud.resources({ type: "aws:ec2/subnet:Subnet", "tag.team": "net" });
    expect(subnets.map((subnet) => subnet.tags.Name).sort()).toEqual([
      "net-private-1",
      "net-private-2",
      "net-public-1",
      "net-public-2",
    ]);

    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 22 });
    expect((await stack.previewRefresh()).changeSummary).toEqual({ same: 22 });
    await stack.destroy();
    expect(await cloud.resources()).toEqual([]);
  });

  it("builds several at once, each in the region of the provider given to it", async () => {
    const provider = (region: string) => () =>
      new aws.Provider("elsewhere", { region: region as aws.Region });
    const args: awsx.ec2.VpcArgs = {
      availabilityZoneNames: ["us-west-2a"],
      natGateways: { strategy: "None" },
    };
    const [west, default_] = await Promise.all([
      stacks.stack("west", vpcProgram(args, provider("us-west-2"))),
      stacks.stack("default", vpcProgram({ natGateways: { strategy: "OnePerAz" } })),
    ]);
    await Promise.all([west.up(), default_.up()]);
    expect(await countByType("us-west-2")).toMatchObject({ "aws:ec2/subnet:Subnet": 2 });
    expect(await countByType("us-west-2")).not.toHaveProperty("aws:ec2/natGateway:NatGateway");
    expect(await countByType("eu-west-1")).toMatchObject({
      "aws:ec2/subnet:Subnet": 6,
      "aws:ec2/natGateway:NatGateway": 3,
      "aws:ec2/eip:Eip": 3,
    });
    await Promise.all([west.destroy(), default_.destroy()]);
    expect(await cloud.resources()).toEqual([]);
  });

  it("says which component it does not imitate, and which arguments are wrong", async () => {
    const other = await stacks.stack("other", async () => {
      new awsx.ecr.Repository("images", {});
    });
    await expect(other.preview()).rejects.toThrow(
      /Cannot imitate awsx:ecr:Repository: this component is not emulated/,
    );
    const both = { numberOfAvailabilityZones: 2, availabilityZoneNames: ["eu-west-1a"] };
    const wrong = await stacks.stack("wrong", vpcProgram(both));
    await expect(wrong.preview()).rejects.toThrow(/Only one of \[availabilityZoneNames\]/);
  });
});
