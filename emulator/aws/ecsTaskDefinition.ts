/**
 * ECS: task definitions. Every change registers a new revision; revisions count up per family and are never given
 * twice, also after the older ones are deregistered. The id is the ARN: two revisions of a family are two objects.
 */
import type { CheckFailure, Properties, ResourceType } from "../resourceType.ts";
import { text, UNKNOWN } from "../values.ts";
import { ECS_NAME } from "./ecsCluster.ts";
import { parseContainers, taskDefinitionFault } from "./ecsContainers.ts";
import { api, given, identifiers } from "./objects.ts";
import { failure, oneOf, rules, string } from "./rules.ts";

export const TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition";

function containersRule(inputs: Properties): CheckFailure | undefined {
  const containers = parseContainers(inputs.containerDefinitions);
  if (containers === "unknown" || inputs.containerDefinitions === UNKNOWN) return undefined;
  if (containers === undefined) {
    return {
      property: "containerDefinitions",
      reason: "ECS Task Definition container_definitions is invalid: it must be a JSON list of containers",
    };
  }
  const fault = taskDefinitionFault(inputs, containers);
  return fault === undefined ? undefined : failure("containerDefinitions", "ClientException", fault);
}

export const taskDefinition: ResourceType = {
  token: TASK_DEFINITION,
  api: api("ECS", "Task Definition", [
    "RegisterTaskDefinition",
    "DescribeTaskDefinition",
    "RegisterTaskDefinition",
    "DeregisterTaskDefinition",
  ]),
  required: ["containerDefinitions", "family"],
  computed: ["arn", "arnWithoutRevision", "revision"],
  replaceOn: [
    "containerDefinitions",
    "cpu",
    "enableFaultInjection",
    "ephemeralStorage",
    "executionRoleArn",
    "family",
    "ipcMode",
    "memory",
    "networkMode",
    "pidMode",
    "placementConstraints",
    "proxyConfiguration",
    "requiresCompatibilities",
    "runtimePlatform",
    "taskRoleArn",
    "volumes",
  ],
  unordered: ["requiresCompatibilities", "volumes", "placementConstraints"],
  json: ["containerDefinitions"],
  writeOnly: ["skipDestroy", "trackLatest"],
  taggable: true,
  // A family may hold any number of revisions, so the new one comes before the old one goes.
  deleteBeforeReplace: false,
  check: rules(
    string("family", { code: "ClientException", max: 255, pattern: ECS_NAME }),
    oneOf("networkMode", "ClientException", ["awsvpc", "bridge", "host", "none"]),
    containersRule,
  ),
  defaults: () => ({ skipDestroy: false, trackLatest: false }),
  create(inputs, context) {
    const family = given(inputs, "family");
    const revision = context.sequence(`ecs task definition ${family}`);
    const arnWithoutRevision = context.arn("ecs", `task-definition/${family}`);
    const arn = `${arnWithoutRevision}:${revision}`;
    return {
      id: arn,
      properties: {
        arn,
        arnWithoutRevision,
        enableFaultInjection: inputs.enableFaultInjection ?? false,
        networkMode: text(inputs, "networkMode") ?? "bridge",
        revision,
      },
    };
  },
  references: (properties) => [
    ...identifiers(properties, "executionRoleArn", "taskRoleArn"),
    // Services name a revision as "family:revision", or the newest one as "family".
    ...familyName(properties),
  ],
};

function familyName(properties: Properties): readonly string[] {
  const family = text(properties, "family");
  return family === undefined ? [] : [`ecs task definition family ${family}`];
}
