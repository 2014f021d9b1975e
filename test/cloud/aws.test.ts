import {
  CreateClusterCommand,
  CreateServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from "@aws-sdk/client-s3";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, describe, expect, it } from "vitest";
import { AnchorConflict, anchorStore } from "../../service/audit/anchorStore.ts";
import { createAwsCloudRuntime } from "../../service/cloud/awsCloudRuntime.ts";
import { describeCloudRuntime } from "./contract.ts";
import { type DataWorld, describeCloudData } from "./dataContract.ts";
import { startMoto } from "./motoServer.ts";

const REGION = "eu-west-1";
const TENANT = "3f0d3a52-0000-4000-8000-000000000001";
const OTHER = "3f0d3a52-0000-4000-8000-000000000002";
const credentials = { accessKeyId: "test", secretAccessKey: "test" };

const moto = await startMoto();

if ("unavailable" in moto) {
  it("CloudRuntime on AWS (moto)", ({ skip }) => skip(moto.unavailable));
} else {
  afterAll(() => moto.close());
  const seeded = seed(moto.endpoint);
  const open = async (): Promise<DataWorld> => {
    await seeded;
    return {
      runtime: createAwsCloudRuntime({ endpoint: moto.endpoint, credentials }),
      ...{ region: REGION, cluster: "plane", tenantId: TENANT, otherTenantId: OTHER },
      ...{ bucket: "plane-data", archiveBucket: "plane-archive", emptySecret: "empty" },
      ...{ databaseCluster: "plane-database", accountId: "123456789012" },
      // moto never starts a task.
      settles: false,
      close: async () => undefined,
    };
  };
  describeCloudRuntime("AWS (moto)", open);
  describeCloudData("AWS (moto)", open);

  it("keeps the audit trail's checkpoints in a bucket, and writes over none", async () => {
    const { runtime: cloud, bucket } = await open();
    const store = anchorStore(`s3://${bucket}/trail?region=${REGION}`, { cloud });
    expect(store.place).toBe(`s3://${bucket}/trail/`);
    for (const _again of [1, 2]) await store.put("one.ndjson", "first");
    for (const other of ["other", "firs", "first and more"])
      await expect(store.put("one.ndjson", other)).rejects.toThrow(AnchorConflict);
    const parts: Uint8Array[] = [];
    const key = "trail/one.ndjson";
    for await (const part of await cloud.getObject({ region: REGION, bucket, key })) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe("first");
    const nowhere = anchorStore(`s3://no-such-bucket/trail?region=${REGION}`, { cloud });
    await expect(nowhere.put("one.ndjson", "first")).rejects.toMatchObject({ code: "bucket_not_found" });
  });

  describe("a place with a role", () => {
    const roleArn = "arn:aws:iam::222222222222:role/controller";
    const there = { region: REGION, accountId: "222222222222", roleArn };

    it("is another account, with its own services, secrets and objects", async () => {
      const { runtime, cluster, tenantId, emptySecret, bucket } = await open();
      const tags = { "tenantry:tenant-id": tenantId };
      expect((await runtime.listByTag({ region: REGION, tags })).length).toBeGreaterThan(0);
      expect(await runtime.listByTag({ ...there, tags })).toEqual([]);
      const health = runtime.serviceHealth({ ...there, cluster, tenantId });
      await expect(health).rejects.toMatchObject({ code: "cluster_not_found" });
      const secret = runtime.readSecret({ ...there, secretId: emptySecret });
      await expect(secret).rejects.toMatchObject({ code: "secret_not_found" });
      expect(bucket).toBe("plane-data");
    });
  });
}

it("tells an unreachable cloud from one that refuses", async () => {
  const runtime = createAwsCloudRuntime({ endpoint: "http://127.0.0.1:9", credentials });
  const asked = runtime.serviceHealth({ region: REGION, cluster: "plane", tenantId: TENANT });
  await expect(asked).rejects.toMatchObject({ code: "cloud_unreachable", retryable: true });
});

async function seed(endpoint: string): Promise<void> {
  const settings = { region: REGION, endpoint, credentials };
  const [ecs, secrets, iam] = [
    new ECSClient(settings),
    new SecretsManagerClient(settings),
    new IAMClient(settings),
  ];
  // moto's tagging API answers 500 as long as anything in ECS has no tags at all.
  const shared = [{ key: "tenantry:managed", value: "true" }];
  await ecs.send(new CreateClusterCommand({ clusterName: "plane", tags: shared }));
  const containerDefinitions = [{ name: "main", image: "app:1", memory: 128 }];
  await ecs.send(new RegisterTaskDefinitionCommand({ family: "app", containerDefinitions, tags: shared }));
  for (const [serviceName, tenantId, desiredCount] of [
    ["one", TENANT, 1],
    ["two", TENANT, 0],
    ["other", OTHER, 1],
  ] as const) {
    const tags = Object.entries(tagsOf(tenantId)).map(([key, value]) => ({ key, value }));
    await ecs.send(
      new CreateServiceCommand({ cluster: "plane", serviceName, desiredCount, taskDefinition: "app", tags }),
    );
  }
  const Tags = Object.entries(tagsOf(TENANT)).map(([Key, Value]) => ({ Key, Value }));
  await iam.send(new CreateRoleCommand({ RoleName: "task", AssumeRolePolicyDocument: "{}", Tags }));
  for (const Name of ["kept", "dropped"]) {
    await secrets.send(new CreateSecretCommand({ Name, SecretString: "x", Tags }));
  }
  await secrets.send(new DeleteSecretCommand({ SecretId: "dropped", RecoveryWindowInDays: 7 }));
  await createQueue(endpoint);
  await secrets.send(new CreateSecretCommand({ Name: "empty" }));
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  for (const Bucket of ["plane-data", "plane-archive"]) {
    const CreateBucketConfiguration = { LocationConstraint: REGION } as const;
    await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
    const VersioningConfiguration = { Status: "Enabled" } as const;
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  }
}

/** SQS over its JSON protocol: one call is not worth a client package. */
async function createQueue(endpoint: string): Promise<void> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "AmazonSQS.CreateQueue",
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify({ QueueName: "jobs", tags: tagsOf(TENANT) }),
  });
  expect(response.status).toBe(200);
}

function tagsOf(tenantId: string): Record<string, string> {
  return { "tenantry:tenant-id": tenantId, "tenantry:environment": "dev" };
}
