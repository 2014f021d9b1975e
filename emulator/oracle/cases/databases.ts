/** RDS: Aurora clusters and what they stand on. */
import type { Case } from "../case.ts";
import { asSetup, on } from "../case.ts";
import { network, subnetA, subnetB } from "./network.ts";

const group = on("aws:rds/subnetGroup:SubnetGroup");
const parameters = on("aws:rds/clusterParameterGroup:ClusterParameterGroup");
const cluster = on("aws:rds/cluster:Cluster");
const instance = on("aws:rds/clusterInstance:ClusterInstance");

const MISSING = "subnet-0123456789abcdef0";
const both = ["{{subnetA.id}}", "{{subnetB.id}}"];
const Both = ["{{subnetA.Subnet.SubnetId}}", "{{subnetB.Subnet.SubnetId}}"];

const subnets = group.create(
  "subnets",
  { name: "plane", description: "d", subnetIds: both },
  [
    [
      "rds",
      "create_db_subnet_group",
      { DBSubnetGroupName: "plane", DBSubnetGroupDescription: "d", SubnetIds: Both },
    ],
  ],
  {
    id: "DBSubnetGroup.DBSubnetGroupName",
    arn: "DBSubnetGroup.DBSubnetGroupArn",
    vpcId: "DBSubnetGroup.VpcId",
    supportedNetworkTypes: "DBSubnetGroup.SupportedNetworkTypes",
  },
);

const settings = parameters.create(
  "settings",
  { name: "plane", description: "d", family: "aurora-postgresql16" },
  [
    [
      "rds",
      "create_db_cluster_parameter_group",
      {
        DBClusterParameterGroupName: "plane",
        DBParameterGroupFamily: "aurora-postgresql16",
        Description: "d",
      },
    ],
  ],
  {
    id: "DBClusterParameterGroup.DBClusterParameterGroupName",
    arn: "DBClusterParameterGroup.DBClusterParameterGroupArn",
  },
);

const groups: Case = {
  name: "database groups",
  steps: [
    asSetup(network),
    asSetup(subnetA),
    subnetB,
    subnets,
    group.create("subnetsTwice", { name: "plane", description: "d", subnetIds: both }, [
      [
        "rds",
        "create_db_subnet_group",
        { DBSubnetGroupName: "plane", DBSubnetGroupDescription: "d", SubnetIds: Both },
      ],
    ]),
    group.create("lostSubnet", { name: "lost", description: "d", subnetIds: [MISSING, "{{subnetA.id}}"] }, [
      [
        "rds",
        "create_db_subnet_group",
        {
          DBSubnetGroupName: "lost",
          DBSubnetGroupDescription: "d",
          SubnetIds: [MISSING, "{{subnetA.Subnet.SubnetId}}"],
        },
      ],
    ]),
    group.create("oneZone", { name: "one", description: "d", subnetIds: ["{{subnetA.id}}"] }, [
      [
        "rds",
        "create_db_subnet_group",
        {
          DBSubnetGroupName: "one",
          DBSubnetGroupDescription: "d",
          SubnetIds: ["{{subnetA.Subnet.SubnetId}}"],
        },
      ],
    ]),
    group.create("longName", { name: "a".repeat(256), description: "d", subnetIds: both }, [
      [
        "rds",
        "create_db_subnet_group",
        { DBSubnetGroupName: "a".repeat(256), DBSubnetGroupDescription: "d", SubnetIds: Both },
      ],
    ]),
    settings,
    parameters.create("settingsTwice", { name: "plane", description: "d", family: "aurora-postgresql16" }, [
      [
        "rds",
        "create_db_cluster_parameter_group",
        {
          DBClusterParameterGroupName: "plane",
          DBParameterGroupFamily: "aurora-postgresql16",
          Description: "d",
        },
      ],
    ]),
  ],
};

const data = {
  clusterIdentifier: "plane",
  engine: "aurora-postgresql",
  engineVersion: "16.8",
  masterUsername: "root",
  manageMasterUserPassword: true,
  dbSubnetGroupName: "{{subnets.id}}",
  skipFinalSnapshot: true,
};
const Data = {
  DBClusterIdentifier: "plane",
  Engine: "aurora-postgresql",
  EngineVersion: "16.8",
  MasterUsername: "root",
  ManageMasterUserPassword: true,
  DBSubnetGroupName: "plane",
};
const writer = {
  identifier: "plane-1",
  clusterIdentifier: "{{plane.id}}",
  engine: "aurora-postgresql",
  instanceClass: "db.serverless",
};
const Writer = {
  DBInstanceIdentifier: "plane-1",
  DBClusterIdentifier: "plane",
  Engine: "aurora-postgresql",
  DBInstanceClass: "db.serverless",
};

