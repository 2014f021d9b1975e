/** Application Auto Scaling, for ECS services: a target keeps the desired count within its bounds. */
import { AwsError } from "../awsError.ts";
import { startDeployment } from "../ecsRuntime.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { count, text } from "../values.ts";
import { SERVICE } from "./ecsCluster.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { between, failure, oneOf, rules, string } from "./rules.ts";

const TARGET = "aws:appautoscaling/target:Target";
const POLICY = "aws:appautoscaling/policy:Policy";

const NAMESPACES = [
  "ecs",
  "ec2",
  "dynamodb",
  "rds",
  "sagemaker",
  "lambda",
  "elasticache",
  "kafka",
  "custom-resource",
];
const POLICY_TYPES = ["StepScaling", "TargetTrackingScaling", "PredictiveScaling"];
const POLICIES_PER_TARGET = 50;

function boundsRule(inputs: Properties) {
  const min = count(inputs, "minCapacity");
  const max = count(inputs, "maxCapacity");
  if (min === undefined || max === undefined || min <= max) return undefined;
  return failure(
    "maxCapacity",
    "ValidationException",
    "Maximum capacity cannot be less than minimum capacity",
  );
}

/** The ECS service of "service/<cluster>/<service>"; other namespaces have nothing emulated to scale. */
function needScaled(inputs: Properties, context: Context): StoredResource | undefined {
  if (given(inputs, "serviceNamespace") !== "ecs") return undefined;
  const resourceId = given(inputs, "resourceId");
  const [kind, cluster, name] = resourceId.split("/");
  if (kind !== "service" || name === undefined) {
    throw new AwsError(
      "ValidationException",
      `Unsupported service namespace, resource type or scalable dimension: ${resourceId}`,
    );
  }
  return need(
    context.byName(SERVICE, `${cluster}/${name}`),
    () => new AwsError("ValidationException", `ECS service doesn't exist: ${resourceId}`),
  );
}

function keepWithinBounds(inputs: Properties, context: Context): void {
  const service = needScaled(inputs, context);
  if (service === undefined) return;
  const desired = count(service.properties, "desiredCount") ?? 0;
  const least = count(inputs, "minCapacity") ?? 0;
  const most = count(inputs, "maxCapacity") ?? desired;
  const wanted = Math.min(Math.max(desired, least), most);
  if (wanted === desired) return;
  context.change(service, { desiredCount: wanted });
  context.setRuntime(service, startDeployment(context.nowMs, service));
}

function dimension(inputs: Properties): string {
  return [
    given(inputs, "serviceNamespace"),
    given(inputs, "resourceId"),
    given(inputs, "scalableDimension"),
  ].join("/");
}

export const target: ResourceType = {
  token: TARGET,
  api: api("Application Auto Scaling", "Target", [
    "RegisterScalableTarget",
    "DescribeScalableTargets",
    "RegisterScalableTarget",
    "DeregisterScalableTarget",
  ]),
  required: ["maxCapacity", "minCapacity", "resourceId", "scalableDimension", "serviceNamespace"],
  computed: ["arn"],
  replaceOn: ["resourceId", "scalableDimension", "serviceNamespace"],
  taggable: true,
  check: rules(
    between("minCapacity", "ValidationException", 0, 2_147_483_647),
    between("maxCapacity", "ValidationException", 0, 2_147_483_647),
    boundsRule,
    oneOf("serviceNamespace", "ValidationException", NAMESPACES),
    string("resourceId", { code: "ValidationException", max: 1600 }),
  ),
  uniqueName: dimensionIfKnown,
  // RegisterScalableTarget overwrites.
  nameTaken: () => undefined,
  create(inputs, context) {
    keepWithinBounds(inputs, context);
    return {
      id: given(inputs, "resourceId"),
      properties: {
        arn: context.arn("application-autoscaling", `scalable-target/0ec5${context.ids.hex(32)}`),
        roleArn: context.arn(
          "iam",
          "role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService",
          { region: "" },
        ),
        suspendedState: inputs.suspendedState ?? {
          dynamicScalingInSuspended: false,
          dynamicScalingOutSuspended: false,
          scheduledScalingSuspended: false,
        },
      },
    };
  },
  update(inputs, _current, context) {
    keepWithinBounds(inputs, context);
    return {};
  },
  delete(current, context) {
    for (const policy of context.referrers(dimension(current.properties), POLICY)) context.remove(policy);
    return undefined;
  },
};

function dimensionIfKnown(inputs: Properties): string | undefined {
  const known = ["serviceNamespace", "resourceId", "scalableDimension"].every(
    (key) => text(inputs, key) !== undefined,
  );
  return known ? dimension(inputs) : undefined;
}

export const policy: ResourceType = {
  token: POLICY,
  api: api("Application Auto Scaling", "Scaling Policy", [
    "PutScalingPolicy",
    "DescribeScalingPolicies",
    "PutScalingPolicy",
    "DeleteScalingPolicy",
  ]),
  required: ["resourceId", "scalableDimension", "serviceNamespace"],
  computed: ["alarmArns", "arn"],
  replaceOn: ["name", "resourceId", "scalableDimension", "serviceNamespace"],
  taggable: false,
  autoName: { property: "name", maxLength: 255 },
  check: rules(
    string("name", { code: "ValidationException", max: 256, pattern: /^[ -~]+$/, member: "policyName" }),
    oneOf("policyType", "ValidationException", POLICY_TYPES),
  ),
  defaults: () => ({ policyType: "StepScaling" }),
  create(inputs, context) {
    const scaled = dimension(inputs);
    need(
      context.byName(TARGET, scaled),
      () =>
        new AwsError(
          "ObjectNotFoundException",
          `No scalable target registered for service namespace: ${given(inputs, "serviceNamespace")}, ` +
            `resource ID: ${given(inputs, "resourceId")}, scalable dimension: ${given(inputs, "scalableDimension")}`,
        ),
    );
    const name = given(inputs, "name");
    const id = `${scaled}/${name}`;
    const others = context.referrers(scaled, POLICY).filter((other) => other.id !== id);
    if (others.length >= POLICIES_PER_TARGET) {
      throw new AwsError(
        "LimitExceededException",
        `Scaling policy count exceeds the limit of ${POLICIES_PER_TARGET}`,
      );
    }
    return { id, properties: identity(inputs, context) };
  },
  references: (properties) => [dimension(properties), ...identifiers(properties, "resourceId")],
};

/** A policy's ARN and, when it tracks a target, its two alarms. */
function identity(inputs: Properties, context: Context): Properties {
  const name = given(inputs, "name");
  const resource = `resource/${given(inputs, "serviceNamespace")}/${given(inputs, "resourceId")}`;
  const tracks = text(inputs, "policyType") === "TargetTrackingScaling";
  const alarm = (kind: string) =>
    context.arn(
      "cloudwatch",
      `alarm:TargetTracking-${given(inputs, "resourceId")}-Alarm${kind}-${context.ids.uuid()}`,
    );
  return {
    alarmArns: tracks ? [alarm("High"), alarm("Low")] : [],
    arn: context.arn("autoscaling", `scalingPolicy:${context.ids.uuid()}:${resource}:policyName/${name}`),
  };
}
