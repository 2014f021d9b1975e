/**
 * ControlPlane: the control service itself on AWS.
 *
 * What it is: a network of its own with private endpoints, an ECS cluster with the service as `api` and as `worker`
 * from one image, the registry in PostgreSQL, Pulumi's state in a bucket with a key for the secrets in it, and an
 * internal load balancer in front of the API.
 *
 * What it promises: nothing of it has a public address; every connection and everything at rest is encrypted; tasks hold
 * nothing that is not in the registry or the state, so any of them can be lost at any time; its roles reach tenants'
 * resources only by becoming a plane's controller.
 *
 * What it refuses: plain HTTP, and being destroyed while it is protected. It holds no plane: those are stacks of their
 * own, and outlive it.
 */
import { generateKeyPairSync } from "node:crypto";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { createBucket } from "../bucket.ts";
import { createDataKey } from "../dataKey.ts";
import type { Making } from "../making.ts";
import { arn } from "../policyDocument.ts";
import { createPostgres, masterSecretArn } from "../postgres.ts";
import { type ControlPlaneArgs, type ControlPlaneBuild, controlPlaneNames } from "./controlPlaneArgs.ts";
import { type ControlPlaneEntry, createControlPlaneEntry } from "./entry.ts";
import { type ControlPlaneNetwork, createControlPlaneNetwork } from "./network.ts";
import { createServices, type Services } from "./services.ts";

export class ControlPlane extends pulumi.ComponentResource {
  readonly network: ControlPlaneNetwork;
  readonly entry: ControlPlaneEntry;
  readonly cluster: aws.ecs.Cluster;
  readonly services: Services;
  readonly database: aws.rds.Cluster;
  readonly databaseSecretArn: pulumi.Output<string>;
  readonly stateBucket: aws.s3.Bucket;
  readonly secretsKey: aws.kms.Key;

  constructor(name: string, args: ControlPlaneArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenantry:index:ControlPlane", name, {}, options);
    const names = controlPlaneNames(args.environment, args.location.accountId);
    const build: ControlPlaneBuild = {
      ...{ args, names },
      child: (childOptions = {}) => ({ ...childOptions, parent: this }),
      kept: (childOptions = {}) => ({ ...childOptions, parent: this, protect: args.protect }),
    };
    const key = createDataKey(build, {
      location: args.location,
      description: `Data of the control service of ${args.environment}`,
      alias: names.keyAlias,
      logGroups: arn(args.location, "logs", `log-group:${names.logGroupPrefix}*`),
      deletionDays: args.keyDeletionDays,
      tags: args.tags,
    });
    this.secretsKey = createSecretsKey(build, build);
    this.network = createControlPlaneNetwork(build);
    this.stateBucket = createBucket(build, "state", {
      bucketName: names.stateBucketName,
      kmsKeyArn: key.arn,
      forceDestroy: !args.protect,
      bucketKey: true,
      tags: args.tags,
    });
    this.database = createPostgres(build, {
      identifier: names.name,
      description: `Registry of the control service of ${args.environment}`,
      size: args.database,
      subnetIds: this.network.privateSubnetIds,
      securityGroupId: this.network.databaseGroup.id,
      kmsKeyArn: key.arn,
      deletionProtection: args.protect,
      finalSnapshotName: args.protect ? names.finalSnapshotName : undefined,
      tags: args.tags,
    });
    this.databaseSecretArn = masterSecretArn(this.database);
    this.cluster = new aws.ecs.Cluster(
      "cluster",
      {
        name: names.name,
        settings: [{ name: "containerInsights", value: args.containerInsights ? "enabled" : "disabled" }],
        tags: args.tags,
      },
      build.kept({ deleteBeforeReplace: true }),
    );
    this.entry = createControlPlaneEntry(build, this.network);
    this.services = createServices(build, {
      ...{ network: this.network, entry: this.entry, cluster: this.cluster, database: this.database },
      ...{ databaseSecretArn: this.databaseSecretArn, stateBucket: this.stateBucket },
      signingKey: createSigningKey(build, key),
      kmsKeyArn: key.arn,
      secretsKeyArn: this.secretsKey.arn,
    });
    this.registerOutputs();
  }
}

/** Apart from the data key: whoever may read the bucket's objects can still not read the secrets in them. */
function createSecretsKey(make: Making, { args, names }: ControlPlaneBuild): aws.kms.Key {
  const key = new aws.kms.Key(
    "pulumi-secrets",
    {
      description: `Secrets in the Pulumi state of ${args.environment}`,
      enableKeyRotation: true,
      deletionWindowInDays: args.keyDeletionDays,
      tags: args.tags,
    },
    make.kept(),
  );
  new aws.kms.Alias(
    "pulumi-secrets",
    { name: names.secretsKeyAlias, targetKeyId: key.keyId },
    make.child({ deleteBeforeReplace: true }),
  );
  return key;
}

/** Of deletion certificates. Made once; in the state it is encrypted, and a later run leaves it as it is. */
function createSigningKey(build: ControlPlaneBuild, key: aws.kms.Key): aws.secretsmanager.SecretVersion {
  const { args, names } = build;
  const secret = new aws.secretsmanager.Secret(
    "signing-key",
    {
      name: names.signingKeySecretName,
      description: "Signs deletion certificates (Ed25519)",
      kmsKeyId: key.arn,
      recoveryWindowInDays: args.secretRecoveryDays,
      tags: args.tags,
    },
    build.kept({ deleteBeforeReplace: true }),
  );
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return new aws.secretsmanager.SecretVersion(
    "signing-key",
    { secretId: secret.id, secretString: pulumi.secret(pem) },
    build.kept({ ignoreChanges: ["secretString"], additionalSecretOutputs: ["secretString"] }),
  );
}
