import {
  arn,
  iamArn,
  type Location,
  type PolicyDocument,
  type PolicyStatement,
  policyDocument,
  viaService,
} from "../policyDocument.ts";
import { TAG } from "../tags.ts";
import { keyPrefix } from "../tenantServiceSet/layout.ts";
import { allow, requestOfPlane, tenantOfPlane } from "./statements.ts";

/**
 * What the controller, which runs the tenants' stacks, may do: make and unmake a tenant's resources on this plane. It
 * can neither read a tenant's secrets or objects nor wear a tenant's role itself, nor create a role outside the
 * boundary, nor change what the plane is made of.
 *
 * Two things IAM cannot take from whoever deploys tasks: the controller decides what a tenant's task runs and whom a
 * tenant's role trusts, so its credentials are worth what the boundary allows all tenants of the plane together; and
 * ECS's deregistration knows no narrower resource than its own kind. Give the role to the
 * control service alone (`tenantry:controller.trustedPrincipals`).
 */
export interface ControllerScope {
  readonly location: Location;
  readonly environment: string;
  readonly planeName: string;
  readonly tenantRolePath: string;
  readonly boundaryArn: string;
  readonly vpcId: string;
  readonly clusterArn: string;
  readonly clusterName: string;
  readonly namespaceArn: string;
  readonly kmsKeyArn: string;
  /** The plane's public zone. */
  readonly dnsZoneId: string;
  readonly domain: string;
}

/** Matches a UUID, so that what lies below is a tenant's; the plane's own log groups lie beside the tenants'. */
const ANY_TENANT_ID = [8, 4, 4, 4, 12].map((length) => "?".repeat(length)).join("-");
const AUTOSCALING_SERVICE = "ecs.application-autoscaling.amazonaws.com";
const AUTOSCALING_ROLE = `role/aws-service-role/${AUTOSCALING_SERVICE}/AWSServiceRoleForApplicationAutoScaling_ECSService`;

/** Roles, only below the tenants' path and only under the boundary. */
export function controllerRolesPolicy(scope: ControllerScope): PolicyDocument {
  const { location, tenantRolePath, boundaryArn } = scope;
  const roles = iamArn(location, `role${tenantRolePath}*`);
  return policyDocument([
    allow(
      "WriteBoundedRoles",
      ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary"],
      roles,
      { StringEquals: { "iam:PermissionsBoundary": boundaryArn } },
    ),
    allow(
      "KeepRoles",
      [
        "iam:DeleteRole",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole",
        "iam:ListRolePolicies",
        "iam:ListRoleTags",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole",
        "iam:UpdateRoleDescription",
      ],
      roles,
    ),
    // The first scalable target of an account makes AWS create this role, in the caller's name.
    allow("AutoscalingsOwnRole", ["iam:CreateServiceLinkedRole"], iamArn(location, AUTOSCALING_ROLE), {
      StringEquals: { "iam:AWSServiceName": AUTOSCALING_SERVICE },
    }),
    allow("PassRolesToTasks", ["iam:PassRole"], roles, {
      StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
    }),
    {
      // The boundary reads the tenant from this tag: once a role has it, it stays.
      Sid: "NeverRenameARoleOwner",
      Effect: "Deny",
      Action: ["iam:TagRole", "iam:UntagRole"],
      Resource: "*",
      Condition: {
        "ForAnyValue:StringEquals": { "aws:TagKeys": [TAG.tenantId] },
        Null: { [`aws:ResourceTag/${TAG.tenantId}`]: "false" },
      },
    },
    {
      // A role's own trust would suffice within one account, and the controller writes that trust.
      Sid: "NeverWearARole",
      Effect: "Deny",
      Action: ["sts:AssumeRole"],
      Resource: "*",
    },
  ]);
}

