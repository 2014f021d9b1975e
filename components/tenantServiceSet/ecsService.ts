import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { arn } from "../policyDocument.ts";
import { createAutoscaling } from "./autoscaling.ts";
import { containerDefinitions } from "./container.ts";
import { serviceScaling } from "./scaling.ts";
import type { ServiceParts } from "./serviceParts.ts";
import { SERVICE_SHAPES, type ServiceName } from "./services.ts";
import type { SharedParts } from "./sharedParts.ts";
import { serviceTags, type TenantBuild } from "./tenantArgs.ts";

/** The service itself, its task definition, and autoscaling where the plan leaves something to scale. */
export function createEcsService(
  build: TenantBuild,
  service: ServiceName,
  shared: SharedParts,
  parts: ServiceParts,
): aws.ecs.Service {
  const { layout, plane, services, workload, waitForSteadyState } = build.args;
  const scaling = serviceScaling(services[service], workload);
  const ecsService = new aws.ecs.Service(
    service,
    {
      name: layout.services[service].serviceName,
      cluster: plane.clusterArn,
      launchType: "FARGATE",
      taskDefinition: createTaskDefinition(build, service, shared, parts).arn,
      desiredCount: scaling.desiredCount,
      deploymentMinimumHealthyPercent: 100,
      deploymentMaximumPercent: 200,
      deploymentCircuitBreaker: { enable: true, rollback: true },
      networkConfiguration: {
        subnets: [...plane.privateSubnetIds],
        securityGroups: [shared.securityGroup.id, plane.taskSecurityGroupId],
        assignPublicIp: false,
      },
      ...(parts.discovery === undefined ? {} : { serviceRegistries: { registryArn: parts.discovery.arn } }),
      enableEcsManagedTags: true,
      propagateTags: "SERVICE",
      waitForSteadyState,
      tags: serviceTags(build, service),
    },
    build.named({
      // A task that starts before its role may read its secret fails, and the service with it.
      dependsOn: [parts.task.policy, shared.execution.policy],
      ignoreChanges: scaling.ignoreDesiredCount ? ["desiredCount"] : [],
    }),
  );
  if (scaling.bounds !== undefined) createAutoscaling(build, service, ecsService, scaling.bounds);
  return ecsService;
}

function createTaskDefinition(
  build: TenantBuild,
  service: ServiceName,
  shared: SharedParts,
  parts: ServiceParts,
): aws.ecs.TaskDefinition {
  const { layout, location, services } = build.args;
  const args = services[service];
  const secrets = Object.entries(args.secretRefs).map(([variable, name]): [string, string] => [
    variable,
    arn(location, "secretsmanager", `secret:${name}`),
  ]);
  const definitions = pulumi
    .all([parts.logGroup.name, parts.secret.arn, shared.queue.url])
    .apply(([logGroupName, secretArn, queueUrl]) =>
      containerDefinitions({
        service,
        image: args.image,
        settings: args.settings,
        platform: platformVariables(build, service, secretArn, queueUrl),
        secrets: Object.fromEntries(secrets),
        logGroupName,
        region: location.region,
      }),
    );
  return new aws.ecs.TaskDefinition(
    service,
    {
      family: layout.services[service].serviceName,
      cpu: String(args.cpu),
      memory: String(args.memoryMiB),
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      executionRoleArn: shared.execution.role.arn,
      taskRoleArn: parts.task.role.arn,
      containerDefinitions: definitions,
      tags: serviceTags(build, service),
    },
    build.child(),
  );
}

/** Variables every service may rely on. */
function platformVariables(
  build: TenantBuild,
  service: ServiceName,
  secretArn: string,
  queueUrl: string,
): Readonly<Record<string, string>> {
  const { layout, plane, tenantId, slug } = build.args;
  const shape = SERVICE_SHAPES[service];
  return {
    TENANT_ID: tenantId,
    TENANT_SLUG: slug,
    TENANT_ENVIRONMENT: plane.environment,
    TENANT_CREDENTIALS_SECRET: secretArn,
    TENANT_PUBLIC_NAME: layout.publicName,
    TENANT_PRIVATE_DOMAIN: layout.routingTarget,
    DATABASE_HOST: plane.databaseEndpoint,
    DATABASE_PORT: String(plane.databasePort),
    ...(shape.storage ? { DATA_BUCKET: plane.dataBucketName, DATA_PREFIX: layout.storagePrefix } : {}),
    ...(shape.queue === "none" ? {} : { WORK_QUEUE_URL: queueUrl }),
  };
}
