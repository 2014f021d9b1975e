/**
 * ECS: services. A service needs its cluster, an active task definition and a network; it becomes steady over the
 * profile's time (`ecsRuntime.ts`), and never when a role of its tasks is missing.
 */
import { AwsError } from "../awsError.ts";
import { settleDeployment, startDeployment } from "../ecsRuntime.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { count, equal, object, objects, text, texts } from "../values.ts";
import { needSubnet } from "./ec2Network.ts";
import { needSecurityGroups } from "./ec2SecurityGroups.ts";
import { CLUSTER, ECS_NAME, needCluster, SERVICE } from "./ecsCluster.ts";
import { isFargate, parseContainers } from "./ecsContainers.ts";
import { TASK_DEFINITION } from "./ecsTaskDefinition.ts";
import { api, byAnyName, given, identifiers } from "./objects.ts";
import { between, oneOf, rules, string } from "./rules.ts";

function invalid(message: string): AwsError {
  return new AwsError("InvalidParameterException", message);
}

/** By ARN, "family:revision", or "family" for its newest active revision. */
function findTaskDefinition(reference: string, context: Context): StoredResource | undefined {
  if (reference.startsWith("arn:")) return context.byId(TASK_DEFINITION, reference);
  if (/:\d+$/.test(reference)) {
    return context.byId(TASK_DEFINITION, context.arn("ecs", `task-definition/${reference}`));
  }
  return context.referrers(`ecs task definition family ${reference}`, TASK_DEFINITION).at(-1);
}

function needTaskDefinition(inputs: Properties, context: Context): StoredResource {
  const reference = text(inputs, "taskDefinition");
  if (reference === undefined) throw invalid("TaskDefinition can not be blank.");
  const found = findTaskDefinition(reference, context);
  if (found === undefined) throw new AwsError("ClientException", "TaskDefinition not found.");
  return found;
}

function refuseBadNetwork(inputs: Properties, definition: StoredResource, context: Context): void {
  const network = object(inputs, "networkConfiguration");
  if (text(definition.properties, "networkMode") === "awsvpc" && network === undefined) {
    throw invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  if (network === undefined) return;
  const subnets = texts(network, "subnets");
  if (subnets.length === 0) throw invalid("subnets can not be empty.");
  for (const id of subnets) asInvalid(() => needSubnet(context, id));
  asInvalid(() => needSecurityGroups(context, texts(network, "securityGroups")));
}

/** ECS passes on what EC2 said, under its own error code. */
function asInvalid(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw invalid(`Error retrieving network information: ${error.code}: ${error.message}`);
  }
}

function containerPorts(definition: StoredResource, container: string): readonly number[] | undefined {
  const containers = parseContainers(definition.properties.containerDefinitions);
  if (containers === undefined || containers === "unknown") return undefined;
  const found = containers.find((candidate) => candidate.name === container);
  return found && objects(found, "portMappings").flatMap((mapping) => count(mapping, "containerPort") ?? []);
}

function refuseBadTargets(inputs: Properties, definition: StoredResource, context: Context): void {
  for (const balancer of objects(inputs, "loadBalancers")) {
    const arn = text(balancer, "targetGroupArn") ?? "";
    const group = context.byArn(arn);
    if (group === undefined)
      throw invalid(`Unable to assume role and validate the specified targetGroupArn: ${arn}`);
    if (
      texts(group.properties, "loadBalancerArns").length === 0 &&
      context.referrers(arn).every(isNoListener)
    ) {
      throw invalid(`The target group with targetGroupArn ${arn} does not have an associated load balancer.`);
    }
    refuseBadContainer(balancer, definition);
  }
  for (const registry of objectList(inputs, "serviceRegistries")) {
    const arn = text(registry, "registryArn") ?? "";
    if (context.byArn(arn) === undefined) throw invalid(`Service registry ${arn} not found.`);
  }
}

function isNoListener(referrer: StoredResource): boolean {
  return !referrer.type.startsWith("aws:lb/listener");
}

function refuseBadContainer(balancer: Properties, definition: StoredResource): void {
  const container = text(balancer, "containerName") ?? "";
  const ports = containerPorts(definition, container);
  if (ports === undefined) {
    throw invalid(`The container ${container} does not exist in the task definition.`);
  }
  const port = count(balancer, "containerPort") ?? 0;
  if (!ports.includes(port)) {
    throw invalid(`The container ${container} did not have a container port ${port} defined.`);
  }
}

/** A block that the SDK flattens to one object, as a list. */
function objectList(inputs: Properties, key: string): readonly Properties[] {
  const one = object(inputs, key);
  return one === undefined ? objects(inputs, key) : [one];
}

function refuseBadService(inputs: Properties, context: Context): StoredResource {
  const definition = needTaskDefinition(inputs, context);
  if (text(inputs, "launchType") === "FARGATE" && !isFargate(definition.properties)) {
    throw invalid("Task definition does not support launch_type FARGATE.");
  }
  refuseBadNetwork(inputs, definition, context);
  refuseBadTargets(inputs, definition, context);
  return definition;
}

const ROLE_FAULT = "ECS was unable to assume the role";
const PULL_FAULT = "CannotPullContainerError";

/** A deployment from now on; it stays unhealthy while a role of its tasks does not exist or an image cannot be pulled. */
function deployment(definition: StoredResource, context: Context, previous?: StoredResource): Properties {
  const reason = roleFault(definition, context) ?? pullFault(definition);
  if (reason !== undefined) {
    return { startedAtMs: context.nowMs, unhealthySinceMs: context.nowMs, reason };
  }
  const before = text(previous?.runtime ?? {}, "reason") ?? "";
  const healed = before.startsWith(ROLE_FAULT) || before.startsWith(PULL_FAULT);
  return startDeployment(context.nowMs, healed ? undefined : previous);
}

