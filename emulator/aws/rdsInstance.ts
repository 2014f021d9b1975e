/** RDS: instances of an Aurora cluster. The first one writes. */
import { AwsError } from "../awsError.ts";
import type { Properties, ResourceType } from "../resourceType.ts";
import { flag, text } from "../values.ts";
import { api, given, identifiers } from "./objects.ts";
import { actualVersion, INSTANCE, needCluster, portOf } from "./rdsCluster.ts";
import { rdsName } from "./rdsGroups.ts";
import { zoneNames } from "./regions.ts";
import { between, failure, rules } from "./rules.ts";

function classRule(inputs: Properties) {
  const value = text(inputs, "instanceClass");
  if (value === undefined || /^db\.([a-z0-9]+\.[a-z0-9]+|serverless)$/.test(value)) return undefined;
  return failure("instanceClass", "InvalidParameterValue", `Invalid DB Instance class: ${value}`);
}

export const clusterInstance: ResourceType = {
  token: INSTANCE,
  api: api("RDS", "Cluster Instance", [
    "CreateDBInstance",
    "DescribeDBInstances",
    "ModifyDBInstance",
    "DeleteDBInstance",
  ]),
  required: ["clusterIdentifier", "engine", "instanceClass"],
  computed: [
    "arn",
    "dbiResourceId",
    "endpoint",
    "engineVersionActual",
    "kmsKeyId",
    "networkType",
    "port",
    "storageEncrypted",
    "writer",
  ],
  replaceOn: [
    "availabilityZone",
    "clusterIdentifier",
    "customIamInstanceProfile",
    "dbSubnetGroupName",
    "engine",
    "identifier",
    "identifierPrefix",
  ],
  writeOnly: ["applyImmediately", "forceDestroy"],
  taggable: true,
  autoName: { property: "identifier", maxLength: 63, lowerCase: true },
  check: rules(
    rdsName("identifier", "DBInstanceIdentifier"),
    classRule,
    between("promotionTier", "InvalidParameterValue", 0, 15),
  ),
  defaults: () => ({
    autoMinorVersionUpgrade: true,
    copyTagsToSnapshot: false,
    forceDestroy: false,
    monitoringInterval: 0,
    promotionTier: 0,
  }),
  uniqueName: (inputs) => text(inputs, "identifier"),
  nameTaken: () => new AwsError("DBInstanceAlreadyExists", "DB instance already exists"),
  create(inputs, context) {
    const owner = needCluster(context, given(inputs, "clusterIdentifier"));
    const engine = given(inputs, "engine");
    if (engine !== owner.properties.engine) {
      const message =
        "The engine name requested for your DB instance doesn't match the engine name of your DB cluster.";
      throw new AwsError("InvalidParameterCombination", message);
    }
    const name = given(inputs, "identifier");
    const version = actualVersion(engine, text(owner.properties, "engineVersion"));
    return {
      id: name,
      properties: {
        arn: context.arn("rds", `db:${name}`),
        availabilityZone: text(inputs, "availabilityZone") ?? zoneNames(context.region)[0],
        dbiResourceId: `db-${context.ids.upper(26)}`,
        dbSubnetGroupName: text(owner.properties, "dbSubnetGroupName"),
        endpoint: `${name}.c${context.ids.mixed(11).toLowerCase()}.${context.region}.rds.${context.dnsSuffix}`,
        engineVersion: text(inputs, "engineVersion") ?? version,
        engineVersionActual: version,
        kmsKeyId: text(owner.properties, "kmsKeyId"),
        networkType: text(owner.properties, "networkType"),
        performanceInsightsEnabled: flag(inputs, "performanceInsightsEnabled") ?? false,
        port: portOf(owner.properties),
        preferredMaintenanceWindow: text(inputs, "preferredMaintenanceWindow") ?? "sun:05:00-sun:05:30",
        publiclyAccessible: flag(inputs, "publiclyAccessible") ?? false,
        storageEncrypted: flag(owner.properties, "storageEncrypted") ?? false,
        writer: context.referrers(owner.id, INSTANCE).length === 0,
      },
    };
  },
  references: (properties) => identifiers(properties, "clusterIdentifier", "monitoringRoleArn"),
};
