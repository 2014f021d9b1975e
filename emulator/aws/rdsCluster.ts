/** RDS: Aurora clusters. The master user's password may be a secret that RDS manages itself. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { count, flag, text, texts } from "../values.ts";
import { needSecurityGroups } from "./ec2SecurityGroups.ts";
import { findKey } from "./kms.ts";
import { api, byAnyName, given, identifiers, need } from "./objects.ts";
import { CLUSTER_PARAMETER_GROUP, rdsName, SUBNET_GROUP } from "./rdsGroups.ts";
import { zoneNames } from "./regions.ts";
import { between, conflicts, failure, oneOf, rules } from "./rules.ts";

export const CLUSTER = "aws:rds/cluster:Cluster";
export const INSTANCE = "aws:rds/clusterInstance:ClusterInstance";

const ENGINES = ["aurora-mysql", "aurora-postgresql", "mysql", "postgres"];
/** What AWS picks when the program names no version or only a major one. */
const DEFAULT_VERSIONS: Readonly<Record<string, string>> = {
  "aurora-postgresql": "16.8",
  "aurora-mysql": "8.0.mysql_aurora.3.08.2",
  postgres: "17.4",
  mysql: "8.4.4",
};

export function actualVersion(engine: string, wanted: string | undefined): string {
  const usual = DEFAULT_VERSIONS[engine] ?? "";
  if (wanted === undefined) return usual;
  if (wanted.includes(".")) return wanted;
  return usual.startsWith(`${wanted}.`) ? usual : `${wanted}.4`;
}

export function portOf(inputs: Properties): number {
  return count(inputs, "port") ?? (given(inputs, "engine").includes("postgres") ? 5432 : 3306);
}

function passwordRule(inputs: Properties) {
  const password = text(inputs, "masterPassword");
  if (password === undefined || (password.length >= 8 && /^[!-.0-?A-~]+$/.test(password))) return undefined;
  const message =
    "The parameter MasterUserPassword is not a valid password because it must be 8 characters or more and only printable ASCII characters besides '/', '@', '\"', ' ' may be used.";
  return failure("masterPassword", "InvalidParameterValue", message);
}

function refuseDangling(inputs: Properties, context: Context): void {
  const group = text(inputs, "dbSubnetGroupName");
  if (group !== undefined) {
    need(
      context.byId(SUBNET_GROUP, group),
      () => new AwsError("DBSubnetGroupNotFoundFault", `DB subnet group '${group}' does not exist.`, 404),
    );
  }
  const parameters = text(inputs, "dbClusterParameterGroupName");
  if (parameters !== undefined && !parameters.startsWith("default.")) {
    need(
      context.byId(CLUSTER_PARAMETER_GROUP, parameters),
      () =>
        new AwsError(
          "DBClusterParameterGroupNotFound",
          `DBClusterParameterGroup not found: ${parameters}`,
          404,
        ),
    );
  }
  const key = text(inputs, "kmsKeyId");
  if (key !== undefined && findKey(context, key) === undefined) {
    throw new AwsError(
      "KMSKeyNotAccessibleFault",
      `The specified KMS key [${key}] does not exist, is not enabled or you do not have permissions to access it.`,
    );
  }
  needSecurityGroups(context, texts(inputs, "vpcSecurityGroupIds"));
}

function refuseNoMaster(inputs: Properties): void {
  const restored = [
    "snapshotIdentifier",
    "restoreToPointInTime",
    "s3Import",
    "replicationSourceIdentifier",
    "globalClusterIdentifier",
  ];
  if (restored.some((key) => inputs[key] !== undefined)) return;
  if (text(inputs, "masterUsername") === undefined) {
    throw new AwsError(
      "InvalidParameterValue",
      "The parameter MasterUsername must be provided and must not be blank.",
    );
  }
  const hasPassword = ["masterPassword", "masterPasswordWo", "manageMasterUserPassword"].some(
    (key) => inputs[key],
  );
  if (!hasPassword) {
    throw new AwsError(
      "InvalidParameterValue",
      "The parameter MasterUserPassword must be provided and must not be blank.",
    );
  }
}

/** The secret that RDS keeps in Secrets Manager for the master user. */
function managedSecret(inputs: Properties, resourceId: string, context: Context): Properties[] {
  if (flag(inputs, "manageMasterUserPassword") !== true) return [];
  const name = `rds!cluster-${resourceId}-${context.ids.mixed(6)}`;
  return [
    {
      kmsKeyId: text(inputs, "masterUserSecretKmsKeyId") ?? context.arn("kms", `key/${context.ids.uuid()}`),
      secretArn: context.arn("secretsmanager", `secret:${name}`),
      secretStatus: "active",
    },
  ];
}

/** What AWS fills in for inputs that are left out. */
function computedDefaults(inputs: Properties, context: Context): Properties {
  const engine = given(inputs, "engine");
  const version = actualVersion(engine, text(inputs, "engineVersion"));
  const family = engine.startsWith("aurora-mysql") ? "8.0" : (version.split(".")[0] ?? "");
  return {
    allocatedStorage: count(inputs, "allocatedStorage") ?? 1,
    availabilityZones: inputs.availabilityZones ?? zoneNames(context.region).slice(0, 3),
    backupRetentionPeriod: count(inputs, "backupRetentionPeriod") ?? 1,
    databaseName: text(inputs, "databaseName"),
    dbClusterParameterGroupName: text(inputs, "dbClusterParameterGroupName") ?? `default.${engine}${family}`,
    dbSubnetGroupName: text(inputs, "dbSubnetGroupName") ?? "default",
    engineLifecycleSupport: text(inputs, "engineLifecycleSupport") ?? "open-source-rds-extended-support",
    engineVersion: text(inputs, "engineVersion") ?? version,
    engineVersionActual: version,
    networkType: text(inputs, "networkType") ?? "IPV4",
    port: portOf(inputs),
    preferredBackupWindow: text(inputs, "preferredBackupWindow") ?? "03:00-03:30",
    preferredMaintenanceWindow: text(inputs, "preferredMaintenanceWindow") ?? "sun:05:00-sun:05:30",
    storageEncrypted: flag(inputs, "storageEncrypted") ?? false,
  };
}

