/** ECS: clusters and their capacity providers. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { objects, text, texts } from "../values.ts";
import { api, byAnyName, given, identifiers, need } from "./objects.ts";
import { rules, string } from "./rules.ts";

export const CLUSTER = "aws:ecs/cluster:Cluster";
export const SERVICE = "aws:ecs/service:Service";
export const ECS_NAME = /^[A-Za-z0-9_-]+$/;

export function needCluster(context: Context, reference: string): StoredResource {
  return need(
    byAnyName(context, CLUSTER, reference),
    () => new AwsError("ClusterNotFoundException", "Cluster not found."),
  );
}

export const cluster: ResourceType = {
  token: CLUSTER,
  api: api("ECS", "Cluster", ["CreateCluster", "DescribeClusters", "UpdateCluster", "DeleteCluster"]),
  required: [],
  computed: ["arn"],
  replaceOn: ["name"],
  unordered: ["settings"],
  taggable: true,
  autoName: { property: "name", maxLength: 255 },
  check: rules(
    string("name", {
      code: "InvalidParameterException",
      max: 255,
      pattern: ECS_NAME,
      message: () =>
        "Identifiers must be 255 characters or less and contain only letters, numbers, hyphens or underscores",
    }),
  ),
  uniqueName: (inputs) => text(inputs, "name"),
  // CreateCluster answers with the cluster that is there.
  nameTaken: () => undefined,
  create(inputs, context) {
    const arn = context.arn("ecs", `cluster/${given(inputs, "name")}`);
    const settings = inputs.settings ?? [{ name: "containerInsights", value: "disabled" }];
    return { id: arn, properties: { arn, settings } };
  },
  delete(current, context) {
    const names = identifiers(current.properties, "arn", "name");
    if (names.some((name) => context.referrers(name, SERVICE).length > 0)) {
      const message = "The Cluster cannot be deleted while Services are active.";
      throw new AwsError("ClusterContainsServicesException", message);
    }
    for (const providers of context.referrers(given(current.properties, "name"), CAPACITY_PROVIDERS)) {
      context.remove(providers);
    }
    return undefined;
  },
  import: (importId, context) => byAnyName(context, CLUSTER, importId),
};

const CAPACITY_PROVIDERS = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders";
const BUILT_IN_PROVIDERS: readonly string[] = ["FARGATE", "FARGATE_SPOT"];

function refuseUnknownProviders(inputs: Properties): void {
  const providers = texts(inputs, "capacityProviders");
  if (providers.some((provider) => !BUILT_IN_PROVIDERS.includes(provider))) {
    throw new AwsError("InvalidParameterException", "The specified capacity provider was not found.");
  }
  const strategies = objects(inputs, "defaultCapacityProviderStrategies");
  const used = strategies.map((strategy) => text(strategy, "capacityProvider") ?? "");
  if (used.some((provider) => !providers.includes(provider))) {
    const message =
      "The specified capacity provider strategy contains a capacity provider that is not associated with the cluster. " +
      "Associate the capacity provider with the cluster and try again.";
    throw new AwsError("InvalidParameterException", message);
  }
}

export const clusterCapacityProviders: ResourceType = {
  token: CAPACITY_PROVIDERS,
  api: api("ECS", "Cluster Capacity Providers", [
    "PutClusterCapacityProviders",
    "DescribeClusters",
    "PutClusterCapacityProviders",
    "PutClusterCapacityProviders",
  ]),
  required: ["clusterName"],
  computed: [],
  replaceOn: ["clusterName"],
  unordered: ["capacityProviders", "defaultCapacityProviderStrategies"],
  taggable: false,
  create(inputs, context) {
    needCluster(context, given(inputs, "clusterName"));
    refuseUnknownProviders(inputs);
    return { id: given(inputs, "clusterName"), properties: {} };
  },
  references: (properties) => identifiers(properties, "clusterName"),
  update(inputs) {
    refuseUnknownProviders(inputs);
    return {};
  },
};
