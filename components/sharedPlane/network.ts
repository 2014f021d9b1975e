import * as aws from "@pulumi/aws";
import * as awsx from "@pulumi/awsx";
import * as pulumi from "@pulumi/pulumi";
import { DATABASE_PORT } from "../postgres.ts";
import { SERVICE_PORT } from "../tenantServiceSet/services.ts";
import type { PlaneBuild } from "./planeArgs.ts";

export interface Network {
  readonly vpcId: pulumi.Output<string>;
  readonly publicSubnetIds: pulumi.Output<string[]>;
  readonly privateSubnetIds: pulumi.Output<string[]>;
  /** In the order of the private subnets. */
  readonly privateRouteTableIds: pulumi.Output<string[]>;
  readonly loadBalancerGroup: aws.ec2.SecurityGroup;
  readonly routerGroup: aws.ec2.SecurityGroup;
  /** Worn by every tenant task beside its own: what shared services admit, however many tenants there are. */
  readonly taskGroup: aws.ec2.SecurityGroup;
  readonly databaseGroup: aws.ec2.SecurityGroup;
}

/** One address per task: a /19 has 8,187 of them, a /16 holds three. */
const PRIVATE_MASK = 19;
const PUBLIC_MASK = 22;

export function createNetwork(build: PlaneBuild): Network {
  const { args } = build;
  const vpc = new awsx.ec2.Vpc(
    "network",
    {
      cidrBlock: args.network.cidrBlock,
      availabilityZoneNames: [...args.network.zones],
      enableDnsHostnames: true,
      enableDnsSupport: true,
      natGateways: { strategy: args.network.natGateways },
      subnetStrategy: "Auto",
      subnetSpecs: [
        { type: "Private", cidrMask: PRIVATE_MASK },
        { type: "Public", cidrMask: PUBLIC_MASK },
      ],
      tags: args.tags,
    },
    build.child(),
  );
  // Objects stay inside Amazon's network and cost no NAT traffic.
  new aws.ec2.VpcEndpoint(
    "storage",
    {
      vpcId: vpc.vpcId,
      serviceName: `com.amazonaws.${args.location.region}.s3`,
      vpcEndpointType: "Gateway",
      routeTableIds: vpc.routeTables.apply((tables) => tables.map((table) => table.id)),
      tags: { ...args.tags, Name: `${build.name}-storage` },
    },
    build.child(),
  );
  return {
    vpcId: vpc.vpcId,
    publicSubnetIds: vpc.publicSubnetIds,
    privateSubnetIds: vpc.privateSubnetIds,
    privateRouteTableIds: privateRouteTables(vpc),
    ...securityGroups(build, vpc.vpcId),
  };
}

function privateRouteTables(vpc: awsx.ec2.Vpc): pulumi.Output<string[]> {
  const tied = vpc.routeTableAssociations.apply((associations) =>
    pulumi.all(associations.map(({ subnetId, routeTableId }) => pulumi.all([subnetId, routeTableId]))),
  );
  return pulumi.all([tied, vpc.privateSubnetIds]).apply(([pairs, subnetIds]) => {
    const tables = new Map(pairs);
    return subnetIds.map((subnetId) => tables.get(subnetId) ?? "");
  });
}

/** Rules are written inside the groups, so that one added by hand is drift. */
function securityGroups(build: PlaneBuild, vpcId: pulumi.Output<string>) {
  const { network } = build.args;
  const outward = {
    description: "Outward",
    protocol: "-1",
    fromPort: 0,
    toPort: 0,
    cidrBlocks: ["0.0.0.0/0"],
  };
  const open = (port: number) => ({
    description: "Clients",
    protocol: "tcp",
    fromPort: port,
    toPort: port,
    cidrBlocks: [...network.allowedCidrBlocks],
  });
  const admit = (group: aws.ec2.SecurityGroup, port: number, description: string) => ({
    description,
    protocol: "tcp",
    fromPort: port,
    toPort: port,
    securityGroups: [group.id],
  });
  const group = (
    name: string,
    description: string,
    rules: Pick<aws.ec2.SecurityGroupArgs, "ingress" | "egress">,
  ) =>
    new aws.ec2.SecurityGroup(
      name,
      {
        name: `${build.name}-${name}`,
        description,
        vpcId,
        ...rules,
        tags: { ...build.args.tags, Name: `${build.name}-${name}` },
      },
      build.child({ deleteBeforeReplace: true }),
    );
  const loadBalancerGroup = group("entry", "Load balancer of the plane", {
    ingress: [open(443), open(80)],
    egress: [
      {
        description: "To the router",
        protocol: "tcp",
        fromPort: SERVICE_PORT,
        toPort: SERVICE_PORT,
        cidrBlocks: [network.cidrBlock],
      },
    ],
  });
  const routerGroup = group("router", "Router of the plane", {
    ingress: [admit(loadBalancerGroup, SERVICE_PORT, "From the load balancer")],
    egress: [outward],
  });
  const taskGroup = group("tasks", "Tasks of all tenants, as shared services see them", {
    ingress: [],
    egress: [],
  });
  const fromController =
    network.controllerCidrBlocks.length === 0
      ? []
      : [
          {
            ...{ description: "From the control service", protocol: "tcp" },
            ...{ fromPort: DATABASE_PORT, toPort: DATABASE_PORT },
            cidrBlocks: [...network.controllerCidrBlocks],
          },
        ];
  const databaseGroup = group("database", "Database of the plane", {
    ingress: [admit(taskGroup, DATABASE_PORT, "From tenant tasks"), ...fromController],
    egress: [],
  });
  return { loadBalancerGroup, routerGroup, taskGroup, databaseGroup };
}
