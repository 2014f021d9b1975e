import { SERVICE_NAMES } from "../../stacks/tenant/spec.ts";
import { ACCOUNT, type Access, type Role } from "./evaluator.ts";
import type { Member } from "./fleet.ts";

/** What a role is meant to reach. */
export function intended(member: Member, role: Role): readonly Access[] {
  const { layout, spec, dataBucketArn } = member;
  const tags = { "aws:ResourceTag/tenantry:tenant-id": spec.tenant.tenantId };
  const queue = { resource: queueArn(member), context: tags };
  if (role.name === "execution") {
    return [
      { action: "logs:PutLogEvents", resource: `${logsArn(member, "iam-service")}:log-stream:x` },
      {
        action: "secretsmanager:GetSecretValue",
        resource: secretArn(member, layout.services["iam-service"].secretName),
      },
      { action: "ecr:GetAuthorizationToken", resource: "*" },
      { action: "ecr:BatchGetImage", resource: `arn:aws:ecr:eu-west-1:${ACCOUNT}:repository/iam-service` },
    ];
  }
  const service = SERVICE_NAMES.find((name) => name === role.name);
  if (service === undefined) throw new Error(`unexpected role ${role.name}`);
  const own: Access[] = [
    {
      action: "secretsmanager:GetSecretValue",
      resource: secretArn(member, layout.services[service].secretName),
    },
    keyAccess(member, "secretsmanager", {
      "kms:EncryptionContext:SecretARN": secretArn(member, layout.services[service].secretName),
    }),
  ];
  if (service !== "iam-service") {
    own.push(
      { action: "s3:GetObject", resource: `${dataBucketArn}/${layout.storagePrefix}a/b` },
      { action: "s3:PutObject", resource: `${dataBucketArn}/${layout.storagePrefix}a` },
      {
        action: "s3:ListBucket",
        resource: dataBucketArn,
        context: { "s3:prefix": `${layout.storagePrefix}a` },
      },
      keyAccess(member, "s3", {
        "kms:EncryptionContext:aws:s3:arn": `${dataBucketArn}/${layout.storagePrefix}a`,
      }),
    );
  }
  if (service === "integrations-service") own.push({ action: "sqs:SendMessage", ...queue });
  if (service === "discovery-worker") {
    own.push({ action: "sqs:ReceiveMessage", ...queue }, { action: "sqs:DeleteMessage", ...queue });
    own.push(keyAccess(member, "sqs", { "kms:EncryptionContext:aws:sqs:arn": queueArn(member) }));
  }
  return own;
}

/** Every way into a tenant that a role of another might try. */
export function everything(member: Member): readonly Access[] {
  const { layout, spec, dataBucketArn } = member;
  const tags = { "aws:ResourceTag/tenantry:tenant-id": spec.tenant.tenantId };
  const objects = `${dataBucketArn}/${layout.storagePrefix}`;
  const secrets = SERVICE_NAMES.map((service) => secretArn(member, layout.services[service].secretName));
  return [
    ...["s3:GetObject", "s3:PutObject", "s3:DeleteObject"].map((action) => ({
      action,
      resource: `${objects}x`,
    })),
    { action: "s3:ListBucket", resource: dataBucketArn, context: { "s3:prefix": layout.storagePrefix } },
    { action: "s3:ListBucket", resource: dataBucketArn, context: { "s3:prefix": "" } },
    { action: "s3:ListBucket", resource: dataBucketArn, context: { "s3:prefix": "tenants/" } },
    { action: "s3:ListBucket", resource: dataBucketArn },
    ...secrets.flatMap((resource) =>
      ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:DeleteSecret"].map(
        (action) => ({
          action,
          resource,
        }),
      ),
    ),
    ...[
      "sqs:SendMessage",
      "sqs:ReceiveMessage",
      "sqs:DeleteMessage",
      "sqs:PurgeQueue",
      "sqs:DeleteQueue",
    ].map((action) => ({
      action,
      resource: queueArn(member),
      context: tags,
    })),
    { action: "sqs:ReceiveMessage", resource: `${queueArn(member)}-dead`, context: tags },
    { action: "logs:PutLogEvents", resource: `${logsArn(member, "audit-service")}:log-stream:x` },
    { action: "logs:GetLogEvents", resource: `${logsArn(member, "audit-service")}:log-stream:x` },
    {
      action: "ecs:StopTask",
      resource: `arn:aws:ecs:eu-west-1:${ACCOUNT}:task/${spec.plane.outputs.clusterName}/1`,
    },
    {
      action: "ecs:ExecuteCommand",
      resource: `arn:aws:ecs:eu-west-1:${ACCOUNT}:task/${spec.plane.outputs.clusterName}/1`,
    },
    { action: "sts:AssumeRole", resource: member.roles[0]?.arn ?? "" },
    { action: "iam:PutRolePolicy", resource: member.roles[0]?.arn ?? "" },
    keyAccess(member, "s3", { "kms:EncryptionContext:aws:s3:arn": `${objects}x` }),
    keyAccess(member, "s3", {}),
    ...secrets.map((secret) =>
      keyAccess(member, "secretsmanager", { "kms:EncryptionContext:SecretARN": secret }),
    ),
    keyAccess(member, "sqs", { "kms:EncryptionContext:aws:sqs:arn": queueArn(member) }),
  ];
}

function keyAccess(member: Member, service: string, context: Readonly<Record<string, string>>): Access {
  const own = member.spec.isolation.key === "own";
  const tag = { "aws:ResourceTag/tenantry:tenant-id": member.spec.tenant.tenantId };
  return {
    action: "kms:Decrypt",
    resource: member.kmsKeyArn,
    context: { "kms:ViaService": `${service}.eu-west-1.amazonaws.com`, ...(own ? tag : {}), ...context },
  };
}

const queueArn = ({ layout }: Member) => `arn:aws:sqs:eu-west-1:${ACCOUNT}:${layout.queueName}`;
export const secretArn = (_member: Member, name: string) =>
  `arn:aws:secretsmanager:eu-west-1:${ACCOUNT}:secret:${name}-AbCdEf`;
const logsArn = ({ layout }: Member, service: (typeof SERVICE_NAMES)[number]) =>
  `arn:aws:logs:eu-west-1:${ACCOUNT}:log-group:${layout.services[service].logGroupName}`;
