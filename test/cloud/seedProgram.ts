import aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { StackIdentity } from "../../stacks/tenant/names.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";

export const OTHER_TENANT = "3f0d3a52-0000-4000-8000-000000000002";
export const CLUSTER = "plane";
export const BUCKET = "plane-data";
export const ARCHIVE_BUCKET = "plane-archive";
export const DATABASE = "plane-database";

/**
 * What the contract's world holds, made through the provider. The other tenant has a service in the first one's
 * cluster; release 2 of the first no longer has the secret `dropped`.
 */
export function tenantProgram(
  spec: TenantSpec,
  _identity: StackIdentity,
): () => Promise<Record<string, unknown>> {
  const { tenantId } = spec.tenant;
  const tags = { "tenantry:tenant-id": tenantId, "tenantry:environment": "dev" };
  return async () => {
    const region = spec.provider.region as aws.Region;
    const options = { provider: new aws.Provider("aws", { region }) };
    const containerDefinitions = JSON.stringify([{ name: "main", image: "app:1", memory: 128 }]);
    const task = new aws.ecs.TaskDefinition("app", { family: "app", containerDefinitions }, options);
    const service = (name: string, cluster: pulumi.Input<string>, desiredCount: number) =>
      new aws.ecs.Service(name, { name, cluster, taskDefinition: task.arn, desiredCount, tags }, options);
    if (tenantId === OTHER_TENANT) {
      service("other", CLUSTER, 1);
      return { tenantId };
    }
    const cluster = new aws.ecs.Cluster("plane", { name: CLUSTER }, options);
    service("one", cluster.arn, 1);
    service("two", cluster.arn, 0);
    for (const name of spec.release.number === 1 ? ["kept", "dropped"] : ["kept"]) {
      new aws.secretsmanager.Secret(name, { name, recoveryWindowInDays: 7, tags }, options);
    }
    new aws.secretsmanager.Secret("empty", { name: "empty", recoveryWindowInDays: 7 }, options);
    for (const bucket of [BUCKET, ARCHIVE_BUCKET]) new aws.s3.Bucket(bucket, { bucket }, options);
    const database = {
      ...{ clusterIdentifier: DATABASE, engine: "aurora-postgresql", databaseName: "tenantry" },
      ...{ masterUsername: "tenantry_admin", manageMasterUserPassword: true, skipFinalSnapshot: true },
    };
    new aws.rds.Cluster("database", database, options);
    new aws.sqs.Queue("jobs", { name: "jobs", tags }, options);
    const trust = {
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { Service: "ecs-tasks.amazonaws.com" },
    };
    const assumeRolePolicy = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
    new aws.iam.Role("task", { name: "task", assumeRolePolicy, tags }, options);
    return { tenantId };
  };
}
