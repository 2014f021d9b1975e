import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { createBucket } from "../bucket.ts";
import { createDataKey } from "../dataKey.ts";
import { arn } from "../policyDocument.ts";
import {
  createPostgres,
  DATABASE_NAME,
  DATABASE_PORT,
  masterSecretArn,
  type PostgresSize,
} from "../postgres.ts";
import { createTenantEntry, type TenantEntry } from "./ownEntry.ts";
import { createTenantNetwork, type TenantNetwork } from "./ownNetwork.ts";
import type { PolicyScope } from "./policies.ts";
import { SERVICE_PORT } from "./services.ts";
import type { TenantBuild } from "./tenantArgs.ts";

/**
 * What the tenant's services run on and keep their data in: the plane's, or the tenant's own, part by part as its
 * isolation says. The rest of the component uses a place and does not ask whose it is.
 */
export interface Place {
  readonly network: TenantNetwork;
  readonly clusterArn: pulumi.Input<string>;
  readonly clusterName: pulumi.Input<string>;
  readonly kmsKeyArn: pulumi.Output<string>;
  readonly bucketName: pulumi.Input<string>;
  readonly database: PlaceDatabase;
  readonly entry: TenantEntry | undefined;
  readonly loadBalancerDnsName: pulumi.Input<string>;
  /** Worn by every task of the tenant. */
  readonly taskGroup: aws.ec2.SecurityGroup;
  /** What shared services of the plane admit; worn only where the tenant uses them. */
  readonly sharedGroupIds: readonly string[];
  readonly scope: pulumi.Output<PolicyScope>;
}

export interface PlaceDatabase {
  readonly clusterIdentifier: pulumi.Input<string>;
  readonly endpoint: pulumi.Input<string>;
  readonly port: pulumi.Input<number>;
  readonly name: string;
  readonly adminSecretArn: pulumi.Input<string>;
}

/** The longest AWS offers: what was encrypted with a deleted key is lost. */
const KEY_DELETION_DAYS = 30;
const DEV_KEY_DELETION_DAYS = 7;

export function createPlace(build: TenantBuild): Place {
  const { args } = build;
  const { plane, isolation, layout, location } = args;
  const network = createTenantNetwork(build);
  const entry = isolation.loadBalancer === "own" ? createTenantEntry(build, network) : undefined;
  const taskGroup = createTaskGroup(build, network, entry);
  const kmsKeyArn = isolation.key === "own" ? createKey(build) : pulumi.output(plane.kmsKeyArn);
  const cluster = isolation.cluster === "own" ? createCluster(build) : undefined;
  const bucket = isolation.bucket === "own" ? createOwnBucket(build, kmsKeyArn) : undefined;
  const database =
    isolation.database === "own"
      ? createDatabase(build, network, taskGroup, kmsKeyArn)
      : sharedDatabase(build);
  const dataBucketArn = bucket?.arn ?? plane.dataBucketArn;
  return {
    network,
    clusterArn: cluster?.arn ?? plane.clusterArn,
    clusterName: cluster?.name ?? plane.clusterName,
    kmsKeyArn,
    bucketName: bucket?.bucket ?? plane.dataBucketName,
    database,
    entry,
    loadBalancerDnsName: entry?.loadBalancer.dnsName ?? plane.loadBalancerDnsName,
    taskGroup,
    sharedGroupIds: isolation.database === "own" ? [] : [plane.taskSecurityGroupId],
    scope: pulumi
      .all([dataBucketArn, kmsKeyArn])
      .apply(([bucketArn, keyArn]) => ({ layout, location, dataBucketArn: bucketArn, kmsKeyArn: keyArn })),
  };
}

/** Rules are written inside the group, so that one added by hand is drift; apart from it, none would be seen. */
function createTaskGroup(
  build: TenantBuild,
  network: TenantNetwork,
  entry: TenantEntry | undefined,
): aws.ec2.SecurityGroup {
  const { layout, plane, tags } = build.args;
  const port = { protocol: "tcp", fromPort: SERVICE_PORT, toPort: SERVICE_PORT };
  const outward = { description: "Outward", protocol: "-1", fromPort: 0, toPort: 0 };
  const from =
    entry === undefined
      ? { description: "From the router", securityGroups: [plane.routerSecurityGroupId] }
      : { description: "From the tenant's load balancer", securityGroups: [entry.group.id] };
  return new aws.ec2.SecurityGroup(
    "tasks",
    {
      name: layout.securityGroupName,
      description: "Tasks of one tenant",
      vpcId: network.vpcId,
      ingress: [
        { ...port, ...from },
        { ...port, description: "Between the tenant's own services", self: true },
      ],
      egress: [{ ...outward, cidrBlocks: ["0.0.0.0/0"] }],
      tags: { ...tags, Name: layout.securityGroupName },
    },
    build.named(),
  );
}

