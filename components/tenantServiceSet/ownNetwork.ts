import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { subBlock } from "./addresses.ts";
import type { TenantBuild } from "./tenantArgs.ts";

/** Where a tenant's tasks run, and its load balancer if it has one. */
export interface TenantNetwork {
  readonly vpcId: pulumi.Input<string>;
  readonly taskSubnetIds: pulumi.Input<string>[];
  readonly publicSubnetIds: pulumi.Input<string>[];
  readonly namespaceId: pulumi.Input<string>;
  /** Whether the namespace is the tenant's alone, so that names in it need not say whose they are. */
  readonly ownNamespace: boolean;
  /** Addresses of the load balancer's targets; absent in the plane's own subnets. */
  readonly cidrBlock: string | undefined;
}

/** RDS and load balancers want two zones; more would take addresses and gateways for nothing. */
const ZONES = 2;
const TASK_MASK = 22;
const ENTRY_MASK = 24;
/** Behind the two task blocks of a /20. */
const FIRST_ENTRY_BLOCK = 8;

export function createTenantNetwork(build: TenantBuild): TenantNetwork {
  const { isolation, plane } = build.args;
  switch (isolation.network) {
    case "shared":
      return {
        vpcId: plane.vpcId,
        taskSubnetIds: [...plane.privateSubnetIds],
        publicSubnetIds: [...plane.publicSubnetIds],
        namespaceId: plane.serviceNamespaceId,
        ownNamespace: false,
        cidrBlock: undefined,
      };
    case "subnets":
      return ownSubnets(build, blockOf(build));
    case "vpc":
      return ownVpc(build, blockOf(build));
  }
}

function blockOf({ args }: TenantBuild): string {
  const { cidrBlock, network } = args.isolation;
  if (cidrBlock !== null) return cidrBlock;
  throw new Error(`Cannot give the tenant a network of its own: ${network} must come with a cidrBlock`);
}

/** Subnets in the plane's VPC that reach the world through the plane's gateways. */
function ownSubnets(build: TenantBuild, cidrBlock: string): TenantNetwork {
  const { plane } = build.args;
  const tables = plane.privateRouteTableIds ?? [];
  if (tables.length < ZONES) {
    throw new Error(
      "Cannot give the tenant subnets of its own: the plane must tell its private route tables, got none. " +
        "Run `pulumi up` on the plane's stack, then record it anew.",
    );
  }
  const mask = Number(cidrBlock.split("/")[1]) + 1;
  const taskSubnetIds = zonesOf(build).map((zone, index) => {
    const subnet = createSubnet(
      build,
      `tasks-${index + 1}`,
      plane.vpcId,
      zone,
      subBlock(cidrBlock, mask, index),
    );
    associate(build, `tasks-${index + 1}`, subnet, tables[index] ?? "");
    return subnet.id;
  });
  return {
    vpcId: plane.vpcId,
    taskSubnetIds,
    publicSubnetIds: [...plane.publicSubnetIds],
    namespaceId: plane.serviceNamespaceId,
    ownNamespace: false,
    cidrBlock,
  };
}

