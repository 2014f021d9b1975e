import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { arn } from "../policyDocument.ts";
import { createAutoscaling } from "./autoscaling.ts";
import { containerDefinitions } from "./container.ts";
import { entryOf } from "./ownEntry.ts";
import type { Place } from "./place.ts";
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
  place: Place,
): aws.ecs.Service {
  const { layout, services, workload, versionTags, waitForSteadyState } = build.args;
  const scaling = serviceScaling(services[service], workload);
  const { after, ...entry } = entryOf(place.entry, service);
  const ecsService = new aws.ecs.Service(
    service,
    {
      name: layout.services[service].serviceName,
      cluster: place.clusterArn,
      launchType: "FARGATE",
      taskDefinition: createTaskDefinition(build, service, shared, parts, place).arn,
      desiredCount: scaling.desiredCount,
      deploymentMinimumHealthyPercent: 100,
      deploymentMaximumPercent: 200,
      deploymentCircuitBreaker: { enable: true, rollback: true },
      networkConfiguration: {
        subnets: place.network.taskSubnetIds,
        securityGroups: [place.taskGroup.id, ...place.sharedGroupIds],
        assignPublicIp: false,
      },
      ...entry,
      ...(parts.discovery === undefined ? {} : { serviceRegistries: { registryArn: parts.discovery.arn } }),
      enableEcsManagedTags: true,
      propagateTags: "SERVICE",
      waitForSteadyState,
      tags: { ...serviceTags(build, service), ...versionTags },
    },
    build.named({
      // A task that starts before its role may read its secret fails, and the service with it.
      dependsOn: [parts.task.policy, shared.execution.policy, ...after],
      ignoreChanges: scaling.ignoreDesiredCount ? ["desiredCount"] : [],
    }),
  );
  if (scaling.bounds !== undefined) createAutoscaling(build, service, ecsService, place, scaling.bounds);
  return ecsService;
}

function createTaskDefinition(
  build: TenantBuild,
  service: ServiceName,
  shared: SharedParts,
  parts: ServiceParts,
  place: Place,
): aws.ecs.TaskDefinition {
  const { layout, location, services } = build.args;
  const args = services[service];
  const secrets = Object.entries(args.secretRefs).map(([variable, name]): [string, string] => [
    variable,
    arn(location, "secretsmanager", `secret:${name}`),
  ]);
  const definitions = pulumi
    .all([parts.logGroup.name, platformVariables(build, service, parts, shared, place)])
    .apply(([logGroupName, platform]) =>
      containerDefinitions({
        service,
        image: args.image,
        settings: args.settings,
        platform,
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
  parts: ServiceParts,
  shared: SharedParts,
  { database, bucketName }: Place,
): pulumi.Output<Readonly<Record<string, string>>> {
  const { layout, plane, tenantId, slug } = build.args;
  const shape = SERVICE_SHAPES[service];
  const variables: Record<string, pulumi.Input<string>> = {
    TENANT_ID: tenantId,
    TENANT_SLUG: slug,
    TENANT_ENVIRONMENT: plane.environment,
    TENANT_CREDENTIALS_SECRET: parts.secret.arn,
    TENANT_PUBLIC_NAME: layout.publicName,
    TENANT_PRIVATE_DOMAIN: layout.routingTarget,
    DATABASE_HOST: database.endpoint,
    DATABASE_PORT: pulumi.output(database.port).apply(String),
    ...(shape.storage ? { DATA_BUCKET: bucketName, DATA_PREFIX: layout.storagePrefix } : {}),
    ...(shape.queue === "none" ? {} : { WORK_QUEUE_URL: shared.queue.url }),
  };
  return pulumi.output(variables);
}