function createKey(build: TenantBuild): pulumi.Output<string> {
  const { location, layout, plane, tags } = build.args;
  const key = createDataKey(build, {
    location,
    description: "Data of one tenant",
    alias: layout.own.keyAlias,
    logGroups: arn(location, "logs", `log-group:${layout.logGroupPrefix}*`),
    deletionDays: plane.environment === "dev" ? DEV_KEY_DELETION_DAYS : KEY_DELETION_DAYS,
    tags,
  });
  return key.arn;
}

function createCluster(build: TenantBuild): aws.ecs.Cluster {
  const { layout, tags } = build.args;
  const settings = [{ name: "containerInsights", value: "disabled" }];
  return new aws.ecs.Cluster("cluster", { name: layout.own.clusterName, settings, tags }, build.named());
}

/**
 * Objects are archived or deleted by the operation that ends the tenant, before the stack is destroyed; what is left
 * then, such as old versions, goes with the bucket.
 */
function createOwnBucket(build: TenantBuild, kmsKeyArn: pulumi.Output<string>): aws.s3.Bucket {
  const { layout, tags } = build.args;
  const { bucketName } = layout.own;
  return createBucket(build, "data", { bucketName, forceDestroy: true, tags, kmsKeyArn, bucketKey: false });
}

function createDatabase(
  build: TenantBuild,
  network: TenantNetwork,
  taskGroup: aws.ec2.SecurityGroup,
  kmsKeyArn: pulumi.Output<string>,
): PlaceDatabase {
  const { layout, plane, tags } = build.args;
  const group = new aws.ec2.SecurityGroup(
    "database",
    {
      name: layout.own.databaseGroupName,
      description: "Database of one tenant",
      vpcId: network.vpcId,
      ingress: [
        {
          description: "From the tenant's tasks",
          protocol: "tcp",
          fromPort: DATABASE_PORT,
          toPort: DATABASE_PORT,
          securityGroups: [taskGroup.id],
        },
        ...fromController(plane.controllerCidrBlocks ?? []),
      ],
      egress: [],
      tags: { ...tags, Name: layout.own.databaseGroupName },
    },
    build.named(),
  );
  const cluster = createPostgres(build, {
    identifier: layout.own.databaseIdentifier,
    description: "Database of one tenant",
    size: databaseSize(plane.environment),
    subnetIds: network.taskSubnetIds,
    securityGroupId: group.id,
    kmsKeyArn,
    // The operation that takes the stack away has either put everything into the archive, or is to leave nothing, after
    // the grace period and under no legal hold. A snapshot would be what it promises not to leave.
    deletionProtection: false,
    finalSnapshotName: undefined,
    tags,
  });
  return {
    clusterIdentifier: cluster.clusterIdentifier,
    endpoint: cluster.endpoint,
    port: cluster.port,
    name: DATABASE_NAME,
    adminSecretArn: masterSecretArn(cluster),
  };
}

/** The control service makes the tenant's database and login from outside. */
function fromController(cidrBlocks: readonly string[]) {
  if (cidrBlocks.length === 0) return [];
  const ports = { protocol: "tcp", fromPort: DATABASE_PORT, toPort: DATABASE_PORT };
  return [{ ...ports, description: "From the control service", cidrBlocks: [...cidrBlocks] }];
}

function databaseSize(environment: string): PostgresSize {
  const production = environment === "prod";
  return {
    engineVersion: "17.4",
    instances: production ? 2 : 1,
    minCapacity: 0.5,
    maxCapacity: production ? 16 : 2,
    backupRetentionDays: production ? 35 : 7,
  };
}

function sharedDatabase({ args }: TenantBuild): PlaceDatabase {
  const { plane } = args;
  return {
    clusterIdentifier: plane.databaseClusterIdentifier,
    endpoint: plane.databaseEndpoint,
    port: plane.databasePort,
    name: plane.databaseName,
    adminSecretArn: plane.databaseMasterSecretArn,
  };
}