/** Everything else a tenant has. */
export function controllerResourcesPolicy(scope: ControllerScope): PolicyDocument {
  const { location, environment, planeName, kmsKeyArn } = scope;
  const prefix = keyPrefix(environment);
  const logs = arn(location, "logs", `log-group:/tenantry/${planeName}/${ANY_TENANT_ID}/*`);
  return policyDocument([
    ...ecs(scope, prefix),
    ...network(scope),
    ...discovery(scope),
    ...autoscaling(scope, prefix),
    allow("Queues", QUEUE_ACTIONS, arn(location, "sqs", `${prefix}*`)),
    allow("Secrets", SECRET_ACTIONS, arn(location, "secretsmanager", `secret:/${environment}/tenants/*`)),
    allow("LogGroups", LOG_ACTIONS, [logs, `${logs}:log-stream:`]),
    allow("KeyForSecrets", ["kms:Decrypt", "kms:GenerateDataKey"], kmsKeyArn, {
      StringEquals: { "kms:ViaService": viaService(location, "secretsmanager") },
    }),
    allow("KeyFacts", ["kms:DescribeKey"], kmsKeyArn),
    allow("Look", LOOK_ACTIONS, "*"),
  ]);
}

const QUEUE_ACTIONS = [
  "sqs:CreateQueue",
  "sqs:DeleteQueue",
  "sqs:GetQueueAttributes",
  "sqs:GetQueueUrl",
  "sqs:ListQueueTags",
  "sqs:SetQueueAttributes",
  "sqs:TagQueue",
  "sqs:UntagQueue",
];
/** Values are written for tenants (PutSecretValue), never read back. */
const SECRET_ACTIONS = [
  "secretsmanager:CreateSecret",
  "secretsmanager:DeleteSecret",
  "secretsmanager:DescribeSecret",
  "secretsmanager:GetResourcePolicy",
  "secretsmanager:PutSecretValue",
  "secretsmanager:RestoreSecret",
  "secretsmanager:TagResource",
  "secretsmanager:UntagResource",
  "secretsmanager:UpdateSecret",
];
const LOG_ACTIONS = [
  "logs:AssociateKmsKey",
  "logs:CreateLogGroup",
  "logs:DeleteLogGroup",
  "logs:ListTagsForResource",
  "logs:PutRetentionPolicy",
  "logs:TagResource",
  "logs:UntagResource",
];
/**
 * Listings that AWS cannot narrow to resources. Services, secrets and roles are listed to tell health and to find what a
 * decommissioned tenant left behind.
 */
const LOOK_ACTIONS = [
  "application-autoscaling:DescribeScalableTargets",
  "application-autoscaling:DescribeScalingPolicies",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSecurityGroupRules",
  "ec2:DescribeSecurityGroups",
  "ecs:DeregisterTaskDefinition",
  "ecs:DescribeTaskDefinition",
  "ecs:ListServices",
  "iam:GetAccountAuthorizationDetails",
  "logs:DescribeLogGroups",
  "secretsmanager:ListSecrets",
  "servicediscovery:GetOperation",
  "sts:GetCallerIdentity",
  "tag:GetResources",
];

function ecs(
  { location, clusterName, clusterArn }: ControllerScope,
  prefix: string,
): readonly PolicyStatement[] {
  // The plane's cluster, and those of tenants that have one.
  const clusters = [clusterName, `${prefix}*`];
  const services = clusters.map((cluster) => arn(location, "ecs", `service/${cluster}/${prefix}*`));
  const deployments = clusters.map((cluster) =>
    arn(location, "ecs", `service-deployment/${cluster}/${prefix}*`),
  );
  const definitions = arn(location, "ecs", `task-definition/${prefix}*:*`);
  return [
    allow(
      "Services",
      ["ecs:CreateService", "ecs:UpdateService", "ecs:DeleteService", "ecs:DescribeServices"],
      services,
      // A definition brings its role along: the router's, say, must not run under a tenant's name.
      {
        ArnLike: { "ecs:cluster": [clusterArn, arn(location, "ecs", `cluster/${prefix}*`)] },
        ArnLikeIfExists: { "ecs:task-definition": definitions },
      },
    ),
    // How the provider tells that a deployment is done or rolled back.
    allow(
      "Deployments",
      ["ecs:ListServiceDeployments", "ecs:DescribeServiceDeployments"],
      [...services, ...deployments],
    ),
    allow("TaskDefinitions", ["ecs:RegisterTaskDefinition"], definitions),
    allow(
      "EcsTags",
      ["ecs:TagResource", "ecs:UntagResource", "ecs:ListTagsForResource"],
      [...services, definitions],
    ),
  ];
}

