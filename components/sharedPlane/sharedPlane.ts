/**
 * SharedPlane: what the tenants of one environment in one region share.
 *
 * What it is: a network over two or three zones, an ECS cluster with a private DNS namespace, one public entry (zone,
 * wildcard certificate, load balancer) with the router behind it, buckets for data, snapshots and archives, one key, a
 * PostgreSQL cluster, the permissions boundary of all tenant roles and the controller's role.
 *
 * What it promises: nothing in it grows with the number of tenants; no plane shares a cloud resource with another,
 * and names that could meet carry the plane's name; everything at rest is encrypted with the plane's key and
 * everything in transit by TLS; a protected plane cannot be destroyed before `tenantry:protect` is turned off and
 * applied.
 *
 * What it refuses: hosts outside its domain (404 at the load balancer), plain HTTP (redirected), and tenant roles
 * outside the boundary.
 */
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { createBucket } from "../bucket.ts";
import { createDataKey } from "../dataKey.ts";
import { arn } from "../policyDocument.ts";
import { createPostgres, DATABASE_NAME, masterSecretArn } from "../postgres.ts";
import { type Access, createAccess } from "./access.ts";
import { createEntry, type Entry } from "./entry.ts";
import { createNetwork, type Network } from "./network.ts";
import type { PlaneBuild, SharedPlaneArgs } from "./planeArgs.ts";
import { planeNames } from "./planeNames.ts";
import { createRouter } from "./router.ts";

export class SharedPlane extends pulumi.ComponentResource {
  readonly network: Network;
  readonly cluster: aws.ecs.Cluster;
  readonly namespace: aws.servicediscovery.PrivateDnsNamespace;
  readonly entry: Entry;
  readonly router: aws.ecs.Service;
  readonly key: aws.kms.Key;
  readonly dataBucket: aws.s3.Bucket;
  readonly snapshotBucket: aws.s3.Bucket;
  /** Archived tenants; no task has access to it. */
  readonly archiveBucket: aws.s3.Bucket;
  readonly database: aws.rds.Cluster;
  readonly databaseName: string = DATABASE_NAME;
  readonly databaseMasterSecretArn: pulumi.Output<string>;
  readonly access: Access;
  readonly tenantRolePath: string;

  constructor(name: string, args: SharedPlaneArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenantry:index:SharedPlane", name, {}, options);
    const names = planeNames(args.planeName, args.location.accountId);
    const build: PlaneBuild = {
      args,
      name: names.name,
      child: (childOptions = {}) => ({ ...childOptions, parent: this }),
      kept: (childOptions = {}) => ({ ...childOptions, parent: this, protect: args.protect }),
    };
    this.tenantRolePath = names.tenantRolePath;
    this.key = createDataKey(build, {
      location: args.location,
      description: `Data of the plane ${args.planeName}`,
      alias: names.keyAlias,
      logGroups: arn(args.location, "logs", `log-group:/tenantry/${args.planeName}/*`),
      deletionDays: args.keyDeletionDays,
      tags: args.tags,
    });
    this.network = createNetwork(build);
    const { cluster, namespace } = createCluster(build, names.namespaceName, this.network);
    this.cluster = cluster;
    this.namespace = namespace;
    const kmsKeyArn = this.key.arn;
    const bucket = { kmsKeyArn, forceDestroy: !args.protect, tags: args.tags };
    const { dataBucketName, snapshotBucketName, archiveBucketName } = names;
    this.dataBucket = createBucket(build, "data", {
      ...bucket,
      bucketName: dataBucketName,
      bucketKey: false,
    });
    this.snapshotBucket = createBucket(build, "snapshots", {
      ...bucket,
      bucketName: snapshotBucketName,
      bucketKey: true,
    });
    this.archiveBucket = createBucket(build, "archive", {
      ...bucket,
      bucketName: archiveBucketName,
      bucketKey: true,
    });
    this.database = createPostgres(build, {
      identifier: names.name,
      description: `Database of ${args.planeName}`,
      size: args.database,
      subnetIds: this.network.privateSubnetIds,
      securityGroupId: this.network.databaseGroup.id,
      kmsKeyArn,
      deletionProtection: args.protect,
      finalSnapshotName: args.protect ? names.finalSnapshotName : undefined,
      tags: args.tags,
    });
    this.databaseMasterSecretArn = masterSecretArn(this.database);
    this.entry = createEntry(build, this.network);
    this.router = createRouter(build, {
      network: this.network,
      entry: this.entry,
      cluster,
      snapshotBucket: this.snapshotBucket,
      kmsKeyArn,
    });
    this.access = createAccess(build, {
      vpcId: this.network.vpcId,
      cluster,
      namespaceArn: namespace.arn,
      dnsZoneId: this.entry.zone.zoneId,
      archiveBucketArn: this.archiveBucket.arn,
      snapshotBucketArn: this.snapshotBucket.arn,
      databaseClusterArn: this.database.arn,
      dataBucketArn: this.dataBucket.arn,
      kmsKeyArn,
    });
    this.registerOutputs();
  }
}

function createCluster(build: PlaneBuild, namespaceName: string, network: Network) {
  const { args } = build;
  const cluster = new aws.ecs.Cluster(
    "cluster",
    {
      name: build.name,
      settings: [{ name: "containerInsights", value: args.containerInsights ? "enabled" : "disabled" }],
      tags: args.tags,
    },
    build.kept({ deleteBeforeReplace: true }),
  );
  const namespace = new aws.servicediscovery.PrivateDnsNamespace(
    "namespace",
    {
      name: namespaceName,
      vpc: network.vpcId,
      description: `Private names of ${args.planeName}`,
      tags: args.tags,
    },
    build.kept({ deleteBeforeReplace: true }),
  );
  return { cluster, namespace };
}
