import {
  arn,
  type Location,
  type PolicyDocument,
  type PolicyStatement,
  policyDocument,
  viaService,
} from "../policyDocument.ts";
import { TAG } from "../tags.ts";
import { keyPrefix } from "../tenantServiceSet/layout.ts";
import { allow, tenantOfPlane } from "./statements.ts";

/**
 * What the automation may do: the control service's steps that no stack declares. It provisions databases with the
 * administrator's secret, writes tenants' credentials, moves objects into the archive and back, puts routing snapshots,
 * restarts services, and looks at what there is. It makes and unmakes no resource, writes no role and no policy: that is
 * the controller's, which in turn reads none of this. Each is assumed for its own calls alone.
 */
export interface AutomationScope {
  readonly location: Location;
  readonly environment: string;
  readonly planeName: string;
  readonly clusterName: string;
  readonly databaseClusterArn: string;
  readonly dataBucketArn: string;
  readonly archiveBucketArn: string;
  readonly snapshotBucketArn: string;
  readonly kmsKeyArn: string;
}

export function automationPolicy(scope: AutomationScope): PolicyDocument {
  const { location, environment } = scope;
  return policyDocument([
    ...databases(scope),
    allow(
      "TenantSecrets",
      ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
      arn(location, "secretsmanager", `secret:/${environment}/tenants/*`),
    ),
    ...objects(scope),
    ...keyUse(scope),
    ...services(scope),
    allow("Look", LOOK_ACTIONS, "*"),
    // It acts for the service; it becomes nobody else.
    { Sid: "NeverWearARole", Effect: "Deny", Action: ["sts:AssumeRole"], Resource: "*" },
  ]);
}

/** Listings that AWS cannot narrow: health, what carries a tag, and how full the account is. */
const LOOK_ACTIONS = [
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSecurityGroups",
  "ec2:DescribeSubnets",
  "ecs:ListServices",
  "elasticloadbalancing:DescribeLoadBalancers",
  "elasticloadbalancing:DescribeRules",
  "elasticloadbalancing:DescribeTargetGroups",
  "iam:GetAccountAuthorizationDetails",
  "iam:GetAccountSummary",
  "logs:DescribeLogGroups",
  "rds:DescribeDBClusters",
  "secretsmanager:ListSecrets",
  "servicequotas:GetServiceQuota",
  "servicequotas:ListServiceQuotas",
  "tag:GetResources",
];

/** RDS tags the secrets it manages with their cluster: the plane's, or a tenant's own. */
function databases({
  location,
  environment,
  databaseClusterArn,
}: AutomationScope): readonly PolicyStatement[] {
  return [
    allow(
      "DatabaseAdministrator",
      ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
      arn(location, "secretsmanager", "secret:rds!cluster-*"),
      {
        StringLike: {
          "aws:ResourceTag/aws:rds:primaryDBClusterArn": [
            databaseClusterArn,
            arn(location, "rds", `cluster:${keyPrefix(environment)}*`),
          ],
        },
      },
    ),
  ];
}

function objects(scope: AutomationScope): readonly PolicyStatement[] {
  const { location, environment, dataBucketArn, archiveBucketArn, snapshotBucketArn } = scope;
  const own = `arn:${location.partition}:s3:::${keyPrefix(environment)}*`;
  const buckets = [dataBucketArn, archiveBucketArn, own];
  return [
    allow("ListTenantData", ["s3:ListBucket", "s3:ListBucketVersions"], buckets),
    allow(
      "TenantData",
      [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetObject",
        // A copy takes the object's tags along.
        "s3:GetObjectTagging",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "s3:PutObjectTagging",
      ],
      [`${dataBucketArn}/tenants/*`, `${archiveBucketArn}/*`, `${own}/tenants/*`],
    ),
    allow("ListSnapshots", ["s3:ListBucket"], snapshotBucketArn, {
      StringLike: { "s3:prefix": "routing/*" },
    }),
    allow("Snapshots", ["s3:GetObject", "s3:PutObject"], `${snapshotBucketArn}/routing/*`),
  ];
}

function keyUse({ location, planeName, kmsKeyArn }: AutomationScope): readonly PolicyStatement[] {
  const actions = ["kms:Decrypt", "kms:GenerateDataKey"];
  const via = { "kms:ViaService": ["s3", "secretsmanager"].map((name) => viaService(location, name)) };
  const tenants = tenantOfPlane(planeName);
  return [
    allow("PlaneKey", actions, kmsKeyArn, { StringEquals: via }),
    // Whether a key is to be deleted, for certificates of what is gone.
    allow("KeyFacts", ["kms:DescribeKey"], arn(location, "kms", "key/*"), {
      StringEquals: { [`aws:ResourceTag/${TAG.plane}`]: planeName },
    }),
    allow("TenantKeys", actions, arn(location, "kms", "key/*"), {
      ...tenants,
      StringEquals: { ...tenants.StringEquals, ...via },
    }),
  ];
}

/** A restart, which names no definition: another one would be a deployment. */
function services({ location, environment, clusterName, planeName }: AutomationScope) {
  const prefix = keyPrefix(environment);
  const arns = [clusterName, `${prefix}*`].map((cluster) =>
    arn(location, "ecs", `service/${cluster}/${prefix}*`),
  );
  return [
    allow("Health", ["ecs:DescribeServices"], arns),
    allow("Restart", ["ecs:UpdateService"], arns, {
      StringEquals: { [`aws:ResourceTag/${TAG.plane}`]: planeName },
      Null: { "ecs:task-definition": "true" },
    }),
  ];
}
