import {
  arn,
  type PolicyDocument,
  type PolicyStatement,
  policyDocument,
  viaService,
} from "../policyDocument.ts";
import { keyPrefix } from "../tenantServiceSet/layout.ts";
import type { ControllerScope } from "./controllerPolicies.ts";
import { allow, requestOfPlane, tenantOfPlane } from "./statements.ts";

/**
 * What the controller may do for tenants that have a bucket, a database, a key or a network of their own. What has a name
 * of ours is told by the name, the rest by its tags: made for this plane, and a tenant's. It cannot read what lies in
 * those buckets and databases: objects by a refusal that no bucket policy overrides, databases for want of a password.
 *
 * Whoever makes a key or a bucket also writes its policy: as with the roles' trust, the controller's credentials are
 * worth what the tenants of the plane own.
 */

/** Buckets, keys and databases. */
export function controllerDataPolicy(scope: ControllerScope): PolicyDocument {
  const { location, environment } = scope;
  const buckets = `arn:${location.partition}:s3:::${keyPrefix(environment)}*`;
  return policyDocument([
    allow("Buckets", BUCKET_ACTIONS, buckets),
    // A bucket goes with what is left in it.
    allow("EmptyBuckets", ["s3:DeleteObject", "s3:DeleteObjectVersion"], `${buckets}/*`),
    {
      Sid: "NeverReadObjects",
      Effect: "Deny",
      Action: ["s3:GetObject", "s3:GetObjectVersion"],
      Resource: `${buckets}/*`,
    },
    ...keys(scope),
    ...databases(scope),
  ]);
}

const BUCKET_ACTIONS = [
  "s3:CreateBucket",
  "s3:DeleteBucket",
  "s3:DeleteBucketPolicy",
  "s3:GetAccelerateConfiguration",
  "s3:GetBucket*",
  "s3:GetEncryptionConfiguration",
  "s3:GetLifecycleConfiguration",
  "s3:GetReplicationConfiguration",
  "s3:ListBucket",
  "s3:ListBucketVersions",
  "s3:PutBucketPolicy",
  "s3:PutBucketPublicAccessBlock",
  "s3:PutBucketTagging",
  "s3:PutBucketVersioning",
  "s3:PutEncryptionConfiguration",
  "s3:PutLifecycleConfiguration",
];
function keys({ location, environment, planeName }: ControllerScope): readonly PolicyStatement[] {
  const all = arn(location, "kms", "key/*");
  const tenants = tenantOfPlane(planeName);
  const aliases = arn(location, "kms", `alias/${keyPrefix(environment)}*`);
  const alias = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"];
  return [
    allow("NewKeys", ["kms:CreateKey"], "*", requestOfPlane(planeName)),
    allow("TagNewKeys", ["kms:TagResource"], all, requestOfPlane(planeName)),
    allow(
      "KeepKeys",
      [
        ...alias,
        "kms:DescribeKey",
        "kms:EnableKeyRotation",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
        "kms:ListResourceTags",
        "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion",
        "kms:TagResource",
        "kms:UntagResource",
        "kms:UpdateKeyDescription",
      ],
      all,
      tenants,
    ),
    allow("KeyAliases", alias, aliases),
    allow("UseKeysForSecrets", ["kms:Decrypt", "kms:GenerateDataKey"], all, {
      ...tenants,
      StringEquals: {
        ...tenants.StringEquals,
        "kms:ViaService": viaService(location, "secretsmanager"),
      },
    }),
    // RDS takes its grant in the caller's name.
    allow("LendKeysToRds", ["kms:CreateGrant"], all, {
      ...tenants,
      Bool: { "kms:GrantIsForAWSResource": "true" },
    }),
    allow("ListAliases", ["kms:ListAliases"], "*"),
  ];
}

function databases({ location, environment, planeName }: ControllerScope): readonly PolicyStatement[] {
  const prefix = keyPrefix(environment);
  const at = (resource: string) => arn(location, "rds", resource);
  const named = [at(`cluster:${prefix}*`), at(`db:${prefix}*`)];
  const groups = [at("subgrp:*"), at("cluster-pg:*")];
  return [
    allow(
      "Databases",
      [
        "rds:AddTagsToResource",
        "rds:CreateDBCluster",
        "rds:CreateDBInstance",
        "rds:DeleteDBCluster",
        "rds:DeleteDBInstance",
        "rds:ListTagsForResource",
        "rds:ModifyDBCluster",
        "rds:ModifyDBInstance",
        "rds:RemoveTagsFromResource",
      ],
      named,
    ),
    allow(
      "NewDatabaseGroups",
      [
        "rds:AddTagsToResource",
        "rds:CreateDBCluster",
        "rds:CreateDBClusterParameterGroup",
        "rds:CreateDBSubnetGroup",
      ],
      groups,
      requestOfPlane(planeName),
    ),
    allow(
      "KeepDatabaseGroups",
      [
        "rds:AddTagsToResource",
        "rds:DeleteDBClusterParameterGroup",
        "rds:DeleteDBSubnetGroup",
        "rds:DescribeDBClusterParameters",
        "rds:ListTagsForResource",
        "rds:ModifyDBClusterParameterGroup",
        "rds:ModifyDBSubnetGroup",
        "rds:RemoveTagsFromResource",
      ],
      groups,
      tenantOfPlane(planeName),
    ),
    allow(
      "LookAtDatabases",
      [
        "rds:DescribeDBClusterParameterGroups",
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSubnetGroups",
      ],
      "*",
    ),
    // RDS makes the master password's secret in the caller's name; reading it is nobody's but the automation's.
    allow(
      "MasterSecrets",
      ["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
      arn(location, "secretsmanager", "secret:rds!cluster-*"),
    ),
  ];
}