/** A network that nothing else is in and that is joined to no other. */
function ownVpc(build: TenantBuild, cidrBlock: string): TenantNetwork {
  const { location, layout, tags } = build.args;
  const vpc = new aws.ec2.Vpc(
    "network",
    {
      cidrBlock,
      enableDnsHostnames: true,
      enableDnsSupport: true,
      tags: { ...tags, Name: layout.key },
    },
    build.child(),
  );
  const zones = zonesOf(build);
  const publicSubnets = publicSide(build, vpc, zones, cidrBlock);
  const { subnets, tables } = privateSide(build, vpc, zones, cidrBlock, publicSubnets);
  // Objects stay inside Amazon's network and cost no NAT traffic.
  new aws.ec2.VpcEndpoint(
    "storage",
    {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${location.region}.s3`,
      vpcEndpointType: "Gateway",
      routeTableIds: tables.map(({ id }) => id),
      tags: { ...tags, Name: `${layout.key}-storage` },
    },
    build.child(),
  );
  const namespace = new aws.servicediscovery.PrivateDnsNamespace(
    "namespace",
    { name: layout.own.namespaceName, vpc: vpc.id, description: "Private names of one tenant", tags },
    build.named(),
  );
  return {
    vpcId: vpc.id,
    taskSubnetIds: subnets.map(({ id }) => id),
    publicSubnetIds: publicSubnets.map(({ id }) => id),
    namespaceId: namespace.id,
    ownNamespace: true,
    cidrBlock,
  };
}

function publicSide(
  build: TenantBuild,
  vpc: aws.ec2.Vpc,
  zones: readonly string[],
  cidrBlock: string,
): readonly aws.ec2.Subnet[] {
  const { layout, tags } = build.args;
  const named = { ...tags, Name: layout.key };
  const gateway = new aws.ec2.InternetGateway("internet", { vpcId: vpc.id, tags: named }, build.child());
  const table = createTable(build, "public", vpc);
  new aws.ec2.Route(
    "public",
    { routeTableId: table.id, destinationCidrBlock: "0.0.0.0/0", gatewayId: gateway.id },
    build.named(),
  );
  return zones.map((zone, index) => {
    const name = `public-${index + 1}`;
    const block = subBlock(cidrBlock, ENTRY_MASK, FIRST_ENTRY_BLOCK + index);
    const subnet = createSubnet(build, name, vpc.id, zone, block);
    associate(build, name, subnet, table.id);
    return subnet;
  });
}

function privateSide(
  build: TenantBuild,
  vpc: aws.ec2.Vpc,
  zones: readonly string[],
  cidrBlock: string,
  publicSubnets: readonly aws.ec2.Subnet[],
) {
  // A gateway in each zone outlives the other zone's failure; a development tenant can do without.
  const gateways = publicSubnets
    .slice(0, build.args.plane.environment === "dev" ? 1 : publicSubnets.length)
    .map((subnet, index) => createNat(build, `outward-${index + 1}`, subnet));
  const made = zones.map((zone, index) => {
    const name = `tasks-${index + 1}`;
    const subnet = createSubnet(build, name, vpc.id, zone, subBlock(cidrBlock, TASK_MASK, index));
    const table = createTable(build, name, vpc);
    associate(build, name, subnet, table.id);
    const gateway = gateways[index] ?? gateways[0];
    if (gateway === undefined) throw new Error("Cannot route outward: there must be a NAT gateway");
    new aws.ec2.Route(
      name,
      { routeTableId: table.id, destinationCidrBlock: "0.0.0.0/0", natGatewayId: gateway.id },
      build.named(),
    );
    return { subnet, table };
  });
  return { subnets: made.map(({ subnet }) => subnet), tables: made.map(({ table }) => table) };
}

function createNat(build: TenantBuild, name: string, subnet: aws.ec2.Subnet): aws.ec2.NatGateway {
  const tags = { ...build.args.tags, Name: `${build.args.layout.key}-${name}` };
  const address = new aws.ec2.Eip(name, { domain: "vpc", tags }, build.child());
  return new aws.ec2.NatGateway(name, { allocationId: address.id, subnetId: subnet.id, tags }, build.named());
}

function createTable(build: TenantBuild, name: string, vpc: aws.ec2.Vpc): aws.ec2.RouteTable {
  const tags = { ...build.args.tags, Name: `${build.args.layout.key}-${name}` };
  return new aws.ec2.RouteTable(name, { vpcId: vpc.id, tags }, build.child());
}

function createSubnet(
  build: TenantBuild,
  name: string,
  vpcId: pulumi.Input<string>,
  availabilityZone: string,
  cidrBlock: string,
): aws.ec2.Subnet {
  const tags = { ...build.args.tags, Name: `${build.args.layout.key}-${name}` };
  return new aws.ec2.Subnet(
    name,
    { vpcId, availabilityZone, cidrBlock, mapPublicIpOnLaunch: false, tags },
    build.named(),
  );
}

function associate(
  build: TenantBuild,
  name: string,
  subnet: aws.ec2.Subnet,
  routeTableId: pulumi.Input<string>,
): void {
  new aws.ec2.RouteTableAssociation(name, { subnetId: subnet.id, routeTableId }, build.named());
}

function zonesOf({ args }: TenantBuild): readonly string[] {
  return args.plane.availabilityZones.slice(0, ZONES);
}
