import * as aws from "@pulumi/aws";
import * as awsx from "@pulumi/awsx";
import type * as pulumi from "@pulumi/pulumi";
import { DATABASE_PORT } from "../postgres.ts";
import { API_PORT } from "./containers.ts";
import type { ControlPlaneBuild } from "./controlPlaneArgs.ts";

export interface ControlPlaneNetwork {
  readonly vpcId: pulumi.Output<string>;
  readonly privateSubnetIds: pulumi.Output<string[]>;
  readonly entryGroup: aws.ec2.SecurityGroup;
  readonly serviceGroup: aws.ec2.SecurityGroup;
  readonly databaseGroup: aws.ec2.SecurityGroup;
}

/** Room for a few hundred tasks in each zone. */
const PRIVATE_MASK = 24;
const PUBLIC_MASK = 26;

/**
 * What the service asks most, and what must answer for a task to start, is reached without leaving the network. The
 * rest (IAM, Route 53 and others have no endpoint everywhere) goes through NAT, outward only.
 */
export const INTERFACE_ENDPOINTS = ["ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sts"] as const;

export function createControlPlaneNetwork(build: ControlPlaneBuild): ControlPlaneNetwork {
  const { args, names } = build;
  const { network, tags, location } = args;
  const vpc = new awsx.ec2.Vpc(
    "network",
    {
      cidrBlock: network.cidrBlock,
      availabilityZoneNames: [...network.zones],
      enableDnsHostnames: true,
      enableDnsSupport: true,
      natGateways: { strategy: network.natGateways },
      subnetStrategy: "Auto",
      subnetSpecs: [
        { type: "Private", cidrMask: PRIVATE_MASK },
        { type: "Public", cidrMask: PUBLIC_MASK },
      ],
      tags,
    },
    build.child(),
  );
  const groups = createGroups(build, vpc.vpcId);
  const endpointName = (service: string) => `com.amazonaws.${location.region}.${service}`;
  new aws.ec2.VpcEndpoint(
    "s3",
    {
      ...{ vpcId: vpc.vpcId, serviceName: endpointName("s3"), vpcEndpointType: "Gateway" },
      routeTableIds: vpc.routeTables.apply((tables) => tables.map((table) => table.id)),
      tags: { ...tags, Name: `${names.name}-s3` },
    },
    build.child(),
  );
  for (const service of INTERFACE_ENDPOINTS) {
    new aws.ec2.VpcEndpoint(
      service.replace(".", "-"),
      {
        ...{ vpcId: vpc.vpcId, serviceName: endpointName(service), vpcEndpointType: "Interface" },
        subnetIds: vpc.privateSubnetIds,
        securityGroupIds: [groups.endpointGroup.id],
        privateDnsEnabled: true,
        tags: { ...tags, Name: `${names.name}-${service}` },
      },
      build.child(),
    );
  }
  return { vpcId: vpc.vpcId, privateSubnetIds: vpc.privateSubnetIds, ...groups };
}

/** Rules are written inside the groups, so that one added by hand is drift. */
function createGroups(build: ControlPlaneBuild, vpcId: pulumi.Output<string>) {
  const { args, names } = build;
  const { cidrBlock, allowedCidrBlocks } = args.network;
  const tcp = (port: number, description: string) => ({
    ...{ description, protocol: "tcp", fromPort: port, toPort: port },
  });
  const group = (
    name: string,
    description: string,
    rules: Pick<aws.ec2.SecurityGroupArgs, "ingress" | "egress">,
  ) =>
    new aws.ec2.SecurityGroup(
      name,
      {
        name: `${names.name}-${name}`,
        ...{ description, vpcId, ...rules },
        tags: { ...args.tags, Name: `${names.name}-${name}` },
      },
      build.child({ deleteBeforeReplace: true }),
    );
  const entryGroup = group("entry", "Load balancer of the control service", {
    ingress: [{ ...tcp(443, "Operators"), cidrBlocks: [...allowedCidrBlocks] }],
    egress: [{ ...tcp(API_PORT, "To the service"), cidrBlocks: [cidrBlock] }],
  });
  const serviceGroup = group("service", "Control service, api and worker", {
    ingress: [{ ...tcp(API_PORT, "From the load balancer"), securityGroups: [entryGroup.id] }],
    egress: [{ description: "Outward", protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: ["0.0.0.0/0"] }],
  });
  const databaseGroup = group("database", "Registry of the control service", {
    ingress: [{ ...tcp(DATABASE_PORT, "From the service"), securityGroups: [serviceGroup.id] }],
    egress: [],
  });
  const endpointGroup = group("endpoints", "Private endpoints of AWS services", {
    ingress: [{ ...tcp(443, "From the service"), securityGroups: [serviceGroup.id] }],
    egress: [],
  });
  return { entryGroup, serviceGroup, databaseGroup, endpointGroup };
}
