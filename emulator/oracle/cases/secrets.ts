/** KMS, Secrets Manager, CloudWatch Logs, SQS. */
import type { Case } from "../case.ts";
import { on } from "../case.ts";

const key = on("aws:kms/key:Key");
const alias = on("aws:kms/alias:Alias");
const secret = on("aws:secretsmanager/secret:Secret");
const version = on("aws:secretsmanager/secretVersion:SecretVersion");
const logs = on("aws:cloudwatch/logGroup:LogGroup");
const queue = on("aws:sqs/queue:Queue");
const queuePolicy = on("aws:sqs/queuePolicy:QueuePolicy");

const LOST_KEY = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f";

const keys: Case = {
  name: "keys",
  steps: [
    key.create(
      "key",
      { description: "plane" },
      [
        ["kms", "create_key", { Description: "plane" }],
        ["kms", "get_key_rotation_status", { KeyId: "{{own.KeyMetadata.KeyId}}" }],
        ["kms", "get_key_policy", { KeyId: "{{own.KeyMetadata.KeyId}}", PolicyName: "default" }],
      ],
      {
        id: "KeyMetadata.KeyId",
        keyId: "KeyMetadata.KeyId",
        arn: "KeyMetadata.Arn",
        isEnabled: "KeyMetadata.Enabled",
        keyUsage: "KeyMetadata.KeyUsage",
        customerMasterKeySpec: "KeyMetadata.KeySpec",
        multiRegion: "KeyMetadata.MultiRegion",
        enableKeyRotation: "KeyRotationEnabled",
        policy: "Policy",
      },
    ),
    alias.create(
      "alias",
      { name: "alias/plane", targetKeyId: "{{key.id}}" },
      [
        ["kms", "create_alias", { AliasName: "alias/plane", TargetKeyId: "{{key.KeyMetadata.KeyId}}" }],
        ["kms", "list_aliases", { KeyId: "{{key.KeyMetadata.KeyId}}" }],
      ],
      { id: "Aliases.0.AliasName", arn: "Aliases.0.AliasArn", targetKeyId: "Aliases.0.TargetKeyId" },
    ),
    alias.create("aliasTwice", { name: "alias/plane", targetKeyId: "{{key.id}}" }, [
      ["kms", "create_alias", { AliasName: "alias/plane", TargetKeyId: "{{key.KeyMetadata.KeyId}}" }],
    ]),
    alias.create("aliasNoKey", { name: "alias/lost", targetKeyId: LOST_KEY }, [
      ["kms", "create_alias", { AliasName: "alias/lost", TargetKeyId: LOST_KEY }],
    ]),
    alias.create("aliasReserved", { name: "alias/aws/plane", targetKeyId: "{{key.id}}" }, [
      ["kms", "create_alias", { AliasName: "alias/aws/plane", TargetKeyId: "{{key.KeyMetadata.KeyId}}" }],
    ]),
    alias.create("aliasUnprefixed", { name: "plane", targetKeyId: "{{key.id}}" }, [
      ["kms", "create_alias", { AliasName: "plane", TargetKeyId: "{{key.KeyMetadata.KeyId}}" }],
    ]),
    alias.create("aliasBadName", { name: "alias/a b", targetKeyId: "{{key.id}}" }, [
      ["kms", "create_alias", { AliasName: "alias/a b", TargetKeyId: "{{key.KeyMetadata.KeyId}}" }],
    ]),
    key.create("badSpec", { customerMasterKeySpec: "ROT13" }, [["kms", "create_key", { KeySpec: "ROT13" }]]),
    key.create("badPolicy", { policy: "{" }, [["kms", "create_key", { Policy: "{" }]]),
    key.create(
      "asymmetricRotation",
      { customerMasterKeySpec: "RSA_2048", keyUsage: "SIGN_VERIFY", enableKeyRotation: true },
      [
        ["kms", "create_key", { KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" }],
        ["kms", "enable_key_rotation", { KeyId: "{{own.KeyMetadata.KeyId}}" }],
      ],
    ),
    key.create("second", {}, [["kms", "create_key", {}]]),
    key.delete("secondScheduled", "second", [
      ["kms", "schedule_key_deletion", { KeyId: "{{second.KeyMetadata.KeyId}}" }],
    ]),
    alias.create("aliasPending", { name: "alias/late", targetKeyId: "{{second.id}}" }, [
      ["kms", "create_alias", { AliasName: "alias/late", TargetKeyId: "{{second.KeyMetadata.KeyId}}" }],
    ]),
  ],
};

const made = secret.create(
  "secret",
  { name: "/prod/tenants/a/key" },
  [
    ["secretsmanager", "create_secret", { Name: "/prod/tenants/a/key" }],
    ["secretsmanager", "describe_secret", { SecretId: "/prod/tenants/a/key" }],
  ],
  { id: "ARN", arn: "ARN", name: "Name" },
);

const secrets: Case = {
  name: "secrets",
  steps: [
    made,
    secret.create("secretTwice", { name: "/prod/tenants/a/key" }, [
      ["secretsmanager", "create_secret", { Name: "/prod/tenants/a/key" }],
    ]),
    secret.create("longName", { name: "a".repeat(513) }, [
      ["secretsmanager", "create_secret", { Name: "a".repeat(513) }],
    ]),
    secret.create("badName", { name: "a b" }, [["secretsmanager", "create_secret", { Name: "a b" }]]),
    secret.create("exclamationName", { name: "a!b" }, [["secretsmanager", "create_secret", { Name: "a!b" }]]),
    version.create(
      "version",
      { secretId: "{{secret.id}}", secretString: "one" },
      [["secretsmanager", "put_secret_value", { SecretId: "{{secret.ARN}}", SecretString: "one" }]],
      { arn: "ARN", versionId: "VersionId", versionStages: "VersionStages" },
    ),
    version.create("versionNoSecret", { secretId: "lost", secretString: "one" }, [
      ["secretsmanager", "put_secret_value", { SecretId: "lost", SecretString: "one" }],
    ]),
    version.create("versionEmpty", { secretId: "{{secret.id}}" }, [
      ["secretsmanager", "put_secret_value", { SecretId: "{{secret.ARN}}" }],
    ]),
    version.create("versionLong", { secretId: "{{secret.id}}", secretString: "x".repeat(65_537) }, [
      [
        "secretsmanager",
        "put_secret_value",
        { SecretId: "{{secret.ARN}}", SecretString: "x".repeat(65_537) },
      ],
    ]),
    version.create("versionNext", { secretId: "{{secret.id}}", secretString: "two" }, [
      ["secretsmanager", "put_secret_value", { SecretId: "{{secret.ARN}}", SecretString: "two" }],
    ]),
    secret.delete("secretScheduled", "secret", [
      ["secretsmanager", "delete_secret", { SecretId: "{{secret.ARN}}", RecoveryWindowInDays: 30 }],
    ]),
    secret.create("secretStillThere", { name: "/prod/tenants/a/key" }, [
      ["secretsmanager", "create_secret", { Name: "/prod/tenants/a/key" }],
    ]),
    version.create("versionOfScheduled", { secretId: "{{secret.id}}", secretString: "three" }, [
      ["secretsmanager", "put_secret_value", { SecretId: "{{secret.ARN}}", SecretString: "three" }],
    ]),
    secret.create("atOnce", { name: "b", recoveryWindowInDays: 0 }, [
      ["secretsmanager", "create_secret", { Name: "b" }],
    ]),
    secret.delete("atOnceGone", "atOnce", [
      ["secretsmanager", "delete_secret", { SecretId: "b", ForceDeleteWithoutRecovery: true }],
    ]),
    secret.create("atOnceAgain", { name: "b" }, [["secretsmanager", "create_secret", { Name: "b" }]]),
    secret.create("shortWindow", { name: "c", recoveryWindowInDays: 3 }, [
      ["secretsmanager", "create_secret", { Name: "c" }],
      ["secretsmanager", "delete_secret", { SecretId: "c", RecoveryWindowInDays: 3 }],
    ]),
  ],
};

const logGroups: Case = {
  name: "log groups",
  steps: [
    logs.create(
      "group",
      { name: "/ecs/web" },
      [
        ["logs", "create_log_group", { logGroupName: "/ecs/web" }],
        ["logs", "describe_log_groups", { logGroupNamePrefix: "/ecs/web" }],
      ],
      {
        id: "logGroups.0.logGroupName",
        arn: "logGroups.0.logGroupArn",
        logGroupClass: "logGroups.0.logGroupClass",
      },
    ),
    logs.create("groupTwice", { name: "/ecs/web" }, [
      ["logs", "create_log_group", { logGroupName: "/ecs/web" }],
    ]),
    logs.create("longName", { name: "a".repeat(513) }, [
      ["logs", "create_log_group", { logGroupName: "a".repeat(513) }],
    ]),
    logs.create("badName", { name: "a b" }, [["logs", "create_log_group", { logGroupName: "a b" }]]),
    logs.create("badRetention", { name: "b", retentionInDays: 4 }, [
      ["logs", "create_log_group", { logGroupName: "b" }],
      ["logs", "put_retention_policy", { logGroupName: "b", retentionInDays: 4 }],
    ]),
  ],
};

const made1 = [
  ["sqs", "create_queue", { QueueName: "work" }],
  ["sqs", "get_queue_attributes", { QueueUrl: "{{own.QueueUrl}}", AttributeNames: ["All"] }],
] as const;
const lostRedrive = JSON.stringify({
  deadLetterTargetArn: "arn:aws:sqs:eu-west-1:123456789012:lost",
  maxReceiveCount: 3,
});
const fifoRedrive = JSON.stringify({ deadLetterTargetArn: "{{work.arn}}", maxReceiveCount: 3 });
const send = JSON.stringify({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: "*",
      Action: "sqs:SendMessage",
      Resource: "arn:aws:sqs:eu-west-1:123456789012:work",
    },
  ],
});

