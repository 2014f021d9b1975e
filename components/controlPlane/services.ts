import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { type policyDocument, taskTrustPolicy } from "../policyDocument.ts";
import {
  API_PORT,
  type ContainerFacts,
  SERVICE_ROLES,
  type ServiceRole,
  serviceContainer,
} from "./containers.ts";
import type { ControlPlaneBuild } from "./controlPlaneArgs.ts";
import type { ControlPlaneEntry } from "./entry.ts";
import type { ControlPlaneNetwork } from "./network.ts";
import { type ControlPlaneScope, executionPolicy, taskPolicy } from "./policies.ts";

export interface ServicesParts {
  readonly network: ControlPlaneNetwork;
  readonly entry: ControlPlaneEntry;
  readonly cluster: aws.ecs.Cluster;
  readonly database: aws.rds.Cluster;
  readonly databaseSecretArn: pulumi.Output<string>;
  readonly signingKey: aws.secretsmanager.SecretVersion;
  readonly stateBucket: aws.s3.Bucket;
  readonly kmsKeyArn: pulumi.Output<string>;
  readonly secretsKeyArn: pulumi.Output<string>;
}

export type Services = Readonly<
  Record<ServiceRole, { readonly service: aws.ecs.Service; readonly taskRoleArn: pulumi.Output<string> }>
>;

/** The same image twice: `api` answers requests, `worker` runs operations. Either may be replaced at any time. */
export function createServices(build: ControlPlaneBuild, parts: ServicesParts): Services {
  const made = SERVICE_ROLES.map((role) => [role, createService(build, parts, role)] as const);
  return Object.fromEntries(made) as unknown as Services;
}

function createService(build: ControlPlaneBuild, parts: ServicesParts, role: ServiceRole) {
  const { args, names } = build;
  const logGroupName = `${names.logGroupPrefix}${role}`;
  const logGroup = new aws.cloudwatch.LogGroup(
    role,
    {
      name: logGroupName,
      retentionInDays: args.logRetentionDays,
      kmsKeyId: parts.kmsKeyArn,
      tags: args.tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
  const roles = createRoles(build, parts, role, logGroupName);
  const size = args[role];
  const definition = new aws.ecs.TaskDefinition(
    role,
    {
      family: `${names.name}-${role}`,
      cpu: String(size.cpu),
      memory: String(size.memoryMiB),
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      executionRoleArn: roles.execution.arn,
      taskRoleArn: roles.task.arn,
      containerDefinitions: factsOf(parts, logGroupName).apply((facts) =>
        JSON.stringify([serviceContainer(role, args, facts)]),
      ),
      tags: args.tags,
    },
    build.child(),
  );
  const service = new aws.ecs.Service(
    role,
    {
      name: role,
      cluster: parts.cluster.arn,
      launchType: "FARGATE",
      taskDefinition: definition.arn,
      desiredCount: size.count,
      deploymentCircuitBreaker: { enable: true, rollback: true },
      networkConfiguration: {
        subnets: parts.network.privateSubnetIds,
        securityGroups: [parts.network.serviceGroup.id],
        assignPublicIp: false,
      },
      ...(role === "api"
        ? {
            loadBalancers: [
              { targetGroupArn: parts.entry.targets.arn, containerName: role, containerPort: API_PORT },
            ],
          }
        : {}),
      waitForSteadyState: args.waitForSteadyState,
      tags: args.tags,
    },
    build.child({
      deleteBeforeReplace: true,
      dependsOn: [parts.entry.listener, logGroup, ...roles.policies, parts.signingKey, parts.database],
    }),
  );
  return { service, taskRoleArn: roles.task.arn };
}

function factsOf(parts: ServicesParts, logGroupName: string): pulumi.Output<ContainerFacts> {
  return pulumi
    .all([
      parts.database.endpoint,
      parts.databaseSecretArn,
      parts.signingKey.arn,
      parts.stateBucket.bucket,
      parts.secretsKeyArn,
    ])
    .apply(([databaseEndpoint, databaseSecretArn, signingKeySecretArn, stateBucketName, secretsKeyArn]) => ({
      ...{ databaseEndpoint, databaseSecretArn, signingKeySecretArn, stateBucketName, secretsKeyArn },
      logGroupName,
    }));
}

function createRoles(
  build: ControlPlaneBuild,
  parts: ServicesParts,
  role: ServiceRole,
  logGroupName: string,
) {
  const { args, names } = build;
  const { location, planeAccounts } = args;
  const scope: pulumi.Output<ControlPlaneScope> = pulumi
    .all([
      parts.stateBucket.arn,
      parts.kmsKeyArn,
      parts.secretsKeyArn,
      parts.databaseSecretArn,
      parts.signingKey.arn,
    ])
    .apply(([stateBucketArn, kmsKeyArn, secretsKeyArn, databaseSecretArn, signingKeySecretArn]) => ({
      ...{ location, planeAccounts, stateBucketArn, kmsKeyArn, secretsKeyArn, databaseSecretArn },
      ...{ signingKeySecretArn, logGroupName },
    }));
  const make = (
    logicalName: string,
    policy: (known: ControlPlaneScope) => ReturnType<typeof policyDocument>,
  ) => {
    const created = new aws.iam.Role(
      logicalName,
      {
        name: `${names.name}-${logicalName}`,
        path: names.rolePath,
        assumeRolePolicy: JSON.stringify(taskTrustPolicy(location)),
        tags: args.tags,
      },
      build.child({ deleteBeforeReplace: true }),
    );
    const attached = new aws.iam.RolePolicy(
      logicalName,
      { name: "control", role: created.name, policy: scope.apply((known) => JSON.stringify(policy(known))) },
      build.child({ deleteBeforeReplace: true }),
    );
    return { created, attached };
  };
  const task = make(role, (known) => taskPolicy(role, known));
  const execution = make(`${role}-execution`, executionPolicy);
  return { task: task.created, execution: execution.created, policies: [task.attached, execution.attached] };
}
