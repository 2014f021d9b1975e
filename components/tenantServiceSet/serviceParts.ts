import * as aws from "@pulumi/aws";
import type { Place } from "./place.ts";
import { taskRolePolicy } from "./policies.ts";
import type { ServiceName } from "./services.ts";
import { createTaskRole, type TaskRole } from "./taskRole.ts";
import { serviceTags, type TenantBuild } from "./tenantArgs.ts";

/** What one service has of its own, besides the ECS service itself. */
export interface ServiceParts {
  readonly logGroup: aws.cloudwatch.LogGroup;
  readonly task: TaskRole;
  readonly secret: aws.secretsmanager.Secret;
  readonly discovery: aws.servicediscovery.Service | undefined;
}

/** Short, as a task's address goes with the task. */
const DISCOVERY_TTL_SECONDS = 10;

export function createServiceParts(build: TenantBuild, service: ServiceName, place: Place): ServiceParts {
  const { layout, plane } = build.args;
  const names = layout.services[service];
  const tags = serviceTags(build, service);
  const policy = place.scope.apply((scope) => taskRolePolicy(service, scope));
  const task = createTaskRole(build, service, names.roleName, policy, tags);
  const logGroup = new aws.cloudwatch.LogGroup(
    service,
    { name: names.logGroupName, retentionInDays: plane.logRetentionDays, kmsKeyId: place.kmsKeyArn, tags },
    build.named(),
  );
  // Only the container: whoever owns the credentials writes the value, so that none ever enters Pulumi's state.
  const secret = new aws.secretsmanager.Secret(
    service,
    {
      name: names.secretName,
      description: `Credentials of ${service}`,
      kmsKeyId: place.kmsKeyArn,
      recoveryWindowInDays: plane.secretRecoveryDays,
      tags,
    },
    build.named(),
  );
  return { logGroup, task, secret, discovery: createDiscovery(build, service, place) };
}

function createDiscovery(
  build: TenantBuild,
  service: ServiceName,
  place: Place,
): aws.servicediscovery.Service | undefined {
  const name = build.args.layout.services[service].discoveryName;
  if (name === undefined) return undefined;
  return new aws.servicediscovery.Service(
    service,
    {
      name: place.network.ownNamespace ? service : name,
      dnsConfig: {
        namespaceId: place.network.namespaceId,
        dnsRecords: [{ type: "A", ttl: DISCOVERY_TTL_SECONDS }],
        routingPolicy: "MULTIVALUE",
      },
      // ECS reports each task's health; without this block Route 53 answers for tasks that fail. The threshold is
      // deprecated and always 1, but the provider drops a block that is empty and would replace the service each time.
      healthCheckCustomConfig: { failureThreshold: 1 },
      // Tasks leave the registry a little after their service; without it a destroy now and then comes too early.
      forceDestroy: true,
      tags: serviceTags(build, service),
    },
    build.named(),
  );
}
