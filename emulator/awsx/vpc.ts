/**
 * `awsx:ec2:Vpc`: a network of one public and one private subnet per zone, or of what the specs say, with the same
 * children, names and parents as the real component, so that a stack keeps its resources when it moves to the real one.
 */
import type { Properties, Value } from "../values.ts";
import { prune, text, texts } from "../values.ts";
import type { Component, Registered } from "./monitor.ts";
import type { PlannedSubnet } from "./subnetLayout.ts";
import { layOutSubnets } from "./subnetLayout.ts";
import type { ParsedVpcArgs } from "./vpcArgs.ts";
import { parseVpcArgs } from "./vpcArgs.ts";

const DEFAULT_ZONES = 3;
const ANYWHERE = "0.0.0.0/0";

interface BuiltSubnet {
  readonly plan: PlannedSubnet;
  readonly subnet: Registered;
  readonly routeTable: Registered;
  readonly association: Registered;
}

interface NatGateway {
  readonly zoneIndex: number;
  readonly gateway: Registered;
  readonly eip: Registered | undefined;
}

interface Built {
  readonly vpc: Registered;
  readonly internetGateway: Registered;
  readonly endpoints: readonly Registered[];
  readonly subnets: readonly BuiltSubnet[];
  readonly nats: readonly NatGateway[];
  readonly routes: readonly Registered[];
}

interface Build {
  readonly component: Component;
  readonly name: string;
  readonly args: ParsedVpcArgs;
  readonly sharedTags: Readonly<Record<string, Value>>;
}

export async function constructVpc(
  component: Component,
  name: string,
  inputs: Properties,
): Promise<Properties> {
  const args = parseVpcArgs(inputs);
  const zones = args.availabilityZoneNames ?? (await defaultZones(component, args.numberOfAvailabilityZones));
  const plans = layOutSubnets({
    name,
    cidrBlock: args.cidrBlock,
    zones,
    strategy: args.subnetStrategy,
    specs: args.subnetSpecs,
    ...(args.availabilityZoneCidrMask === undefined ? {} : { zoneMask: args.availabilityZoneCidrMask }),
  }).filter((plan) => plan.type !== "Unused");
  checkNatGateways(args, plans, zones.length);
  const build: Build = { component, name, args, sharedTags: { Name: name, ...args.tags } };
  return outputsOf(await buildNetwork(build, plans));
}

async function defaultZones(component: Component, wanted = DEFAULT_ZONES): Promise<readonly string[]> {
  const found = await component.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {
    state: "available",
  });
  const names = texts(found, "names");
  if (names.length < wanted) {
    throw new Error(
      `The configured region for this provider does not have at least ${wanted} Availability Zones. ` +
        "Either specify an explicit list of zones in availabilityZoneNames or choose a region with at least " +
        `${wanted} AZs.`,
    );
  }
  return names.slice(0, wanted);
}

function checkNatGateways(args: ParsedVpcArgs, plans: readonly PlannedSubnet[], zones: number): void {
  const { strategy, elasticIpAllocationIds } = args.natGateways;
  const needed = strategy === "None" ? 0 : strategy === "Single" ? 1 : zones;
  if (elasticIpAllocationIds.length !== 0 && elasticIpAllocationIds.length !== needed) {
    throw new Error(
      `The number of Elastic IPs must be ${needed} for NAT strategy ${strategy}, got ${elasticIpAllocationIds.length}.`,
    );
  }
  const hasPublic = plans.some((plan) => plan.type === "Public");
  if (strategy !== "None" && plans.some((plan) => plan.type === "Private") && !hasPublic) {
    throw new Error(
      "If private subnets are specified, at least one public subnet must also be specified, or NAT strategy None.",
    );
  }
}

async function buildNetwork(build: Build, plans: readonly PlannedSubnet[]): Promise<Built> {
  const { component, name, args, sharedTags } = build;
  const vpc = await component.register({
    type: "aws:ec2/vpc:Vpc",
    name,
    parent: component,
    inputs: { ...args.passedOn, cidrBlock: args.cidrBlock, tags: sharedTags },
  });
  const [internetGateway, endpoints, subnets] = await Promise.all([
    component.register({
      type: "aws:ec2/internetGateway:InternetGateway",
      name,
      parent: vpc,
      inputs: { vpcId: vpc.id, tags: sharedTags },
      dependsOn: [vpc],
    }),
    Promise.all(args.vpcEndpointSpecs.map((spec) => buildEndpoint(build, vpc, spec))),
    Promise.all(plans.map((plan) => buildSubnet(build, vpc, plan))),
  ]);
  const nats = await Promise.all(natSubnets(args, subnets).map((subnet) => buildNat(build, subnet)));
  const routes = await Promise.all(
    subnets.flatMap((subnet) => {
      const target = routeTarget(subnet, internetGateway, nats);
      return target === undefined ? [] : [buildRoute(build, subnet, target)];
    }),
  );
  return { vpc, internetGateway, endpoints, subnets, nats, routes };
}

function buildEndpoint(build: Build, vpc: Registered, spec: Properties) {
  return build.component.register({
    type: "aws:ec2/vpcEndpoint:VpcEndpoint",
    name: text(spec, "serviceName") ?? "endpoint",
    parent: vpc,
    inputs: { ...spec, vpcId: vpc.id },
    dependsOn: [vpc],
  });
}

