/**
 * CloudRuntime: what is observed in the cloud rather than declared to it.
 *
 * Stacks say what there should be; this seam says what there is: whether a tenant's services reached their steady
 * state, and everything that carries a set of tags (for orphan scans and deletion certificates). Two implementations,
 * one over the local cloud's control API and one over AWS, held to one contract suite in test/cloud.
 *
 * It only reads. It promises complete listings (all pages, up to a named limit that is an error when passed, never a
 * silent cut) and plain words when the cloud cannot be asked. It knows nothing of the registry.
 */

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

export interface ServiceHealthQuery {
  readonly region: string;
  /** Cluster name or ARN. */
  readonly cluster: string;
  /** Only services tagged `tenantry:tenant-id` = this. */
  readonly tenantId: string;
  /** When the caller knows them: saves going through all services of the cluster on AWS. */
  readonly serviceArns?: readonly string[];
}

export interface TagQuery {
  readonly region: string;
  /** All must match. At least one. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface CloudRuntime {
  serviceHealth(query: ServiceHealthQuery): Promise<readonly ServiceHealth[]>;
  listByTag(query: TagQuery): Promise<readonly CloudResource[]>;
}

export class CloudRuntimeError extends Error {
  override readonly name = "CloudRuntimeError";
  /** Stable: `cloud_unreachable`, `cloud_refused`, `cluster_not_found`, `too_many_results`. */
  readonly code: "cloud_unreachable" | "cloud_refused" | "cluster_not_found" | "too_many_results";
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