const queues: Case = {
  name: "queues",
  steps: [
    queue.create("work", { name: "work" }, made1, {
      id: "QueueUrl",
      url: "QueueUrl",
      arn: "Attributes.QueueArn",
      delaySeconds: "Attributes.DelaySeconds",
      maxMessageSize: "Attributes.MaximumMessageSize",
      messageRetentionSeconds: "Attributes.MessageRetentionPeriod",
      receiveWaitTimeSeconds: "Attributes.ReceiveMessageWaitTimeSeconds",
      visibilityTimeoutSeconds: "Attributes.VisibilityTimeout",
      sqsManagedSseEnabled: "Attributes.SqsManagedSseEnabled",
    }),
    queue.create("workAgain", { name: "work" }, [["sqs", "create_queue", { QueueName: "work" }]]),
    queue.create("workOther", { name: "work", visibilityTimeoutSeconds: 60 }, [
      ["sqs", "create_queue", { QueueName: "work", Attributes: { VisibilityTimeout: "60" } }],
    ]),
    queue.create("longName", { name: "a".repeat(81) }, [
      ["sqs", "create_queue", { QueueName: "a".repeat(81) }],
    ]),
    queue.create("badName", { name: "a b" }, [["sqs", "create_queue", { QueueName: "a b" }]]),
    queue.create("fifoName", { name: "work2", fifoQueue: true }, [
      ["sqs", "create_queue", { QueueName: "work2", Attributes: { FifoQueue: "true" } }],
    ]),
    queue.create("badTimeout", { name: "work3", visibilityTimeoutSeconds: 43_201 }, [
      ["sqs", "create_queue", { QueueName: "work3", Attributes: { VisibilityTimeout: "43201" } }],
    ]),
    queue.create("lostDeadLetters", { name: "work4", redrivePolicy: lostRedrive }, [
      ["sqs", "create_queue", { QueueName: "work4", Attributes: { RedrivePolicy: lostRedrive } }],
    ]),
    queue.create("otherDeadLetters", { name: "work5.fifo", fifoQueue: true, redrivePolicy: fifoRedrive }, [
      [
        "sqs",
        "create_queue",
        {
          QueueName: "work5.fifo",
          Attributes: {
            FifoQueue: "true",
            RedrivePolicy: fifoRedrive.replace("work.arn", "work.Attributes.QueueArn"),
          },
        },
      ],
    ]),
    queuePolicy.create(
      "policy",
      { queueUrl: "{{work.url}}", policy: send },
      [
        ["sqs", "set_queue_attributes", { QueueUrl: "{{work.QueueUrl}}", Attributes: { Policy: send } }],
        ["sqs", "get_queue_attributes", { QueueUrl: "{{work.QueueUrl}}", AttributeNames: ["Policy"] }],
      ],
      { policy: "Attributes.Policy" },
    ),
    queuePolicy.create(
      "policyNoQueue",
      { queueUrl: "https://sqs.eu-west-1.amazonaws.com/123456789012/lost", policy: send },
      [
        [
          "sqs",
          "set_queue_attributes",
          {
            QueueUrl: "https://sqs.eu-west-1.amazonaws.com/123456789012/lost",
            Attributes: { Policy: send },
          },
        ],
      ],
    ),
  ],
};

export const secretCases: readonly Case[] = [keys, secrets, logGroups, queues];
