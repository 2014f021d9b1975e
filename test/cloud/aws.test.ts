import {
  CreateClusterCommand,
  CreateServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { expect, it } from "vitest";
import { createAwsCloudRuntime } from "../../service/cloud/awsCloudRuntime.ts";
import { type CloudWorld, describeCloudRuntime } from "./contract.ts";
import { startMoto } from "./motoServer.ts";

const REGION = "eu-west-1";
const TENANT = "3f0d3a52-0000-4000-8000-000000000001";
const OTHER = "3f0d3a52-0000-4000-8000-000000000002";
const credentials = { accessKeyId: "test", secretAccessKey: "test" };

const moto = await startMoto();

if ("unavailable" in moto) {
  it("CloudRuntime on AWS (moto)", ({ skip }) => skip(moto.unavailable));
} else {
  describeCloudRuntime("AWS (moto)", async (): Promise<CloudWorld> => {
    await seed(moto.endpoint);
    return {
      runtime: createAwsCloudRuntime({ endpoint: moto.endpoint, credentials }),
      ...{ region: REGION, cluster: "plane", tenantId: TENANT, otherTenantId: OTHER },
      // moto never starts a task.
      settles: false,
      close: moto.close,
    };
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
