import { z } from "zod";
import {
  storagePrefix,
  type TargetIdentity,
  tenantLayout,
} from "../../components/tenantServiceSet/layout.ts";
import { SERVICE_NAMES } from "../../components/tenantServiceSet/services.ts";
import type { PlaneOutputs } from "../plane/outputs.ts";

/**
 * Where a tenant's data lies: in the plane's bucket and database, or in its own where its isolation gives it some. Its
 * own ones are told by the outputs of its stack.
 */
export interface TenantData {
  readonly bucketName: string;
  /** Ends in a slash. */
  readonly storagePrefix: string;
  /** One for each service; they get the credentials of the database. */
  readonly secretNames: readonly string[];
  readonly database: DatabaseCluster & { readonly isOwn: boolean };
}

export const DatabaseCluster = z.object({
  clusterIdentifier: z.string().min(1),
  endpoint: z.string().min(1),
  port: z.int().positive(),
  databaseName: z.string().min(1),
  masterSecretArn: z.string().min(1),
});
export type DatabaseCluster = z.infer<typeof DatabaseCluster>;

/** The members of a tenant stack's outputs that say which data stores are the tenant's own; absent where shared. */
export const OwnData = z.object({
  ownDataBucketName: z.string().min(1).optional(),
  ownDatabase: DatabaseCluster.optional(),
});
export type OwnData = z.infer<typeof OwnData>;

export type DataIdentity = Pick<
  TargetIdentity,
  "tenantId" | "slug" | "environment" | "planeName" | "generation"
>;

export function tenantData(identity: DataIdentity, plane: PlaneOutputs, own: OwnData): TenantData {
  const layout = tenantLayout({
    ...identity,
    domain: plane.domain,
    namespaceName: plane.serviceNamespaceName,
  });
  const shared: DatabaseCluster = {
    clusterIdentifier: plane.databaseClusterIdentifier,
    endpoint: plane.databaseEndpoint,
    port: plane.databasePort,
    databaseName: plane.databaseName,
    masterSecretArn: plane.databaseMasterSecretArn,
  };
  return {
    bucketName: own.ownDataBucketName ?? plane.dataBucketName,
    storagePrefix: storagePrefix(identity.tenantId),
    secretNames: SERVICE_NAMES.map((name) => layout.services[name].secretName),
    database: { ...(own.ownDatabase ?? shared), isOwn: own.ownDatabase !== undefined },
  };
}
