import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import {
  arn,
  type Location,
  type PolicyDocument,
  policyDocument,
  pullImages,
  taskTrustPolicy,
  viaService,
} from "../policyDocument.ts";
import { SERVICE_PORT } from "../tenantServiceSet/services.ts";
import type { Entry } from "./entry.ts";
import type { Network } from "./network.ts";
import type { PlaneBuild } from "./planeArgs.ts";
import { type PlaneNames, planeNames } from "./planeNames.ts";

export interface RouterParts {
  readonly network: Network;
  readonly entry: Entry;
  readonly cluster: aws.ecs.Cluster;
  readonly snapshotBucket: aws.s3.Bucket;
  readonly kmsKeyArn: pulumi.Output<string>;
}

/** Where the routing snapshots lie in the snapshot bucket. */
const ROUTING_PREFIX = "routing/";

/** The router: a service of the plane that forwards by host to the tenants' private names. */
export function createRouter(build: PlaneBuild, parts: RouterParts): aws.ecs.Service {
  const { args } = build;
  const names = planeNames(args.planeName, args.location.accountId);
  const logGroup = new aws.cloudwatch.LogGroup(
    "router",
    {
      name: names.routerLogGroupName,
      retentionInDays: args.logRetentionDays,
      kmsKeyId: parts.kmsKeyArn,
      tags: args.tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
  const roles = createRoles(build, parts, names);
  const definition = new aws.ecs.TaskDefinition(
    "router",
    {
      family: names.routerRoleName,
      cpu: String(args.router.cpu),
      memory: String(args.router.memoryMiB),
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      executionRoleArn: roles.execution.arn,
      taskRoleArn: roles.task.arn,
      containerDefinitions: parts.snapshotBucket.bucket.apply((bucket) =>
        routerContainer(build, names, bucket),
      ),
      tags: args.tags,
    },
    build.child(),
  );
  const service = new aws.ecs.Service(
    "router",
    {
      name: "router",
      cluster: parts.cluster.arn,
      launchType: "FARGATE",
      taskDefinition: definition.arn,
      desiredCount: args.router.count,
      deploymentCircuitBreaker: { enable: true, rollback: true },
      loadBalancers: [
        {
          targetGroupArn: parts.entry.routerTargets.arn,
          containerName: "router",
          containerPort: SERVICE_PORT,
        },
      ],
      networkConfiguration: {
        subnets: parts.network.privateSubnetIds,
        securityGroups: [parts.network.routerGroup.id],
        assignPublicIp: false,
      },
      waitForSteadyState: args.waitForSteadyState,
      tags: args.tags,
    },
    build.child({
      deleteBeforeReplace: true,
      dependsOn: [parts.entry.routerRule, logGroup, roles.taskPolicy, roles.executionPolicy],
    }),
  );
  claimScaling(build, parts.cluster, service);
  return service;
}

/** Fixes the router's count, and keeps the tenants' controller from scaling it: what is registered has an owner. */
function claimScaling(build: PlaneBuild, cluster: aws.ecs.Cluster, service: aws.ecs.Service): void {
  const { args } = build;
  new aws.appautoscaling.Target(
    "router",
    {
      serviceNamespace: "ecs",
      scalableDimension: "ecs:service:DesiredCount",
      resourceId: pulumi.interpolate`service/${cluster.name}/${service.name}`,
      minCapacity: args.router.count,
      maxCapacity: args.router.count,
      tags: args.tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
}

function routerContainer(build: PlaneBuild, names: PlaneNames, snapshotBucket: string): string {
  const { args } = build;
  const environment = {
    ...args.router.environment,
    PLANE_NAME: args.planeName,
    PUBLIC_DOMAIN: args.domain,
    PRIVATE_NAMESPACE: names.namespaceName,
    ROUTING_BUCKET: snapshotBucket,
    ROUTING_PREFIX,
    HEALTH_PATH: args.router.healthPath,
    TENANT_SERVICE_PORT: String(SERVICE_PORT),
    PORT: String(SERVICE_PORT),
  };
  return JSON.stringify([
    {
      name: "router",
      image: args.router.image,
      ...(args.router.command === undefined ? {} : { command: args.router.command }),
      essential: true,
      environment: Object.entries(environment)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([name, value]) => ({ name, value })),
      portMappings: [{ containerPort: SERVICE_PORT, hostPort: SERVICE_PORT, protocol: "tcp" }],
      logConfiguration: {
        logDriver: "awslogs",
        options: {
          "awslogs-group": names.routerLogGroupName,
          "awslogs-region": args.location.region,
          "awslogs-stream-prefix": "router",
        },
      },
    },
  ]);
}

function createRoles(build: PlaneBuild, parts: RouterParts, names: PlaneNames) {
  const { location } = build.args;
  const role = (logicalName: string, name: string, policy: pulumi.Input<string>) => {
    const created = new aws.iam.Role(
      logicalName,
      {
        name,
        path: names.rolePath,
        assumeRolePolicy: JSON.stringify(taskTrustPolicy(location)),
        tags: build.args.tags,
      },
      build.child({ deleteBeforeReplace: true }),
    );
    const attached = new aws.iam.RolePolicy(
      logicalName,
      { name: "router", role: created.name, policy },
      build.child({ deleteBeforeReplace: true }),
    );
    return { created, attached };
  };
  const taskPolicy = pulumi
    .all([parts.snapshotBucket.arn, parts.kmsKeyArn])
    .apply(([bucketArn, kmsKeyArn]) => JSON.stringify(routerPolicy(location, bucketArn, kmsKeyArn)));
  const executionPolicy = JSON.stringify(routerExecutionPolicy(location, names.routerLogGroupName));
  const task = role("router", names.routerRoleName, taskPolicy);
  const execution = role("router-execution", names.routerExecutionRoleName, executionPolicy);
  return {
    task: task.created,
    taskPolicy: task.attached,
    execution: execution.created,
    executionPolicy: execution.attached,
  };
}

/** The router reads routing snapshots, and nothing of any tenant. */
function routerPolicy(location: Location, bucketArn: string, kmsKeyArn: string): PolicyDocument {
  return policyDocument([
    {
      Sid: "Snapshots",
      Effect: "Allow",
      Action: ["s3:GetObject"],
      Resource: `${bucketArn}/${ROUTING_PREFIX}*`,
    },
    {
      Sid: "ListSnapshots",
      Effect: "Allow",
      Action: ["s3:ListBucket"],
      Resource: bucketArn,
      Condition: { StringLike: { "s3:prefix": `${ROUTING_PREFIX}*` } },
    },
    {
      Sid: "SnapshotsKey",
      Effect: "Allow",
      Action: ["kms:Decrypt"],
      Resource: kmsKeyArn,
      Condition: {
        StringEquals: {
          "kms:ViaService": viaService(location, "s3"),
          "kms:EncryptionContext:aws:s3:arn": bucketArn,
        },
      },
    },
  ]);
}

function routerExecutionPolicy(location: Location, logGroupName: string): PolicyDocument {
  return policyDocument([
    ...pullImages(location),
    {
      Sid: "Logs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: arn(location, "logs", `log-group:${logGroupName}:*`),
    },
  ]);
}
