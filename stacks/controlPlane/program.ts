/** The program of the control plane's stack: configuration in, ControlPlane, outputs out. */
import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { ControlPlane } from "../../components/controlPlane/controlPlane.ts";
import type { ControlPlaneArgs } from "../../components/controlPlane/controlPlaneArgs.ts";
import type { Location } from "../../components/policyDocument.ts";
import { TAG } from "../../components/tags.ts";
import { environmentDefaults } from "../plane/config.ts";
import { awsProviderArgs } from "../provider.ts";
import type { ControlPlaneConfig } from "./config.ts";

const ZONES_BY_DEFAULT = 2;

export interface ControlPlaneOutputs {
  readonly url: pulumi.Output<string>;
  readonly nameServers: pulumi.Output<string[]>;
  readonly stateUrl: pulumi.Output<string>;
  readonly secretsProvider: pulumi.Output<string>;
  readonly databaseEndpoint: pulumi.Output<string>;
  readonly databaseSecretArn: pulumi.Output<string>;
  readonly clusterName: pulumi.Output<string>;
  readonly vpcId: pulumi.Output<string>;
  readonly serviceSecurityGroupId: pulumi.Output<string>;
  /** For `tenantry:controller.trustedPrincipals` of each plane. */
  readonly trustedPrincipals: pulumi.Output<string>[];
}

export async function controlPlaneProgram(config: ControlPlaneConfig): Promise<ControlPlaneOutputs> {
  const provider = new aws.Provider("aws", awsProviderArgs(config.aws));
  const [caller, { partition }, zones] = await Promise.all([
    aws.getCallerIdentity({}, { provider }),
    aws.getPartition({}, { provider }),
    config.network.zones ?? defaultZones(provider),
  ]);
  const { region } = config.aws;
  const location = { partition, region, accountId: caller.accountId };
  const args = controlPlaneArgs(config, location, zones);
  const control = new ControlPlane("control", args, { provider });
  const { services, stateBucket, secretsKey, database } = control;
  return {
    url: control.entry.domain.zone.name.apply((name) => `https://${name}`),
    nameServers: control.entry.domain.zone.nameServers,
    stateUrl: stateBucket.bucket.apply((bucket) => `s3://${bucket}?region=${region}`),
    secretsProvider: secretsKey.arn.apply((arn) => `awskms:///${arn}?region=${region}`),
    databaseEndpoint: database.endpoint,
    databaseSecretArn: control.databaseSecretArn,
    clusterName: control.cluster.name,
    vpcId: control.network.vpcId,
    serviceSecurityGroupId: control.network.serviceGroup.id,
    trustedPrincipals: [services.api.taskRoleArn, services.worker.taskRoleArn],
  };
}

async function defaultZones(provider: aws.Provider): Promise<readonly string[]> {
  const filters = [{ name: "opt-in-status", values: ["opt-in-not-required"] }];
  const { names } = await aws.getAvailabilityZones({ state: "available", filters }, { provider });
  return [...names].sort().slice(0, ZONES_BY_DEFAULT);
}

/** Pure: configuration and place, with the environment's defaults filled in. */
export function controlPlaneArgs(
  config: ControlPlaneConfig,
  location: Location,
  zones: readonly string[],
): ControlPlaneArgs {
  const { environment, network, database, api, worker, planes } = config;
  const defaults = environmentDefaults(environment);
  const replicas = environment === "dev" ? 1 : 2;
  return {
    environment,
    location,
    domain: config.domain,
    parentZoneId: config.dns.parentZoneId,
    tags: { [TAG.managed]: "true", [TAG.environment]: environment, [TAG.plane]: `control-${environment}` },
    protect: config.protect ?? defaults.protect,
    waitForSteadyState: config.aws.waitForSteadyState ?? true,
    image: config.image,
    network: {
      cidrBlock: network.cidrBlock,
      zones,
      natGateways: network.natGateways ?? defaults.natGateways,
      allowedCidrBlocks: network.allowedCidrBlocks ?? [network.cidrBlock],
    },
    database: {
      engineVersion: database.engineVersion,
      instances: database.instances ?? defaults.databaseInstances,
      minCapacity: database.minCapacity ?? defaults.databaseMinCapacity,
      maxCapacity: database.maxCapacity ?? defaults.databaseMaxCapacity,
      backupRetentionDays: database.backupRetentionDays ?? defaults.backupRetentionDays,
    },
    api: { ...api, count: api.count ?? replicas },
    worker: { ...worker, count: worker.count ?? replicas },
    planeProject: planes.project,
    planeStacks: planes.stacks,
    planeAccounts: planes.accounts ?? [location.accountId],
    containerInsights: config.containerInsights ?? defaults.containerInsights,
    logRetentionDays: defaults.logDays,
    secretRecoveryDays: defaults.secretRecoveryDays,
    keyDeletionDays: defaults.keyDeletionDays,
  };
}
