import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ECSClient } from "@aws-sdk/client-ecs";
import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { IAMClient } from "@aws-sdk/client-iam";
import { KMSClient } from "@aws-sdk/client-kms";
import { ResourceGroupsTaggingAPIClient } from "@aws-sdk/client-resource-groups-tagging-api";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ServiceQuotasClient } from "@aws-sdk/client-service-quotas";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import type { CloudPlace } from "./cloudRuntime.ts";

interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface AwsClientOptions {
  /** One URL for every service (LocalStack, moto), or one for each by the names that the aws provider has for them. Default: AWS. */
  readonly endpoint?: string | Readonly<Record<string, string>>;
  /** The service's own; a place's role is assumed with them. Default: the credentials chain. */
  readonly credentials?: AwsCredentials;
}

export interface AwsClients {
  readonly ecs: ECSClient;
  readonly tagging: ResourceGroupsTaggingAPIClient;
  readonly secrets: SecretsManagerClient;
  readonly kms: KMSClient;
  readonly iam: IAMClient;
  readonly s3: S3Client;
  readonly ec2: EC2Client;
  readonly loadBalancing: ElasticLoadBalancingV2Client;
  readonly logs: CloudWatchLogsClient;
  readonly quotas: ServiceQuotasClient;
}

/** The SDK waits between them with exponential backoff and jitter. */
const MAX_ATTEMPTS = 5;
const SESSION_NAME = "tenantry";
/** The longest that AWS allows where one role assumes another. */
const SESSION_SECONDS = 3_600;
/** Each holds sockets; a fleet of accounts goes round. */
const KEPT_PLACES = 256;

/** Clients for each region and role, made at first use. */
export function createAwsClients(options: AwsClientOptions): (place: CloudPlace) => AwsClients {
  const kept = new Map<string, AwsClients>();
  return (place) => {
    const key = [place.region, place.roleArn ?? "", place.externalId ?? ""].join(" ");
    const clients = kept.get(key) ?? createClients(place, options);
    kept.delete(key);
    kept.set(key, clients);
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_PLACES) break;
      kept.delete(oldest);
    }
    return clients;
  };
}

function createClients(place: CloudPlace, { endpoint, credentials }: AwsClientOptions): AwsClients {
  const { region, roleArn, externalId } = place;
  const own = { region, maxAttempts: MAX_ATTEMPTS, ...(credentials !== undefined && { credentials }) };
  const at = (...names: readonly string[]) => {
    const url = endpointOf(endpoint, names);
    return url === undefined ? {} : { endpoint: url };
  };
  const assumed = (role: string) => assume(new STSClient({ ...own, ...at("sts") }), role, externalId);
  const settings = roleArn === undefined ? own : { ...own, credentials: () => assumed(roleArn) };
  const s3 = at("s3");
  return {
    ecs: new ECSClient({ ...settings, ...at("ecs") }),
    tagging: new ResourceGroupsTaggingAPIClient({
      ...settings,
      ...at("resourcegroupstaggingapi", "resourcegroupstagging"),
    }),
    secrets: new SecretsManagerClient({ ...settings, ...at("secretsmanager") }),
    kms: new KMSClient({ ...settings, ...at("kms") }),
    iam: new IAMClient({ ...settings, ...at("iam") }),
    ec2: new EC2Client({ ...settings, ...at("ec2") }),
    loadBalancing: new ElasticLoadBalancingV2Client({
      ...settings,
      ...at("elbv2", "elasticloadbalancingv2"),
    }),
    logs: new CloudWatchLogsClient({ ...settings, ...at("logs", "cloudwatchlogs", "cloudwatchlog") }),
    quotas: new ServiceQuotasClient({ ...settings, ...at("servicequotas") }),
    // A bucket's name in the host name has no address where one URL stands for every bucket.
    s3: new S3Client({ ...settings, ...s3, forcePathStyle: s3.endpoint !== undefined }),
  };
}

export function endpointOf(
  endpoint: AwsClientOptions["endpoint"],
  names: readonly string[],
): string | undefined {
  if (endpoint === undefined || typeof endpoint === "string") return endpoint;
  return names.map((name) => endpoint[name]).find((url) => url !== undefined);
}

/** The SDK calls it again shortly before the credentials expire. */
async function assume(sts: STSClient, roleArn: string, externalId: string | undefined) {
  const { Credentials: given } = await sts.send(
    new AssumeRoleCommand({
      RoleArn: roleArn,
      RoleSessionName: SESSION_NAME,
      DurationSeconds: SESSION_SECONDS,
      ...(externalId !== undefined && { ExternalId: externalId }),
    }),
  );
  if (given?.AccessKeyId === undefined || given.SecretAccessKey === undefined) {
    throw new Error(`Cannot act as ${roleArn}: STS must give credentials, and gave none`);
  }
  return {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    ...(given.SessionToken !== undefined && { sessionToken: given.SessionToken }),
    ...(given.Expiration !== undefined && { expiration: given.Expiration }),
  };
}
