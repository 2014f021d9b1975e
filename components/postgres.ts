import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Making } from "./making.ts";
import type { Tags } from "./tags.ts";

export const DATABASE_NAME = "tenantry";
export const DATABASE_PORT = 5432;
const MASTER_USER = "tenantry_admin";

export interface PostgresSize {
  readonly engineVersion: string;
  readonly instances: number;
  /** Aurora capacity units, in halves. */
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly backupRetentionDays: number;
}

export interface PostgresArgs {
  /** Of the cluster; its instances are numbered after it. */
  readonly identifier: string;
  readonly description: string;
  readonly size: PostgresSize;
  readonly subnetIds: pulumi.Input<pulumi.Input<string>[]>;
  readonly securityGroupId: pulumi.Input<string>;
  readonly kmsKeyArn: pulumi.Input<string>;
  readonly deletionProtection: boolean;
  /** Taken when the cluster is deleted; without a name none is. */
  readonly finalSnapshotName: string | undefined;
  readonly tags: Tags;
}

/**
 * A PostgreSQL (Aurora, serverless v2) that is encrypted and speaks TLS only. RDS makes and rotates the master password
 * in Secrets Manager, so that no program and no state ever holds it.
 */
export function createPostgres(make: Making, args: PostgresArgs): aws.rds.Cluster {
  const { size, tags, kmsKeyArn } = args;
  const subnets = new aws.rds.SubnetGroup(
    "database",
    { subnetIds: args.subnetIds, description: args.description, tags },
    make.child(),
  );
  const parameters = new aws.rds.ClusterParameterGroup(
    "database",
    {
      family: `aurora-postgresql${majorVersion(size.engineVersion)}`,
      description: args.description,
      parameters: [{ name: "rds.force_ssl", value: "1" }],
      tags,
    },
    make.child(),
  );
  const cluster = new aws.rds.Cluster(
    "database",
    {
      clusterIdentifier: args.identifier,
      engine: "aurora-postgresql",
      engineVersion: size.engineVersion,
      databaseName: DATABASE_NAME,
      masterUsername: MASTER_USER,
      manageMasterUserPassword: true,
      masterUserSecretKmsKeyId: kmsKeyArn,
      iamDatabaseAuthenticationEnabled: true,
      port: DATABASE_PORT,
      dbSubnetGroupName: subnets.name,
      dbClusterParameterGroupName: parameters.name,
      vpcSecurityGroupIds: [args.securityGroupId],
      storageEncrypted: true,
      kmsKeyId: kmsKeyArn,
      backupRetentionPeriod: size.backupRetentionDays,
      copyTagsToSnapshot: true,
      enabledCloudwatchLogsExports: ["postgresql"],
      serverlessv2ScalingConfiguration: { minCapacity: size.minCapacity, maxCapacity: size.maxCapacity },
      deletionProtection: args.deletionProtection,
      skipFinalSnapshot: args.finalSnapshotName === undefined,
      ...(args.finalSnapshotName === undefined ? {} : { finalSnapshotIdentifier: args.finalSnapshotName }),
      tags,
    },
    make.kept({ deleteBeforeReplace: true }),
  );
  createInstances(make, args, cluster, subnets);
  return cluster;
}

function createInstances(
  make: Making,
  { identifier, size, kmsKeyArn, tags }: PostgresArgs,
  cluster: aws.rds.Cluster,
  subnets: aws.rds.SubnetGroup,
): void {
  for (let number = 1; number <= size.instances; number += 1) {
    new aws.rds.ClusterInstance(
      `database-${number}`,
      {
        identifier: `${identifier}-${number}`,
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
      make.child({ deleteBeforeReplace: true }),
    );
  }
}

/** The secret in which RDS keeps the master password. */
export function masterSecretArn(database: aws.rds.Cluster): pulumi.Output<string> {
  return pulumi.output(database.masterUserSecrets).apply((secrets) => {
    const [first] = secrets;
    if (first !== undefined) return first.secretArn;
    throw new Error("Cannot read the database's master secret: RDS must manage the password, got no secret");
  });
}

function majorVersion(version: string): string {
  return version.split(".")[0] ?? version;
}
