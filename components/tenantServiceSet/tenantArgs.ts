import type * as pulumi from "@pulumi/pulumi";
import type { Making } from "../making.ts";
import type { Location } from "../policyDocument.ts";
import { TAG, type Tags } from "../tags.ts";
import type { Isolation } from "./isolation.ts";
import type { TenantLayout } from "./layout.ts";
import type { Workload } from "./scaling.ts";
import type { ServiceName } from "./services.ts";

/** What the component needs to know of its plane. */
export interface TenantPlane {
  readonly environment: string;
  readonly planeName: string;
  readonly vpcId: string;
  readonly availabilityZones: readonly string[];
  readonly publicSubnetIds: readonly string[];
  readonly privateSubnetIds: readonly string[];
  /** In the order of the private subnets; told by planes that can give tenants subnets of their own. */
  readonly privateRouteTableIds?: readonly string[] | undefined;
  /** Who may reach a load balancer; everybody where the plane does not say. */
  readonly allowedCidrBlocks?: readonly string[] | undefined;
  /** Whence the control service reaches databases. */
  readonly controllerCidrBlocks?: readonly string[] | undefined;
  readonly routerSecurityGroupId: string;
  readonly taskSecurityGroupId: string;
  readonly clusterName: string;
  readonly clusterArn: string;
  readonly serviceNamespaceId: string;
  readonly loadBalancerDnsName: string;
  readonly dnsZoneId: string;
  readonly certificateArn: string;
  readonly dataBucketName: string;
  readonly dataBucketArn: string;
  readonly kmsKeyArn: string;
  readonly databaseClusterIdentifier: string;
  readonly databaseEndpoint: string;
  readonly databasePort: number;
  readonly databaseName: string;
  readonly databaseMasterSecretArn: string;
  readonly tenantBoundaryArn: string;
  readonly tenantRolePath: string;
  readonly logRetentionDays: number;
  readonly secretRecoveryDays: number;
}

export interface ServiceArgs {
  readonly image: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Variable → full name of a secret under the service's own path. */
  readonly secretRefs: Readonly<Record<string, string>>;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly minCount: number;
  readonly maxCount: number;
}

export interface TenantServiceSetArgs {
  readonly layout: TenantLayout;
  readonly location: Location;
  readonly plane: TenantPlane;
  readonly isolation: Isolation;
  readonly tenantId: string;
  readonly slug: string;
  readonly services: Readonly<Record<ServiceName, ServiceArgs>>;
  readonly workload: Workload;
  /** A load balancer of the tenant's own then answers everybody that the tenant is suspended. */
  readonly accessSuspended: boolean;
  /** On everything: whose it is. */
  readonly tags: Tags;
  /**
   * On the ECS services, and through them on their tasks: what is deployed. On everything, each release would change
   * everything, and no preview would show what it is about.
   */
  readonly versionTags: Tags;
  readonly waitForSteadyState: boolean;
  /** Bound to every resource, so that a change can be refused before it is made. */
  readonly hooks?: pulumi.ResourceHookBinding;
}

/** What the parts of a tenant share while they are being put together. */
export interface TenantBuild extends Making {
  readonly args: TenantServiceSetArgs;
  /** Options that make a resource the component's child, with the component's hooks. */
  child(options?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions;
  /** The same for what has a name of its own: AWS still holds the old one's name when it is replaced. */
  named(options?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions;
}

export function tenantBuild(args: TenantServiceSetArgs, parent: pulumi.Resource): TenantBuild {
  const { hooks } = args;
  const child = (options: pulumi.CustomResourceOptions = {}): pulumi.CustomResourceOptions => ({
    ...options,
    parent,
    ...(hooks === undefined ? {} : { hooks }),
  });
  return {
    args,
    child,
    // What is kept of a tenant that goes is decided before its stack is destroyed, by the operation that does so.
    kept: child,
    named: (options = {}) => child({ ...options, deleteBeforeReplace: true }),
  };
}

export function serviceTags({ args }: TenantBuild, service: ServiceName): Tags {
  return { ...args.tags, [TAG.service]: service };
}
