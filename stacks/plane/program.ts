/**
 * The program of a plane's stack: configuration in, SharedPlane, outputs out. Which cloud it runs on is decided by
 * the provider settings alone.
 */
import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { iamArn, type Location } from "../../components/policyDocument.ts";
import type { SharedPlaneArgs } from "../../components/sharedPlane/planeArgs.ts";
import { planeNames } from "../../components/sharedPlane/planeNames.ts";
import { SharedPlane } from "../../components/sharedPlane/sharedPlane.ts";
import { TAG } from "../../components/tags.ts";
import { awsProviderArgs } from "../provider.ts";
import { planeName } from "../tenant/names.ts";
import { environmentDefaults, type PlaneConfig } from "./config.ts";
import type { PlaneOutputs } from "./outputs.ts";

export type PlaneProgramOutputs = { readonly [Key in keyof PlaneOutputs]: pulumi.Input<PlaneOutputs[Key]> };

const ZONES_BY_DEFAULT = 3;

/** Registers the plane and resolves once its account and zones are known. */
export async function planeProgram(config: PlaneConfig): Promise<PlaneProgramOutputs> {
  const provider = new aws.Provider("aws", awsProviderArgs(config.aws));
  const [caller, partition, zones] = await Promise.all([
    aws.getCallerIdentity({}, { provider }),
    aws.getPartition({}, { provider }),
    config.network.zones ?? defaultZones(provider, config.aws.region),
  ]);
  const location = {
    partition: partition.partition,
    region: config.aws.region,
    accountId: caller.accountId,
  };
  const args = planeArgs(config, location, zones);
  const plane = new SharedPlane("plane", args, { provider });
  return planeOutputs(config, args, plane);
}

async function defaultZones(provider: aws.Provider, region: string): Promise<readonly string[]> {
  // Local Zones carry no NAT gateways or load balancers of the usual kind.
  const filters = [{ name: "opt-in-status", values: ["opt-in-not-required"] }];
  const { names } = await aws.getAvailabilityZones({ state: "available", filters }, { provider });
  if (names.length >= 2) return [...names].sort().slice(0, ZONES_BY_DEFAULT);
  throw new Error(
    `Cannot run a plane in ${region}: it must offer two availability zones, got ${names.length}. ` +
      "Name them with tenantry:network.zones, or choose another region.",
  );
}

/** Pure: configuration and place, with the environment's defaults filled in. */
export function planeArgs(
  config: PlaneConfig,
  location: Location,
  zones: readonly string[],
): SharedPlaneArgs {
  const { environment, network, database, router, customDomains, controller, retention, dns } = config;
  const defaults = environmentDefaults(environment);
  const name = planeName(environment, location.region, config.dedicatedTo);
  return {
    environment,
    planeName: name,
    location,
    domain: config.domain,
    ...(dns.parentZoneId === undefined ? {} : { parentZoneId: dns.parentZoneId }),
    tags: {
      [TAG.managed]: "true",
      [TAG.environment]: environment,
      [TAG.plane]: name,
      ...(config.dedicatedTo === undefined ? {} : { [TAG.dedicatedTo]: config.dedicatedTo }),
    },
    protect: config.protect ?? defaults.protect,
    waitForSteadyState: config.aws.waitForSteadyState ?? true,
    network: {
      cidrBlock: network.cidrBlock,
      zones,
      natGateways: network.natGateways ?? defaults.natGateways,
      allowedCidrBlocks: network.allowedCidrBlocks,
      controllerCidrBlocks: controller.cidrBlocks,
    },
    database: {
      engineVersion: database.engineVersion,
      instances: database.instances ?? defaults.databaseInstances,
      minCapacity: database.minCapacity ?? defaults.databaseMinCapacity,
      maxCapacity: database.maxCapacity ?? defaults.databaseMaxCapacity,
      backupRetentionDays: database.backupRetentionDays ?? defaults.backupRetentionDays,
    },
    router: routerArgs(router, location, defaults.routerCount),
    customDomainCertificateArns: [...new Set(customDomains.certificateArns)],
    controller: {
      trustedPrincipals: controller.trustedPrincipals ?? [iamArn(location, "root")],
      ...(controller.externalId === undefined ? {} : { externalId: controller.externalId }),
    },
    containerInsights: config.containerInsights ?? defaults.containerInsights,
    logRetentionDays: retention.logDays ?? defaults.logDays,
    secretRecoveryDays: retention.secretRecoveryDays ?? defaults.secretRecoveryDays,
    keyDeletionDays: retention.keyDeletionDays ?? defaults.keyDeletionDays,
  };
}

