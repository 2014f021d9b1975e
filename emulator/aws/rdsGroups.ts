/** RDS: subnet groups and cluster parameter groups. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType } from "../resourceType.ts";
import { text, texts } from "../values.ts";
import { SUBNET } from "./ec2Network.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { failure, type Rule, rules } from "./rules.ts";

export const SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup";
export const CLUSTER_PARAMETER_GROUP = "aws:rds/clusterParameterGroup:ClusterParameterGroup";
const DATABASES: readonly string[] = ["aws:rds/cluster:Cluster", "aws:rds/clusterInstance:ClusterInstance"];

/** Identifiers of clusters, instances and parameter groups. */
export function rdsName(property: string, parameter: string, maxLength = 63): Rule {
  return (inputs) => {
    const name = text(inputs, property);
    if (name === undefined) return undefined;
    if (name.length <= maxLength && /^[a-z]([a-z0-9-]*[a-z0-9])?$/i.test(name) && !name.includes("--"))
      return undefined;
    const message =
      `The parameter ${parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only ` +
      "ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.";
    return failure(property, "InvalidParameterValue", message);
  };
}

function inUse(name: string, context: Context): boolean {
  return DATABASES.some((database) => context.referrers(name, database).length > 0);
}

/** The network of the group: all its subnets exist, in two zones at least. */
function refuseBadSubnets(inputs: Properties, context: Context): string {
  const subnets = texts(inputs, "subnetIds").map((id) =>
    need(
      context.byId(SUBNET, id),
      () => new AwsError("InvalidParameterValue", `Some input subnets in :[${id}] are invalid.`),
    ),
  );
  if (new Set(subnets.map(({ properties }) => properties.availabilityZone)).size < 2) {
    const message =
      "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: " +
      `${[...new Set(subnets.map(({ properties }) => properties.availabilityZone))].join(", ")}. Add subnets to cover at least 2 AZs.`;
    throw new AwsError("DBSubnetGroupDoesNotCoverEnoughAZs", message);
  }
  return text(subnets[0]?.properties ?? {}, "vpcId") ?? "";
}

function subnetGroupName(inputs: Properties) {
  const name = text(inputs, "name");
  if (name === undefined || (/^[a-z0-9. _-]{1,255}$/.test(name) && name !== "default")) return undefined;
  const message = `The parameter DBSubnetGroupName is not a valid identifier. It must be 255 lowercase characters or fewer and not "default", got '${name}'`;
  return failure("name", "InvalidParameterValue", message);
}

export const subnetGroup: ResourceType = {
  token: SUBNET_GROUP,
  api: api("RDS", "DB Subnet Group", [
    "CreateDBSubnetGroup",
    "DescribeDBSubnetGroups",
    "ModifyDBSubnetGroup",
    "DeleteDBSubnetGroup",
  ]),
  required: ["subnetIds"],
  computed: ["arn", "supportedNetworkTypes", "vpcId"],
  replaceOn: ["name", "namePrefix"],
  unordered: ["subnetIds"],
  taggable: true,
  autoName: { property: "name", maxLength: 255, lowerCase: true },
  check: rules(subnetGroupName),
  defaults: () => ({ description: "Managed by Pulumi" }),
  uniqueName: (inputs) => text(inputs, "name"),
  nameTaken: (name) =>
    new AwsError("DBSubnetGroupAlreadyExists", `The DB subnet group '${name}' already exists.`),
  create(inputs, context) {
    const name = given(inputs, "name");
    const vpcId = refuseBadSubnets(inputs, context);
    return {
      id: name,
      properties: { arn: context.arn("rds", `subgrp:${name}`), supportedNetworkTypes: ["IPV4"], vpcId },
    };
  },
  references: (properties) => identifiers(properties, "subnetIds"),
  update(inputs, _current, context) {
    return { properties: { vpcId: refuseBadSubnets(inputs, context) } };
  },
  delete(current, context) {
    if (inUse(current.id, context)) {
      const message = `Cannot delete the subnet group '${current.id}' because at least one database instance: is still using it.`;
      throw new AwsError("InvalidDBSubnetGroupStateFault", message);
    }
    return undefined;
  },
};

export const clusterParameterGroup: ResourceType = {
  token: CLUSTER_PARAMETER_GROUP,
  api: api("RDS", "Cluster Parameter Group", [
    "CreateDBClusterParameterGroup",
    "DescribeDBClusterParameterGroups",
    "ModifyDBClusterParameterGroup",
    "DeleteDBClusterParameterGroup",
  ]),
  required: ["family"],
  computed: ["arn"],
  replaceOn: ["name", "namePrefix", "family", "description"],
  unordered: ["parameters"],
  taggable: true,
  autoName: { property: "name", maxLength: 255, lowerCase: true },
  check: rules(rdsName("name", "DBClusterParameterGroupName", 255)),
  defaults: () => ({ description: "Managed by Pulumi" }),
  uniqueName: (inputs) => text(inputs, "name"),
  nameTaken: (name) =>
    new AwsError("DBParameterGroupAlreadyExists", `Parameter group ${name} already exists`),
  create(inputs, context) {
    const name = given(inputs, "name");
    return { id: name, properties: { arn: context.arn("rds", `cluster-pg:${name}`) } };
  },
  delete(current, context) {
    if (inUse(current.id, context)) {
      const message =
        "One or more database instances are still members of this parameter group, so the group cannot be deleted";
      throw new AwsError("InvalidDBParameterGroupState", message);
    }
    return undefined;
  },
};
