import type * as pulumi from "@pulumi/pulumi";
import type { StackIdentity } from "./names.ts";
import { type ServiceName, specDigest, type TenantSpec } from "./spec.ts";

/** What a tenant's stack tells the control service. */
export interface TenantOutputs {
  readonly tenantId: string;
  readonly environment: string;
  readonly planeName: string;
  readonly generation: number;
  readonly specDigest: string;
  readonly releaseNumber: number;
  readonly clusterName: string;
  readonly serviceNamespace: string;
  /** The private name below which the tenant's HTTP services answer: `<service>.<routingTarget>`. */
  readonly routingTarget: string;
  readonly publicName: string;
  /** Service → ARN of its ECS service. */
  readonly services: Readonly<Record<ServiceName, pulumi.Input<string>>>;
}

/** The inline program of one target. */
export function tenantProgram(spec: TenantSpec, identity: StackIdentity): () => Promise<TenantOutputs> {
  return async () => {
    throw new Error(`not yet: ${identity.project} ${specDigest(spec)}`);
  };
}
