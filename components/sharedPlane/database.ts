import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { DATABASE_PORT, type Network } from "./network.ts";
import type { PlaneBuild } from "./planeArgs.ts";
import { planeNames } from "./planeNames.ts";

export const DATABASE_NAME = "tenantry";
const MASTER_USER = "tenantry_admin";

/**
 * The plane's PostgreSQL (Aurora, serverless v2). RDS makes and rotates the master password in Secrets Manager, so
 * that no program and no state ever holds it.
 */
export function createDatabase(
  build: PlaneBuild,
  network: Network,
  kmsKeyArn: pulumi.Output<string>,
): aws.rds.Cluster {
  const { args, name } = build;
  const { database, tags } = args;
  const subnets = new aws.rds.SubnetGroup(
    "database",
    { subnetIds: network.privateSubnetIds, description: `Database of ${args.planeName}`, tags },
    build.child(),
  );
  const parameters = new aws.rds.ClusterParameterGroup(
    "database",
    {
      family: `aurora-postgresql${majorVersion(database.engineVersion)}`,
      description: `Database of ${args.planeName}`,
      parameters: [{ name: "rds.force_ssl", value: "1" }],
      tags,
    },
    build.child(),
  );
  const cluster = new aws.rds.Cluster(
    "database",
    {
      clusterIdentifier: name,
      engine: "aurora-postgresql",
      engineVersion: database.engineVersion,
      databaseName: DATABASE_NAME,
      masterUsername: MASTER_USER,
      manageMasterUserPassword: true,
      masterUserSecretKmsKeyId: kmsKeyArn,
      iamDatabaseAuthenticationEnabled: true,
      port: DATABASE_PORT,
      dbSubnetGroupName: subnets.name,
      dbClusterParameterGroupName: parameters.name,
      vpcSecurityGroupIds: [network.databaseGroup.id],
      storageEncrypted: true,
      kmsKeyId: kmsKeyArn,
      backupRetentionPeriod: database.backupRetentionDays,
      copyTagsToSnapshot: true,
      enabledCloudwatchLogsExports: ["postgresql"],
      serverlessv2ScalingConfiguration: {
        minCapacity: database.minCapacity,
        maxCapacity: database.maxCapacity,
      },
      deletionProtection: args.protect,
      skipFinalSnapshot: !args.protect,
      ...(args.protect
        ? { finalSnapshotIdentifier: planeNames(args.planeName, args.location.accountId).finalSnapshotName }
        : {}),
      tags,
    },
    build.kept({ deleteBeforeReplace: true }),
  );
  for (let number = 1; number <= database.instances; number += 1) {
    new aws.rds.ClusterInstance(
      `database-${number}`,
      {
        identifier: `${name}-${number}`,
        clusterIdentifier: cluster.clusterIdentifier,
        engine: "aurora-postgresql",
        engineVersion: cluster.engineVersion,
        instanceClass: "db.serverless",
        dbSubnetGroupName: subnets.name,
        publiclyAccessible: false,
        performanceInsightsEnabled: true,
        performanceInsightsKmsKeyId: kmsKeyArn,
        tags,
      },
      build.child({ deleteBeforeReplace: true }),
    );
  }
  return cluster;
}

function majorVersion(version: string): string {
  return version.split(".")[0] ?? version;
}
