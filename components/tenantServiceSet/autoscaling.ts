import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Place } from "./place.ts";
import type { ScalingBounds } from "./scaling.ts";
import type { ServiceName } from "./services.ts";
import { serviceTags, type TenantBuild } from "./tenantArgs.ts";

/** Mean CPU over a service's tasks that autoscaling steers for; leaves room for a burst while tasks start. */
const TARGET_CPU_PERCENT = 60;
const SCALE_OUT_COOLDOWN_SECONDS = 60;
const SCALE_IN_COOLDOWN_SECONDS = 300;

export function createAutoscaling(
  build: TenantBuild,
  service: ServiceName,
  ecsService: aws.ecs.Service,
  place: Place,
  bounds: ScalingBounds,
): void {
  const { layout } = build.args;
  const target = new aws.appautoscaling.Target(
    service,
    {
      serviceNamespace: "ecs",
      scalableDimension: "ecs:service:DesiredCount",
      resourceId: pulumi.interpolate`service/${place.clusterName}/${ecsService.name}`,
      minCapacity: bounds.minCount,
      maxCapacity: bounds.maxCount,
      tags: serviceTags(build, service),
    },
    build.named(),
  );
  new aws.appautoscaling.Policy(
    service,
    {
      name: `${layout.services[service].serviceName}-cpu`,
      policyType: "TargetTrackingScaling",
      serviceNamespace: target.serviceNamespace,
      scalableDimension: target.scalableDimension,
      resourceId: target.resourceId,
      targetTrackingScalingPolicyConfiguration: {
        predefinedMetricSpecification: { predefinedMetricType: "ECSServiceAverageCPUUtilization" },
        targetValue: TARGET_CPU_PERCENT,
        scaleOutCooldown: SCALE_OUT_COOLDOWN_SECONDS,
        scaleInCooldown: SCALE_IN_COOLDOWN_SECONDS,
      },
    },
    build.named(),
  );
}
