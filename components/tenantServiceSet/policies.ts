import {
  arn,
  type Location,
  type PolicyDocument,
  type PolicyStatement,
  policyDocument,
  pullImages,
  viaService,
} from "../policyDocument.ts";
import type { TenantLayout } from "./layout.ts";
import { SERVICE_SHAPES, type ServiceName } from "./services.ts";

/**
 * What a tenant's roles may do: each reaches the tenant's own prefix, secrets and queue, and nothing else. Key use is
 * tied to the encryption context, so that the plane's shared key opens only what the tenant may read anyway.
 * The plane's permissions boundary draws the same line again from the role's tags (see sharedPlane/boundary.ts).
 */
export interface PolicyScope {
  readonly location: Location;
  readonly layout: TenantLayout;
  readonly dataBucketArn: string;
  readonly kmsKeyArn: string;
}

export function taskRolePolicy(service: ServiceName, scope: PolicyScope): PolicyDocument {
  const shape = SERVICE_SHAPES[service];
  return policyDocument([
    ...readSecrets(scope, scope.layout.services[service].secretPath),
    ...(shape.storage ? ownStorage(scope) : []),
    ...(shape.queue === "none" ? [] : ownQueue(scope, shape.queue)),
  ]);
}

/** Starts tasks: pulls images, writes logs, injects the secrets that the spec refers to. */
export function executionRolePolicy(scope: PolicyScope): PolicyDocument {
  const { location, layout } = scope;
  return policyDocument([
    ...pullImages(location),
    {
      Sid: "OwnLogs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: arn(location, "logs", `log-group:${layout.logGroupPrefix}*`),
    },
    ...readSecrets(scope, layout.secretPrefix),
  ]);
}

function readSecrets({ location, kmsKeyArn }: PolicyScope, path: string): readonly PolicyStatement[] {
  const secrets = arn(location, "secretsmanager", `secret:${path}*`);
  return [
    {
      Sid: "OwnSecrets",
      Effect: "Allow",
      Action: ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
      Resource: secrets,
    },
    {
      Sid: "OwnSecretsKey",
      Effect: "Allow",
      Action: ["kms:Decrypt"],
      Resource: kmsKeyArn,
      Condition: {
        StringEquals: { "kms:ViaService": viaService(location, "secretsmanager") },
        StringLike: { "kms:EncryptionContext:SecretARN": secrets },
      },
    },
  ];
}

function ownStorage({ location, layout, dataBucketArn, kmsKeyArn }: PolicyScope): readonly PolicyStatement[] {
  const objects = `${dataBucketArn}/${layout.storagePrefix}*`;
  return [
    {
      Sid: "ListOwnPrefix",
      Effect: "Allow",
      Action: ["s3:ListBucket"],
      Resource: dataBucketArn,
      Condition: { StringLike: { "s3:prefix": `${layout.storagePrefix}*` } },
    },
    {
      Sid: "OwnObjects",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
      Resource: objects,
    },
    {
      Sid: "OwnObjectsKey",
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: kmsKeyArn,
      Condition: {
        StringEquals: { "kms:ViaService": viaService(location, "s3") },
        StringLike: { "kms:EncryptionContext:aws:s3:arn": objects },
      },
    },
  ];
}

const QUEUE_ACTIONS = {
  send: ["sqs:SendMessage"],
  consume: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
} as const;

function ownQueue(scope: PolicyScope, use: keyof typeof QUEUE_ACTIONS): readonly PolicyStatement[] {
  const { location, layout, kmsKeyArn } = scope;
  const queue = arn(location, "sqs", layout.queueName);
  return [
    {
      Sid: "OwnQueue",
      Effect: "Allow",
      Action: [...QUEUE_ACTIONS[use], "sqs:GetQueueAttributes", "sqs:GetQueueUrl"],
      Resource: queue,
    },
    {
      Sid: "OwnQueueKey",
      Effect: "Allow",
      // A producer decrypts too: SQS verifies the data key it made.
      Action: use === "send" ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"],
      Resource: kmsKeyArn,
      Condition: {
        StringEquals: {
          "kms:ViaService": viaService(location, "sqs"),
          "kms:EncryptionContext:aws:sqs:arn": queue,
        },
      },
    },
  ];
}