export const cluster: ResourceType = {
  token: CLUSTER,
  api: api("RDS", "Cluster", ["CreateDBCluster", "DescribeDBClusters", "ModifyDBCluster", "DeleteDBCluster"]),
  required: ["engine"],
  computed: [
    "arn",
    "caCertificateValidTill",
    "clusterMembers",
    "clusterResourceId",
    "endpoint",
    "engineVersionActual",
    "hostedZoneId",
    "masterUserSecrets",
    "readerEndpoint",
    "upgradeRolloutOrder",
  ],
  replaceOn: [
    "availabilityZones",
    "clusterIdentifier",
    "clusterIdentifierPrefix",
    "clusterScalabilityType",
    "databaseName",
    "dbSubnetGroupName",
    "dbSystemId",
    "engine",
    "engineMode",
    "kmsKeyId",
    "masterUsername",
    "restoreToPointInTime",
    "s3Import",
    "snapshotIdentifier",
    "sourceRegion",
    "storageEncrypted",
  ],
  unordered: ["availabilityZones", "enabledCloudwatchLogsExports", "iamRoles", "vpcSecurityGroupIds"],
  writeOnly: [
    "allowMajorVersionUpgrade",
    "applyImmediately",
    "deleteAutomatedBackups",
    "finalSnapshotIdentifier",
    "masterPassword",
    "masterPasswordWo",
    "skipFinalSnapshot",
    "snapshotIdentifier",
  ],
  secret: ["masterPassword", "masterPasswordWo"],
  taggable: true,
  autoName: { property: "clusterIdentifier", maxLength: 63, lowerCase: true },
  check: rules(
    rdsName("clusterIdentifier", "DBClusterIdentifier"),
    oneOf("engine", "InvalidParameterValue", ENGINES),
    between("backupRetentionPeriod", "InvalidParameterValue", 1, 35),
    between("port", "InvalidParameterValue", 1150, 65_535),
    conflicts("masterPassword", "manageMasterUserPassword"),
    passwordRule,
  ),
  defaults: () => ({
    copyTagsToSnapshot: false,
    deleteAutomatedBackups: true,
    enableGlobalWriteForwarding: false,
    enableHttpEndpoint: false,
    enableLocalWriteForwarding: false,
    engineMode: "provisioned",
    skipFinalSnapshot: false,
  }),
  uniqueName: (inputs) => text(inputs, "clusterIdentifier"),
  nameTaken: () => new AwsError("DBClusterAlreadyExistsFault", "DB Cluster already exists"),
  create(inputs, context) {
    refuseNoMaster(inputs);
    refuseDangling(inputs, context);
    const name = given(inputs, "clusterIdentifier");
    const clusterResourceId = `cluster-${context.ids.upper(26)}`;
    const host = `c${context.ids.mixed(11).toLowerCase()}.${context.region}.rds.${context.dnsSuffix}`;
    return {
      id: name,
      properties: {
        ...computedDefaults(inputs, context),
        arn: context.arn("rds", `cluster:${name}`),
        clusterMembers: [],
        clusterResourceId,
        endpoint: `${name}.cluster-${host}`,
        hostedZoneId: `Z${context.ids.upper(13)}`,
        masterUserSecrets: managedSecret(inputs, context.ids.uuid(), context),
        readerEndpoint: `${name}.cluster-ro-${host}`,
        upgradeRolloutOrder: "second",
      },
    };
  },
  references: (properties) =>
    identifiers(
      properties,
      "dbSubnetGroupName",
      "dbClusterParameterGroupName",
      "kmsKeyId",
      "vpcSecurityGroupIds",
    ),
  update(inputs, current, context) {
    refuseDangling(inputs, context);
    const engine = given(inputs, "engine");
    const had = current.properties.masterUserSecrets;
    const hasSecret = Array.isArray(had) && had.length > 0;
    const managed = flag(inputs, "manageMasterUserPassword") === true;
    return {
      properties: {
        engineVersionActual: actualVersion(engine, text(inputs, "engineVersion")),
        masterUserSecrets: managed === hasSecret ? had : managedSecret(inputs, context.ids.uuid(), context),
      },
    };
  },
  read: (current, context) => ({
    clusterMembers: context.referrers(current.id, INSTANCE).map((instance) => instance.id),
  }),
  delete(current, context) {
    refuseDelete(current, context);
    return undefined;
  },
};

function refuseDelete(current: StoredResource, context: Context): void {
  const { properties } = current;
  if (flag(properties, "deletionProtection") === true) {
    const message = "Cannot delete protected Cluster, please disable deletion protection and try again.";
    throw new AwsError("InvalidParameterCombination", message);
  }
  if (
    flag(properties, "skipFinalSnapshot") !== true &&
    text(properties, "finalSnapshotIdentifier") === undefined
  ) {
    const message = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.";
    throw new AwsError("InvalidParameterCombination", message);
  }
  if (context.referrers(current.id, INSTANCE).length > 0) {
    const message = "Cluster cannot be deleted, it still contains DB instances in non-deleting state.";
    throw new AwsError("InvalidDBClusterStateFault", message);
  }
}

export function needCluster(context: Context, name: string): StoredResource {
  return need(
    byAnyName(context, CLUSTER, name),
    () => new AwsError("DBClusterNotFoundFault", `DBCluster ${name} not found.`, 404),
  );
}
