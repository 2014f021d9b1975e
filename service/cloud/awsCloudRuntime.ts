import {
  DescribeServicesCommand,
  type ECSClient,
  paginateListServices,
  type Service,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { type IAMClient, paginateGetAccountAuthorizationDetails } from "@aws-sdk/client-iam";
import { DescribeKeyCommand, type KMSClient } from "@aws-sdk/client-kms";
import {
  paginateGetResources,
  type ResourceGroupsTaggingAPIClient,
} from "@aws-sdk/client-resource-groups-tagging-api";
import type { S3Client } from "@aws-sdk/client-s3";
import { paginateListSecrets, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { parseArn } from "./arn.ts";
import { type AwsClientOptions, type AwsClients, createAwsClients } from "./awsClients.ts";
import { asked } from "./awsErrors.ts";
import * as objects from "./awsObjects.ts";
import { putSecretValue, readSecret } from "./awsSecrets.ts";
import { awsUsage } from "./awsUsage.ts";
import {
  type CloudPlace,
  type CloudResource,
  type CloudRuntime,
  CloudRuntimeError,
  type RestartQuery,
  type ServiceHealth,
  type ServiceHealthQuery,
  type TagQuery,
} from "./cloudRuntime.ts";
import { sending } from "./permit.ts";

/**
 * CloudRuntime on AWS SDK v3: the credentials chain and regions as everywhere in AWS, and a plane's role where the place
 * names one.
 *
 * Listing by tag takes three sources, because the Resource Groups Tagging API alone is not complete: IAM roles are not in
 * it, and what is scheduled for deletion is told with its date only by Secrets Manager and KMS themselves.
 */
export interface AwsCloudRuntimeOptions extends AwsClientOptions {
  /** Includes IAM roles, which needs iam:GetAccountAuthorizationDetails. Default: true. */
  readonly includeRoles?: boolean;
}

const TENANT_TAG = "tenantry:tenant-id";
/** AWS's own limit for one DescribeServices call. */
const DESCRIBE_BATCH = 10;
const MAX_RESULTS = 10_000;

export function createAwsCloudRuntime(options: AwsCloudRuntimeOptions = {}): CloudRuntime {
  const clientsOf = createAwsClients(options);
  const onS3 =
    <Q extends Pick<CloudPlace, "permit">, T>(work: (client: S3Client, query: Q) => Promise<T>) =>
    (query: Q & CloudPlace) =>
      asked("S3", () => work(clientsOf(query).s3, query), query.permit);
  const secrets = (place: CloudPlace) => clientsOf(place).secrets;
  return {
    serviceHealth: (query) => asked("ECS", () => serviceHealth(clientsOf(query), query)),
    listByTag: (query) =>
      asked("AWS", () => listByTag(clientsOf(query), query, options.includeRoles ?? true)),
    readSecret: (query) => readSecret(secrets(query), query.secretId),
    putSecretValue: (query) => putSecretValue(secrets(query), query.secretId, query.value, query.permit),
    putObject: onS3(objects.putObject),
    getObject: onS3(objects.getObject),
    listObjects: onS3(objects.listObjects),
    digestObjects: onS3(objects.digestObjects),
    copyObjects: onS3(objects.copyObjects),
    deleteObjects: onS3(objects.deleteObjects),
    databaseAddress: async ({ endpoint: host, port }) => ({ host, port, tls: true }),
    restartServices: (query) => asked("ECS", () => restartServices(clientsOf(query), query), query.permit),
    usage: (query) => awsUsage(clientsOf(query), query),
  };
}

/** One after the other: ECS throttles changes harder than reads. */
async function restartServices(
  clients: AwsClients,
  { cluster, tenantId, region, permit }: RestartQuery,
): Promise<{ readonly services: number }> {
  const services = await serviceHealth(clients, { region, cluster, tenantId });
  for (const { arn: service } of services) {
    const restart = new UpdateServiceCommand({ cluster, service, forceNewDeployment: true });
    await clients.ecs.send(restart, sending(permit));
  }
  return { services: services.length };
}

async function serviceHealth(
  { ecs }: AwsClients,
  query: ServiceHealthQuery,
): Promise<readonly ServiceHealth[]> {
  const arns = query.serviceArns ?? (await listServices(ecs, query.cluster));
  const found: ServiceHealth[] = [];
  for (let start = 0; start < arns.length; start += DESCRIBE_BATCH) {
    const services = arns.slice(start, start + DESCRIBE_BATCH);
    const answer = await ecs.send(
      new DescribeServicesCommand({ cluster: query.cluster, services, include: ["TAGS"] }),
    );
    for (const service of answer.services ?? []) {
      if (service.tags?.some((tag) => tag.key === TENANT_TAG && tag.value === query.tenantId))
        found.push(health(service));
    }
  }
  return found.sort((a, b) => a.name.localeCompare(b.name));
}

async function listServices(client: ECSClient, cluster: string): Promise<readonly string[]> {
  const arns: string[] = [];
  for await (const page of paginateListServices({ client, pageSize: 100 }, { cluster })) {
    arns.push(...(page.serviceArns ?? []));
    if (arns.length > MAX_RESULTS) throw tooMany(`services of cluster ${cluster}`);
  }
  return arns;
}

function health(service: Service): ServiceHealth {
  const { desiredCount: desired = 0, runningCount: running = 0, pendingCount: pending = 0 } = service;
  const deployments = service.deployments ?? [];
  const state =
    deployments.find((deployment) => deployment.status === "PRIMARY")?.rolloutState ?? "COMPLETED";
  const steady = deployments.length <= 1 && state === "COMPLETED" && running === desired && pending === 0;
  const healthy = steady && service.status === "ACTIVE";
  const base = {
    name: service.serviceName ?? "",
    arn: service.serviceArn ?? "",
    ...{ desired, running, pending, steady, healthy },
  };
  if (healthy) return base;
  const status = service.status === "ACTIVE" ? "" : `the service is ${service.status}; `;
  const reason = service.events?.[0]?.message ?? `${running} of ${desired} tasks run, deployment ${state}`;
  return { ...base, reason: `${status}${reason}` };
}

async function listByTag(
  clients: AwsClients,
  query: TagQuery,
  includeRoles: boolean,
): Promise<readonly CloudResource[]> {
  const [tagged, secrets, roles] = await Promise.all([
    listTagged(clients.tagging, query),
    listSecrets(clients.secrets, query),
    includeRoles ? listRoles(clients.iam, query) : [],
  ]);
  const found = new Map<string, CloudResource>();
  for (const item of [...tagged, ...roles, ...secrets]) found.set(item.arn, item);
  if (found.size > MAX_RESULTS) throw tooMany(JSON.stringify(query.tags));
  const dated = await Promise.all([...found.values()].map((item) => withKeyDeletion(clients.kms, item)));
  return dated.sort((a, b) => a.arn.localeCompare(b.arn));
}

async function listTagged(
  client: ResourceGroupsTaggingAPIClient,
  query: TagQuery,
): Promise<readonly CloudResource[]> {
  const found: CloudResource[] = [];
  const TagFilters = Object.entries(query.tags).map(([Key, value]) => ({ Key, Values: [value] }));
  for await (const page of paginateGetResources({ client, pageSize: 100 }, { TagFilters })) {
    found.push(...(page.ResourceTagMappingList ?? []).flatMap(({ ResourceARN }) => present(ResourceARN)));
    if (found.length > MAX_RESULTS) throw tooMany(JSON.stringify(query.tags));
  }
  return found;
}

async function listSecrets(client: SecretsManagerClient, query: TagQuery): Promise<readonly CloudResource[]> {
  const found: CloudResource[] = [];
  const Filters = [
    { Key: "tag-key" as const, Values: Object.keys(query.tags) },
    { Key: "tag-value" as const, Values: Object.values(query.tags) },
  ];
  for await (const page of paginateListSecrets(
    { client, pageSize: 100 },
    { Filters, IncludePlannedDeletion: true },
  )) {
    // The filters match keys and values apart, and by prefix; only the tags themselves are proof.
    for (const secret of page.SecretList ?? []) {
      if (!carries(secret.Tags, query)) continue;
      for (const item of present(secret.ARN)) found.push(scheduled(item, secret.DeletedDate));
    }
  }
  return found;
}

async function listRoles(client: IAMClient, query: TagQuery): Promise<readonly CloudResource[]> {
  const found: CloudResource[] = [];
  for await (const page of paginateGetAccountAuthorizationDetails(
    { client, pageSize: 1_000 },
    { Filter: ["Role"] },
  )) {
    for (const role of page.RoleDetailList ?? [])
      if (carries(role.Tags, query)) found.push(...present(role.Arn));
  }
  return found;
}

async function withKeyDeletion(client: KMSClient, item: CloudResource): Promise<CloudResource> {
  if (item.type !== "kms:key") return item;
  const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: item.arn }));
  return KeyMetadata?.KeyState === "PendingDeletion" ? scheduled(item, KeyMetadata.DeletionDate, true) : item;
}

function present(arn: string | undefined): CloudResource[] {
  const parts = arn === undefined ? undefined : parseArn(arn);
  return arn === undefined || parts === undefined
    ? []
    : [{ arn, type: parts.type, id: parts.id, state: "present" }];
}

function scheduled(
  item: CloudResource,
  deletionAt: Date | undefined,
  pending = deletionAt !== undefined,
): CloudResource {
  if (!pending) return item;
  return {
    ...item,
    state: "scheduled_for_deletion",
    ...(deletionAt && { deletionAt: deletionAt.toISOString() }),
  };
}

type Tags = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[];

function carries(tags: Tags | undefined, query: TagQuery): boolean {
  return Object.entries(query.tags).every(([key, value]) =>
    tags?.some((tag) => tag.Key === key && tag.Value === value),
  );
}

function tooMany(what: string): CloudRuntimeError {
  const message = `Cannot list ${what}: there are more than ${MAX_RESULTS}.`;
  return new CloudRuntimeError("too_many_results", message, { retryable: false });
}