const databases: Case = {
  name: "databases",
  steps: [
    asSetup(network),
    asSetup(subnetA),
    subnetB,
    asSetup(subnets),
    asSetup(settings),
    cluster.create("plane", data, [["rds", "create_db_cluster", Data]], {
      id: "DBCluster.DBClusterIdentifier",
      arn: "DBCluster.DBClusterArn",
      clusterResourceId: "DBCluster.DbClusterResourceId",
      endpoint: "DBCluster.Endpoint",
      readerEndpoint: "DBCluster.ReaderEndpoint",
      hostedZoneId: "DBCluster.HostedZoneId",
      port: "DBCluster.Port",
      engineMode: "DBCluster.EngineMode",
      engineVersionActual: "DBCluster.EngineVersion",
      backupRetentionPeriod: "DBCluster.BackupRetentionPeriod",
      availabilityZones: "DBCluster.AvailabilityZones",
      networkType: "DBCluster.NetworkType",
      storageEncrypted: "DBCluster.StorageEncrypted",
      copyTagsToSnapshot: "DBCluster.CopyTagsToSnapshot",
      clusterMembers: "DBCluster.DBClusterMembers",
      "masterUserSecrets.0.secretArn": "DBCluster.MasterUserSecret.SecretArn",
      "masterUserSecrets.0.secretStatus": "DBCluster.MasterUserSecret.SecretStatus",
      "masterUserSecrets.0.kmsKeyId": "DBCluster.MasterUserSecret.KmsKeyId",
    }),
    cluster.create("planeTwice", data, [["rds", "create_db_cluster", Data]]),
    cluster.create("lostSubnets", { ...data, clusterIdentifier: "b", dbSubnetGroupName: "lost" }, [
      ["rds", "create_db_cluster", { ...Data, DBClusterIdentifier: "b", DBSubnetGroupName: "lost" }],
    ]),
    cluster.create("lostSettings", { ...data, clusterIdentifier: "c", dbClusterParameterGroupName: "lost" }, [
      [
        "rds",
        "create_db_cluster",
        { ...Data, DBClusterIdentifier: "c", DBClusterParameterGroupName: "lost" },
      ],
    ]),
    cluster.create("badEngine", { ...data, clusterIdentifier: "d", engine: "oracle-of-delphi" }, [
      ["rds", "create_db_cluster", { ...Data, DBClusterIdentifier: "d", Engine: "oracle-of-delphi" }],
    ]),
    cluster.create("noMaster", { clusterIdentifier: "e", engine: "aurora-postgresql" }, [
      ["rds", "create_db_cluster", { DBClusterIdentifier: "e", Engine: "aurora-postgresql" }],
    ]),
    cluster.create(
      "shortPassword",
      {
        clusterIdentifier: "b",
        engine: "aurora-postgresql",
        masterUsername: "root",
        masterPassword: "short",
      },
      [
        [
          "rds",
          "create_db_cluster",
          {
            DBClusterIdentifier: "b",
            Engine: "aurora-postgresql",
            MasterUsername: "root",
            MasterUserPassword: "short",
          },
        ],
      ],
    ),
    cluster.create("badName", { ...data, clusterIdentifier: "-b" }, [
      ["rds", "create_db_cluster", { ...Data, DBClusterIdentifier: "-b" }],
    ]),
    instance.create("writer", writer, [["rds", "create_db_instance", Writer]], {
      id: "DBInstance.DBInstanceIdentifier",
      arn: "DBInstance.DBInstanceArn",
      dbiResourceId: "DBInstance.DbiResourceId",
      endpoint: "DBInstance.Endpoint.Address",
      port: "DBInstance.Endpoint.Port",
      promotionTier: "DBInstance.PromotionTier",
      autoMinorVersionUpgrade: "DBInstance.AutoMinorVersionUpgrade",
      monitoringInterval: "DBInstance.MonitoringInterval",
      publiclyAccessible: "DBInstance.PubliclyAccessible",
      dbSubnetGroupName: "DBInstance.DBSubnetGroup.DBSubnetGroupName",
    }),
    cluster.read(
      "planeWithWriter",
      "plane",
      [["rds", "describe_db_clusters", { DBClusterIdentifier: "plane" }]],
      {
        "clusterMembers.0": "DBClusters.0.DBClusterMembers.0.DBInstanceIdentifier",
      },
    ),
    instance.create("writerTwice", writer, [["rds", "create_db_instance", Writer]]),
    instance.create("instanceNoCluster", { ...writer, identifier: "b", clusterIdentifier: "lost" }, [
      ["rds", "create_db_instance", { ...Writer, DBInstanceIdentifier: "b", DBClusterIdentifier: "lost" }],
    ]),
    instance.create("otherEngine", { ...writer, identifier: "b", engine: "aurora-mysql" }, [
      ["rds", "create_db_instance", { ...Writer, DBInstanceIdentifier: "b", Engine: "aurora-mysql" }],
    ]),
    group.delete("subnetsInUse", "subnets", [
      ["rds", "delete_db_subnet_group", { DBSubnetGroupName: "plane" }],
    ]),
    cluster.delete("planeInUse", "plane", [
      ["rds", "delete_db_cluster", { DBClusterIdentifier: "plane", SkipFinalSnapshot: true }],
    ]),
    instance.delete("writerGone", "writer", [
      ["rds", "delete_db_instance", { DBInstanceIdentifier: "plane-1", SkipFinalSnapshot: true }],
    ]),
    cluster.delete("planeGone", "plane", [
      ["rds", "delete_db_cluster", { DBClusterIdentifier: "plane", SkipFinalSnapshot: true }],
    ]),
    cluster.create("kept", { ...data, clusterIdentifier: "kept", deletionProtection: true }, [
      ["rds", "create_db_cluster", { ...Data, DBClusterIdentifier: "kept", DeletionProtection: true }],
    ]),
    cluster.delete("keptStays", "kept", [
      ["rds", "delete_db_cluster", { DBClusterIdentifier: "kept", SkipFinalSnapshot: true }],
    ]),
  ],
};

export const databaseCases: readonly Case[] = [groups, databases];