function network(scope: ControllerScope): readonly PolicyStatement[] {
  const { location, vpcId, planeName } = scope;
  const groups = arn(location, "ec2", "security-group/*");
  return [
    allow("GroupsInVpc", ["ec2:CreateSecurityGroup"], arn(location, "ec2", `vpc/${vpcId}`)),
    allow("NewGroups", ["ec2:CreateSecurityGroup"], groups, requestOfPlane(planeName)),
    allow("TagNewGroups", ["ec2:CreateTags"], groups, {
      StringEquals: { "ec2:CreateAction": "CreateSecurityGroup", [`aws:RequestTag/${TAG.plane}`]: planeName },
    }),
    allow(
      "KeepGroups",
      [
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:CreateTags",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteTags",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupIngress",
      ],
      groups,
      tenantOfPlane(planeName),
    ),
  ];
}

function discovery({ location, namespaceArn, planeName }: ControllerScope): readonly PolicyStatement[] {
  const services = arn(location, "servicediscovery", "service/*");
  return [
    allow("NewDiscoveryNames", ["servicediscovery:CreateService"], namespaceArn),
    allow(
      "MarkDiscoveryNames",
      ["servicediscovery:CreateService", "servicediscovery:TagResource"],
      services,
      requestOfPlane(planeName),
    ),
    allow(
      "KeepDiscoveryNames",
      [
        "servicediscovery:DeleteService",
        "servicediscovery:DeregisterInstance",
        "servicediscovery:GetService",
        "servicediscovery:ListInstances",
        "servicediscovery:ListTagsForResource",
        "servicediscovery:TagResource",
        "servicediscovery:UntagResource",
        "servicediscovery:UpdateService",
      ],
      services,
      tenantOfPlane(planeName),
    ),
  ];
}

/**
 * The ARN of a scalable target is a random id and tells nothing of the service, so tags must: a target that exists is
 * touched only if it is of this plane, and never if it is the plane's own. The plane registers its router itself, so
 * that nobody else can.
 */
function autoscaling(
  { location, clusterName, planeName }: ControllerScope,
  prefix: string,
): readonly PolicyStatement[] {
  const targets = arn(location, "application-autoscaling", "scalable-target/*");
  return [
    allow(
      "Scaling",
      [
        "application-autoscaling:DeleteScalingPolicy",
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:RegisterScalableTarget",
      ],
      targets,
      {
        StringEquals: {
          "application-autoscaling:service-namespace": "ecs",
          "application-autoscaling:scalable-dimension": "ecs:service:DesiredCount",
        },
        StringEqualsIfExists: { [`aws:ResourceTag/${TAG.plane}`]: planeName },
      },
    ),
    {
      Sid: "NeverScaleThePlane",
      Effect: "Deny",
      Action: ["application-autoscaling:*"],
      Resource: targets,
      Condition: {
        StringEquals: { [`aws:ResourceTag/${TAG.plane}`]: planeName },
        Null: { [`aws:ResourceTag/${TAG.tenantId}`]: "true" },
      },
    },
    allow(
      "ScalingTags",
      [
        "application-autoscaling:ListTagsForResource",
        "application-autoscaling:TagResource",
        "application-autoscaling:UntagResource",
      ],
      targets,
    ),
    allow(
      "ScalingAlarms",
      ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"],
      [clusterName, `${prefix}*`].map((cluster) =>
        arn(location, "cloudwatch", `alarm:TargetTracking-service/${cluster}/${prefix}*`),
      ),
    ),
  ];
}