/** The image that `router/image/Dockerfile` makes, where `script/pulumi up` of the same version expects it. */
export const ROUTER_VERSION = "0.1.0";

function routerArgs(
  { image, command, trustedKeys, environment, ...size }: PlaneConfig["router"],
  { accountId, region, partition }: Location,
  count: number,
): SharedPlaneArgs["router"] {
  const suffix = partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
  const own = `${accountId}.dkr.ecr.${region}.${suffix}/tenantry/router:${ROUTER_VERSION}`;
  return {
    ...size,
    ...(command === undefined ? {} : { command }),
    image: image ?? own,
    count: size.count ?? count,
    environment: {
      ...(trustedKeys.length === 0 ? {} : { TRUSTED_KEYS: trustedKeys.join("\n") }),
      ...environment,
    },
  };
}

function planeOutputs(config: PlaneConfig, args: SharedPlaneArgs, plane: SharedPlane): PlaneProgramOutputs {
  const { location } = args;
  const { network, entry, database, access } = plane;
  return {
    formatVersion: 1,
    planeName: args.planeName,
    environment: args.environment as PlaneOutputs["environment"],
    region: location.region,
    accountId: location.accountId,
    partition: location.partition,
    domain: args.domain,
    vpcId: network.vpcId,
    availabilityZones: [...args.network.zones],
    publicSubnetIds: network.publicSubnetIds,
    privateSubnetIds: network.privateSubnetIds,
    privateRouteTableIds: network.privateRouteTableIds,
    vpcCidrBlock: args.network.cidrBlock,
    allowedCidrBlocks: [...args.network.allowedCidrBlocks],
    ...(args.network.controllerCidrBlocks.length === 0
      ? {}
      : { controllerCidrBlocks: [...args.network.controllerCidrBlocks] }),
    ...(config.dedicatedNetwork === undefined ? {} : { dedicatedNetwork: config.dedicatedNetwork }),
    ...(config.dedicatedTo === undefined ? {} : { dedicatedTo: config.dedicatedTo }),
    routerSecurityGroupId: network.routerGroup.id,
    taskSecurityGroupId: network.taskGroup.id,
    clusterName: plane.cluster.name,
    clusterArn: plane.cluster.arn,
    serviceNamespaceId: plane.namespace.id,
    serviceNamespaceName: planeNames(args.planeName, location.accountId).namespaceName,
    loadBalancerArn: entry.loadBalancer.arn,
    loadBalancerDnsName: entry.loadBalancer.dnsName,
    httpsListenerArn: entry.httpsListener.arn,
    routerServiceArn: plane.router.arn,
    dnsZoneId: entry.zone.zoneId,
    dnsNameServers: entry.zone.nameServers,
    certificateArn: entry.certificateArn,
    dataBucketName: plane.dataBucket.bucket,
    dataBucketArn: plane.dataBucket.arn,
    snapshotBucketName: plane.snapshotBucket.bucket,
    snapshotBucketArn: plane.snapshotBucket.arn,
    archiveBucketName: plane.archiveBucket.bucket,
    kmsKeyArn: plane.key.arn,
    databaseClusterIdentifier: database.clusterIdentifier,
    databaseEndpoint: database.endpoint,
    databaseReaderEndpoint: database.readerEndpoint,
    databasePort: database.port,
    databaseName: plane.databaseName,
    databaseMasterSecretArn: plane.databaseMasterSecretArn,
    tenantBoundaryArn: access.boundary.arn,
    tenantRolePath: plane.tenantRolePath,
    controllerRoleArn: access.controllerRole.arn,
    automationRoleArn: access.automationRole.arn,
    ...(config.controller.externalId === undefined
      ? {}
      : { controllerExternalId: config.controller.externalId }),
    logRetentionDays: args.logRetentionDays,
    secretRecoveryDays: args.secretRecoveryDays,
  };
}
