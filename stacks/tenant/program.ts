/**
 * The program of one target's stack: a pure function of the frozen spec.
 *
 * It refuses to run when the spec is not this stack's (P5), when the plane is another environment's, region's or
 * account's, and when a resource that it would change carries another tenant's tags. It knows nothing of which cloud
 * it talks to beyond the provider settings in the spec.
 */
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { TAG, type Tags } from "../../components/tags.ts";
import type { TenantLayout } from "../../components/tenantServiceSet/layout.ts";
import type { Place, PlaceDatabase } from "../../components/tenantServiceSet/place.ts";
import type { ServiceArgs } from "../../components/tenantServiceSet/tenantArgs.ts";
import { TenantServiceSet } from "../../components/tenantServiceSet/tenantServiceSet.ts";
import { awsProviderArgs } from "../provider.ts";
import type { DatabaseCluster } from "./data.ts";
import { assertSpecIdentity } from "./identity.ts";
import { identityHooks } from "./identityHook.ts";
import { layoutOf } from "./layoutOf.ts";
import type { StackIdentity } from "./names.ts";
import { resourceTag } from "./resourceTag.ts";
import { secretRefsOf } from "./secretRefs.ts";
import { type Isolation, SERVICE_NAMES, type ServiceName, specDigest, TenantSpec } from "./spec.ts";

/** What a tenant's stack tells the control service. */
export interface TenantOutputs {
  readonly tenantId: string;
  readonly environment: string;
  readonly planeName: string;
  readonly generation: number;
  readonly specDigest: string;
  readonly releaseNumber: number;
  readonly isolation: string;
  /** Of the plane or the tenant's own, as are all that follow: what is effective. */
  readonly clusterName: pulumi.Input<string>;
  readonly vpcId: pulumi.Input<string>;
  readonly kmsKeyArn: pulumi.Input<string>;
  readonly bucketName: pulumi.Input<string>;
  readonly databaseClusterIdentifier: pulumi.Input<string>;
  readonly databaseEndpoint: pulumi.Input<string>;
  readonly databasePort: pulumi.Input<number>;
  readonly databaseName: string;
  /** Of the database's administrator; the value is in no state. */
  readonly adminSecretArn: pulumi.Input<string>;
  readonly loadBalancerDnsName: pulumi.Input<string>;
  /** Absent where the tenant shares the plane's. */
  readonly ownDataBucketName?: pulumi.Input<string>;
  readonly ownDatabase?: pulumi.Input<DatabaseCluster>;
  readonly serviceNamespace: string;
  /** The private name below which the tenant's HTTP services answer: `<service>.<routingTarget>`. */
  readonly routingTarget: string;
  readonly publicName: string;
  /** Service → ARN of its ECS service. */
  readonly services: Readonly<Record<ServiceName, pulumi.Input<string>>>;
}

/** The inline program of one target. Refusals are thrown when it runs, before any resource is registered. */
export function tenantProgram(spec: TenantSpec, identity: StackIdentity): () => Promise<TenantOutputs> {
  return async () => {
    const checked = TenantSpec.parse(spec);
    assertSpecIdentity(checked, identity);
    const layout = layoutOf(checked);
    const services = serviceArgs(checked, layout);
    const { plane, tenant } = checked;
    const provider = new aws.Provider("aws", {
      allowedAccountIds: [plane.accountId],
      ...awsProviderArgs(checked.provider),
    });
    const set = new TenantServiceSet(
      "tenant",
      {
        layout,
        location: { partition: plane.outputs.partition, region: plane.region, accountId: plane.accountId },
        plane: plane.outputs,
        isolation: checked.isolation,
        tenantId: tenant.tenantId,
        slug: tenant.slug,
        services,
        workload: checked.workload,
        accessSuspended: checked.access === "suspended" || checked.workload === "suspended",
        tags: tenantTags(checked),
        versionTags: {
          [TAG.release]: String(checked.release.number),
          [TAG.specDigest]: specDigest(checked),
        },
        waitForSteadyState: checked.provider.waitForSteadyState ?? true,
        hooks: identityHooks(checked),
      },
      { provider, transformations: [resourceTag(identity.stack)] },
    );
    return {
      ...facts(checked, layout),
      ...effective(checked.isolation, set.place),
      services: set.serviceArns,
    };
  };
}

function ownDatabase({ name, adminSecretArn, ...database }: PlaceDatabase): pulumi.Input<DatabaseCluster> {
  return pulumi.output({ ...database, databaseName: name, masterSecretArn: adminSecretArn });
}

type Effective = Pick<
  TenantOutputs,
  | "clusterName"
  | "vpcId"
  | "kmsKeyArn"
  | "bucketName"
  | "databaseClusterIdentifier"
  | "databaseEndpoint"
  | "databasePort"
  | "databaseName"
  | "adminSecretArn"
  | "loadBalancerDnsName"
  | "ownDataBucketName"
  | "ownDatabase"
>;

function effective(isolation: Isolation, { network, database, ...place }: Place): Effective {
  return {
    ...(isolation.bucket === "own" ? { ownDataBucketName: place.bucketName } : {}),
    ...(isolation.database === "own" ? { ownDatabase: ownDatabase(database) } : {}),
    clusterName: place.clusterName,
    vpcId: network.vpcId,
    kmsKeyArn: place.kmsKeyArn,
    bucketName: place.bucketName,
    databaseClusterIdentifier: database.clusterIdentifier,
    databaseEndpoint: database.endpoint,
    databasePort: database.port,
    databaseName: database.name,
    adminSecretArn: database.adminSecretArn,
    loadBalancerDnsName: place.loadBalancerDnsName,
  };
}

function facts(spec: TenantSpec, layout: TenantLayout): Omit<TenantOutputs, "services" | keyof Effective> {
  return {
    tenantId: spec.tenant.tenantId,
    environment: spec.environment,
    planeName: spec.plane.name,
    generation: spec.generation,
    specDigest: specDigest(spec),
    releaseNumber: spec.release.number,
    isolation: spec.isolation.level,
    serviceNamespace: spec.plane.outputs.serviceNamespaceName,
    routingTarget: layout.routingTarget,
    publicName: layout.publicName,
  };
}

function tenantTags(spec: TenantSpec): Tags {
  return {
    [TAG.managed]: "true",
    [TAG.tenantId]: spec.tenant.tenantId,
    [TAG.slug]: spec.tenant.slug,
    [TAG.environment]: spec.environment,
    [TAG.plane]: spec.plane.name,
    [TAG.plan]: spec.plan.key,
    [TAG.isolation]: spec.isolation.level,
    [TAG.dataClassification]: spec.tenant.dataClassification,
  };
}

function serviceArgs(spec: TenantSpec, layout: TenantLayout): Record<ServiceName, ServiceArgs> {
  const entries = SERVICE_NAMES.map((service): [ServiceName, ServiceArgs] => {
    const release = spec.release.services[service];
    return [
      service,
      {
        ...spec.plan.services[service],
        image: release.image,
        settings: { ...release.environment, ...spec.config.settings },
        secretRefs: secretRefsOf(service, spec.config.secretRefs, layout),
      },
    ];
  });
  return Object.fromEntries(entries) as Record<ServiceName, ServiceArgs>;
}
