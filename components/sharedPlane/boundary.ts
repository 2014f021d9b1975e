import {
  arn,
  type ConditionBlock,
  type Location,
  type PolicyDocument,
  policyDocument,
  viaService,
} from "../policyDocument.ts";
import { TAG } from "../tags.ts";
import { keyPrefix } from "../tenantServiceSet/layout.ts";

/**
 * The most that any tenant role of a plane can ever do. It does not trust the roles' own policies: each statement is
 * tied to the tenant id in the role's tags, so that even a role allowed everything by mistake reaches its own tenant
 * only. A role without the tag reaches nothing.
 */
export interface BoundaryScope {
  readonly location: Location;
  readonly environment: string;
  readonly planeName: string;
  readonly dataBucketArn: string;
  readonly kmsKeyArn: string;
}

/** Replaced by IAM with the tag's value on the role that asks. */
const OWN_TENANT = `\${aws:PrincipalTag/${TAG.tenantId}}`;

export function tenantBoundary(scope: BoundaryScope): PolicyDocument {
  const { location, environment, planeName, dataBucketArn } = scope;
  const objects = `${dataBucketArn}/tenants/${OWN_TENANT}/*`;
  // Of tenants that have one: its name carries the whole id.
  const ownBuckets = `arn:${location.partition}:s3:::${keyPrefix(environment)}${OWN_TENANT}-*`;
  const ownObjects = `${ownBuckets}/tenants/${OWN_TENANT}/*`;
  const secrets = arn(location, "secretsmanager", `secret:/${environment}/tenants/${OWN_TENANT}/*`);
  const queues = arn(location, "sqs", `${keyPrefix(environment)}${OWN_TENANT}-*`);
  return policyDocument([
    allow("ListOwnPrefix", ["s3:ListBucket"], [dataBucketArn, ownBuckets], {
      StringLike: { "s3:prefix": `tenants/${OWN_TENANT}/*` },
    }),
    allow(
      "OwnObjects",
      ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
      [objects, ownObjects],
    ),
    allow("OwnSecrets", ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], secrets),
    allow(
      "OwnQueues",
      [
        "sqs:SendMessage",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
      ],
      arn(location, "sqs", `${keyPrefix(environment)}*`),
      { StringEquals: { [`aws:ResourceTag/${TAG.tenantId}`]: OWN_TENANT } },
    ),
    allow(
      "OwnLogs",
      ["logs:CreateLogStream", "logs:PutLogEvents"],
      arn(location, "logs", `log-group:/tenantry/${planeName}/${OWN_TENANT}/*`),
    ),
    allow("RegistryLogin", ["ecr:GetAuthorizationToken"], "*"),
    allow(
      "PullImages",
      ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
      `arn:${location.partition}:ecr:*:*:repository/*`,
    ),
    allow("OwnKey", ["kms:Decrypt", "kms:GenerateDataKey"], arn(location, "kms", "key/*"), {
      StringEquals: { [`aws:ResourceTag/${TAG.tenantId}`]: OWN_TENANT },
      StringLike: { "kms:ViaService": viaService(location, "*") },
    }),
    keyUse(scope, "s3", { "kms:EncryptionContext:aws:s3:arn": objects }),
    keyUse(scope, "secretsmanager", { "kms:EncryptionContext:SecretARN": secrets }),
    keyUse(scope, "sqs", {
      "kms:EncryptionContext:aws:sqs:arn": queues,
    }),
  ]);
}

function keyUse({ location, kmsKeyArn }: BoundaryScope, service: string, context: Record<string, string>) {
  return allow(`Key${service}`, ["kms:Decrypt", "kms:GenerateDataKey"], kmsKeyArn, {
    StringEquals: { "kms:ViaService": viaService(location, service) },
    StringLike: context,
  });
}

function allow(
  sid: string,
  actions: readonly string[],
  resource: string | readonly string[],
  condition?: ConditionBlock,
) {
  return {
    Sid: sid,
    Effect: "Allow" as const,
    Action: actions,
    Resource: resource,
    ...(condition === undefined ? {} : { Condition: condition }),
  };
}