async function buildSubnet(build: Build, vpc: Registered, plan: PlannedSubnet): Promise<BuiltSubnet> {
  const { component, sharedTags } = build;
  const named = { Name: plan.name, SubnetType: plan.type };
  const subnet = await component.register({
    type: "aws:ec2/subnet:Subnet",
    name: plan.name,
    parent: vpc,
    inputs: {
      vpcId: vpc.id,
      availabilityZone: plan.zone,
      cidrBlock: plan.cidrBlock,
      mapPublicIpOnLaunch: plan.type === "Public",
      tags: { ...sharedTags, ...plan.tags, ...named },
    },
    dependsOn: [vpc],
  });
  const routeTable = await component.register({
    type: "aws:ec2/routeTable:RouteTable",
    name: plan.name,
    parent: subnet,
    inputs: { vpcId: vpc.id, tags: { ...sharedTags, ...named } },
    dependsOn: [subnet],
  });
  const association = await component.register({
    type: "aws:ec2/routeTableAssociation:RouteTableAssociation",
    name: plan.name,
    parent: routeTable,
    inputs: { routeTableId: routeTable.id, subnetId: subnet.id },
    dependsOn: [routeTable],
  });
  return { plan, subnet, routeTable, association };
}

/** The public subnets that hold a NAT gateway: the first of each zone, or only the very first. */
function natSubnets(args: ParsedVpcArgs, subnets: readonly BuiltSubnet[]): readonly BuiltSubnet[] {
  if (args.natGateways.strategy === "None") return [];
  const firsts = new Map<number, BuiltSubnet>();
  for (const subnet of subnets) {
    if (subnet.plan.type === "Public" && !firsts.has(subnet.plan.zoneIndex)) {
      firsts.set(subnet.plan.zoneIndex, subnet);
    }
  }
  return args.natGateways.strategy === "Single" ? [...firsts.values()].slice(0, 1) : [...firsts.values()];
}

async function buildNat(build: Build, { plan, subnet }: BuiltSubnet): Promise<NatGateway> {
  const { component, args } = build;
  const name = `${build.name}-${plan.zoneIndex + 1}`;
  const tags = { ...args.tags, Name: name };
  const given = args.natGateways.elasticIpAllocationIds[plan.zoneIndex];
  const child = { name, parent: subnet, dependsOn: [subnet] };
  const eip =
    given === undefined
      ? await component.register({ ...child, type: "aws:ec2/eip:Eip", inputs: { tags } })
      : undefined;
  const gateway = await component.register({
    ...child,
    type: "aws:ec2/natGateway:NatGateway",
    inputs: { subnetId: subnet.id, allocationId: given ?? eip?.outputs.allocationId ?? eip?.id, tags },
    dependsOn: eip === undefined ? [subnet] : [subnet, eip],
  });
  return { zoneIndex: plan.zoneIndex, gateway, eip };
}

/** Public subnets reach the internet directly, private ones through their zone's NAT gateway, isolated ones never. */
function routeTarget(
  { plan }: BuiltSubnet,
  internetGateway: Registered,
  nats: readonly NatGateway[],
): { readonly input: "gatewayId" | "natGatewayId"; readonly resource: Registered } | undefined {
  if (plan.type === "Public") return { input: "gatewayId", resource: internetGateway };
  if (plan.type !== "Private") return undefined;
  const nat = nats.find((candidate) => candidate.zoneIndex === plan.zoneIndex) ?? nats[0];
  return nat === undefined ? undefined : { input: "natGatewayId", resource: nat.gateway };
}

function buildRoute(
  build: Build,
  { plan, routeTable }: BuiltSubnet,
  target: { readonly input: string; readonly resource: Registered },
): Promise<Registered> {
  return build.component.register({
    type: "aws:ec2/route:Route",
    name: plan.name,
    parent: routeTable,
    inputs: {
      routeTableId: routeTable.id,
      destinationCidrBlock: ANYWHERE,
      [target.input]: target.resource.id,
    },
    dependsOn: [routeTable, target.resource],
  });
}

function outputsOf(built: Built): Properties {
  const references = (resources: readonly (Registered | undefined)[]) =>
    resources.flatMap((resource) => (resource === undefined ? [] : [resource.reference]));
  const ofType = (type: string) => built.subnets.filter(({ plan }) => plan.type === type);
  const ids = (type: string) => ofType(type).map(({ subnet }) => subnet.id);
  const subnets = (type: string) => references(ofType(type).map(({ subnet }) => subnet));
  return prune({
    vpc: built.vpc.reference,
    vpcId: built.vpc.id,
    internetGateway: built.internetGateway.reference,
    subnets: references(built.subnets.map(({ subnet }) => subnet)),
    publicSubnets: subnets("Public"),
    privateSubnets: subnets("Private"),
    isolatedSubnets: subnets("Isolated"),
    publicSubnetIds: ids("Public"),
    privateSubnetIds: ids("Private"),
    isolatedSubnetIds: ids("Isolated"),
    routeTables: references(built.subnets.map(({ routeTable }) => routeTable)),
    routeTableAssociations: references(built.subnets.map(({ association }) => association)),
    routes: references(built.routes),
    natGateways: references(built.nats.map(({ gateway }) => gateway)),
    eips: references(built.nats.map(({ eip }) => eip)),
    vpcEndpoints: references(built.endpoints),
    subnetLayout: subnetLayout(built.subnets),
  });
}

/** The specs that, given explicitly under Auto, would lay the subnets out as they are now. */
function subnetLayout(subnets: readonly BuiltSubnet[]): readonly Properties[] {
  return subnets
    .filter(({ plan }) => plan.zoneIndex === 0)
    .map(({ plan }) => {
      const cidrMask = Number(plan.cidrBlock.split("/")[1]);
      return { type: plan.type, name: plan.type.toLowerCase(), cidrMask, size: 2 ** (32 - cidrMask) };
    });
}
