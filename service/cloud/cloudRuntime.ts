import type { Permit } from "./permit.ts";

/**
 * CloudRuntime: what is observed in the cloud, and what is done there that no stack declares.
 *
 * Stacks say what there should be; this seam says what there is (services' health, everything with a set of tags) and
 * handles what must not be in a stack's state: secret values, objects, a service's restart. Two implementations, one
 * over the local cloud's control API and one over AWS, held to one contract suite in test/cloud.
 *
 * It promises complete listings (all pages, up to a named limit that is an error when passed, never a silent cut),
 * calls that may be repeated, and plain words when the cloud cannot be asked. No error and no log line of it ever holds
 * a secret's value. It knows nothing of the registry. Where a place names a role, every call there is made with that
 * role, so that a plane's own controller role bounds what the service can do to it. Where it names a permit, nothing more is
 * changed once that has ended, and the call rejects with the permit's own error.
 */

/** An account's region, and as whom to act there. */
export interface CloudPlace {
  readonly region: string;
  /** 12 digits. Needed to tell accounts of the local cloud apart; on AWS the credentials decide. */
  readonly accountId?: string;
  /** Assumed through STS for the call; without it the service's own credentials are used. */
  readonly roleArn?: string;
  /** What the role's trust asks for, if it does. */
  readonly externalId?: string;
  /** How long the caller may go on: the steps of an operation that can be taken over have one. */
  readonly permit?: Permit | undefined;
}

export interface ServiceHealth {
  readonly name: string;
  readonly arn: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  /** The latest deployment is complete and as many tasks run as desired. */
  readonly steady: boolean;
  /** Steady, not failed and no task reported unhealthy. A service with zero desired tasks is healthy when steady. */
  readonly healthy: boolean;
  /** Why it is not healthy, in the cloud's words where it has any. */
  readonly reason?: string;
}

export type CloudResourceState = "present" | "scheduled_for_deletion";

export interface CloudResource {
  readonly arn: string;
  /** `service:kind`, e.g. `ecs:service`, `secretsmanager:secret`, `s3:bucket`: from the ARN, the same on every cloud. */
  readonly type: string;
  /** Last part of the ARN: what the cloud's console would show as its name or id. */
  readonly id: string;
  readonly state: CloudResourceState;
  /** ISO 8601 UTC; set when `state` is "scheduled_for_deletion" and the cloud tells. */
  readonly deletionAt?: string;
}

export interface ServiceHealthQuery extends CloudPlace {
  /** Cluster name or ARN. */
  readonly cluster: string;
  /** Only services tagged `tenantry:tenant-id` = this. */
  readonly tenantId: string;
  /** When the caller knows them: saves going through all services of the cluster on AWS. */
  readonly serviceArns?: readonly string[];
}

export interface TagQuery extends CloudPlace {
  /** All must match. At least one. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface SecretQuery extends CloudPlace {
  /** Name or ARN. */
  readonly secretId: string;
}

export interface ObjectQuery extends CloudPlace {
  readonly bucket: string;
  readonly key: string;
}

/** All objects whose keys begin with `prefix`, which ends in a slash: a tenant's or an archive's own folder. */
export interface PrefixQuery extends CloudPlace {
  readonly bucket: string;
  readonly prefix: string;
}

export interface CopyQuery extends CloudPlace {
  readonly from: { readonly bucket: string; readonly prefix: string };
  readonly to: { readonly bucket: string; readonly prefix: string };
}

export interface ObjectFacts {
  readonly key: string;
  readonly bytes: number;
}

export interface StoredObject {
  readonly bytes: number;
  /** Hex, of the whole content. */
  readonly sha256: string;
}

/** What lies below a prefix, as one value: equal digests mean equal keys (without the prefix) with equal content. */
export interface ObjectsDigest {
  readonly objects: number;
  readonly bytes: number;
  /** SHA-256 (hex) over key, size and SHA-256 of each object, in the order of the keys' UTF-8 bytes. */
  readonly digest: string;
}

/** Where a database server can be reached from here. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

export interface DatabaseClusterQuery extends CloudPlace {
  readonly clusterIdentifier: string;
  /** What the plane's stack says of it; the local cloud's differs, since a process of this machine stands in for it. */
  readonly endpoint: string;
  readonly port: number;
}

export interface RestartQuery extends CloudPlace {
  readonly cluster: string;
  readonly tenantId: string;
}

/** What a fleet of tenants meets first; see docs/quotas.md. */
export const USAGE_NAMES = [
  "ecs_services",
  "listener_rules",
  "target_groups",
  "iam_roles",
  "security_groups",
  "secrets",
  "log_groups",
  "fargate_vcpus",
  "subnet_addresses",
] as const;
export type UsageName = (typeof USAGE_NAMES)[number];

/** A number that could not be had is null, and `problem` says why: advice must not fail for want of one permission. */
export interface Usage {
  readonly name: UsageName;
  readonly used: number | null;
  readonly limit: number | null;
  readonly problem?: string;
}

export interface UsageQuery extends CloudPlace {
  readonly cluster: string;
  readonly subnetIds: readonly string[];
  readonly listenerArn: string;
  readonly loadBalancerArn: string;
}

export interface PutQuery extends ObjectQuery {
  readonly body: AsyncIterable<Uint8Array>;
  readonly onlyNew?: boolean;
}

export interface CloudRuntime {
  /** One of each name. */
  usage(query: UsageQuery): Promise<readonly Usage[]>;
  serviceHealth(query: ServiceHealthQuery): Promise<readonly ServiceHealth[]>;
  listByTag(query: TagQuery): Promise<readonly CloudResource[]>;

  /** Undefined when the secret is there but has no value yet. */
  readSecret(query: SecretQuery): Promise<string | undefined>;
  putSecretValue(query: SecretQuery & { readonly value: string }): Promise<void>;

  /**
   * Replaces what is there, or with `onlyNew` is refused (`object_exists`). The body is read once, in bounded memory; what is
   * written is there whole or not at all.
   */
  putObject(query: PutQuery): Promise<StoredObject>;
  getObject(query: ObjectQuery): Promise<AsyncIterable<Uint8Array>>;
  /** In the order of the keys' UTF-8 bytes. */
  listObjects(query: PrefixQuery): Promise<readonly ObjectFacts[]>;
  digestObjects(query: PrefixQuery): Promise<ObjectsDigest>;
  /** Copies inside the cloud; what is at the destination already is replaced. The digest is of the copies. */
  copyObjects(query: CopyQuery): Promise<ObjectsDigest>;
  /** Removes every version of every object below the prefix. */
  deleteObjects(query: PrefixQuery): Promise<{ readonly objects: number }>;

  /** Starts the cluster where that is needed. */
  databaseAddress(query: DatabaseClusterQuery): Promise<DatabaseAddress>;
  /** Replaces the tasks of all the tenant's services, so that they read their secrets anew. */
  restartServices(query: RestartQuery): Promise<{ readonly services: number }>;
}

/** Stable. */
export type CloudErrorCode =
  | "cloud_unreachable"
  | "cloud_refused"
  | "cluster_not_found"
  | "too_many_results"
  | "secret_not_found"
  | "object_not_found"
  | "object_exists"
  | "bucket_not_found"
  | "database_not_found";

export class CloudRuntimeError extends Error {
  override readonly name = "CloudRuntimeError";
  readonly code: CloudErrorCode;
  readonly retryable: boolean;

  constructor(
    code: CloudRuntimeError["code"],
    message: string,
    options: { retryable: boolean; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
  }
}