function roleFault({ properties }: StoredResource, context: Context): string | undefined {
  const roles = identifiers(properties, "executionRoleArn", "taskRoleArn");
  const missing = roles.find((arn) => context.byArn(arn) === undefined);
  return missing === undefined ? undefined : `${ROLE_FAULT} '${missing}'`;
}

/** There is no registry here to ask: images are there, but for those of hosts that cannot exist (`.invalid`, RFC 2606). */
function pullFault({ properties }: StoredResource): string | undefined {
  const containers = parseContainers(properties.containerDefinitions);
  if (containers === undefined || containers === "unknown") return undefined;
  const images = containers.map((container) => text(container, "image") ?? "");
  const image = images.find((name) => name.split("/", 1)[0]?.replace(/:\d+$/, "").endsWith(".invalid"));
  const [host] = image?.split("/", 1) ?? [];
  return (
    image &&
    `${PULL_FAULT}: pull image manifest has been retried 5 time(s): failed to resolve ref ${image}: dial tcp: lookup ${host}: no such host`
  );
}

const ROLLING_INPUTS = [
  "taskDefinition",
  "desiredCount",
  "networkConfiguration",
  "loadBalancers",
  "serviceRegistries",
];

export const service: ResourceType = {
  token: SERVICE,
  api: api("ECS", "Service", ["CreateService", "DescribeServices", "UpdateService", "DeleteService"]),
  required: [],
  computed: ["arn"],
  replaceOn: ["name", "cluster", "launchType", "schedulingStrategy", "iamRole"],
  replaceWhen: (old, next) => (switchesStrategy(old, next) ? ["capacityProviderStrategies"] : []),
  unordered: [
    "capacityProviderStrategies",
    "loadBalancers",
    "networkConfiguration.securityGroups",
    "networkConfiguration.subnets",
    "placementConstraints",
  ],
  writeOnly: ["forceDelete", "forceNewDeployment", "waitForSteadyState", "sigintRollback", "triggers"],
  taggable: true,
  autoName: { property: "name", maxLength: 255 },
  check: rules(
    string("name", {
      code: "InvalidParameterException",
      max: 255,
      pattern: ECS_NAME,
      message: () => "Invalid service name: up to 255 letters, numbers, underscores and hyphens are allowed.",
    }),
    between("desiredCount", "InvalidParameterException", 0, 5000, "desiredCount must be from 0 to 5000."),
    oneOf("launchType", "InvalidParameterException", ["EC2", "FARGATE", "EXTERNAL"]),
    oneOf("propagateTags", "InvalidParameterException", ["SERVICE", "TASK_DEFINITION", "NONE"]),
  ),
  defaults: () => ({
    deploymentMaximumPercent: 200,
    deploymentMinimumHealthyPercent: 100,
    enableEcsManagedTags: false,
    enableExecuteCommand: false,
    schedulingStrategy: "REPLICA",
    waitForSteadyState: false,
  }),
  uniqueName(inputs, context) {
    const owner = byAnyName(context, CLUSTER, text(inputs, "cluster") ?? "default");
    return owner && `${text(owner.properties, "name")}/${text(inputs, "name")}`;
  },
  nameTaken: () => invalid("Creation of service was not idempotent."),
  create(inputs, context) {
    const owner = needCluster(context, text(inputs, "cluster") ?? "default");
    const definition = refuseBadService(inputs, context);
    const arn = context.arn("ecs", `service/${given(owner.properties, "name")}/${given(inputs, "name")}`);
    return {
      id: arn,
      properties: {
        arn,
        availabilityZoneRebalancing: text(inputs, "availabilityZoneRebalancing") ?? "DISABLED",
        cluster: text(inputs, "cluster") ?? given(owner.properties, "arn"),
        desiredCount: count(inputs, "desiredCount") ?? 0,
        iamRole: text(inputs, "iamRole") ?? "/aws-service-role",
        launchType: text(inputs, "launchType") ?? (inputs.capacityProviderStrategies ? undefined : "EC2"),
        platformVersion:
          text(inputs, "platformVersion") ?? (isFargate(definition.properties) ? "LATEST" : ""),
        taskDefinition: text(inputs, "taskDefinition"),
      },
      runtime: deployment(definition, context),
    };
  },
  references(properties) {
    const network = object(properties, "networkConfiguration") ?? {};
    return [
      ...identifiers(properties, "cluster", "taskDefinition"),
      ...identifiers(network, "subnets", "securityGroups"),
      ...objects(properties, "loadBalancers").flatMap((balancer) => identifiers(balancer, "targetGroupArn")),
      ...objectList(properties, "serviceRegistries").flatMap((registry) =>
        identifiers(registry, "registryArn"),
      ),
    ];
  },
  update(inputs, current, context, oldInputs) {
    const definition = refuseBadService(inputs, context);
    const changed = (key: string) => !equal(inputs[key] ?? undefined, oldInputs[key] ?? undefined);
    // A count the program did not change is not sent, so that autoscaling's own stays.
    const properties: Properties = changed("desiredCount")
      ? {}
      : { desiredCount: current.properties.desiredCount };
    if (inputs.forceNewDeployment !== true && !ROLLING_INPUTS.some(changed)) return { properties };
    return { properties, runtime: deployment(definition, context, current) };
  },
  import: (importId, context) => context.byName(SERVICE, importId),
  settle: (current, context) => settleDeployment(current, context.profile, context.nowMs),
};

/** Between a launch type and capacity providers, ECS wants a new service unless a deployment is forced. */
function switchesStrategy(old: Properties, next: Properties): boolean {
  if (next.forceNewDeployment === true) return false;
  return (old.capacityProviderStrategies === undefined) !== (next.capacityProviderStrategies === undefined);
}
