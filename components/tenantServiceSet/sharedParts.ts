import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { arn, type PolicyDocument, policyDocument, type ResourcePolicyStatement } from "../policyDocument.ts";
import type { Place } from "./place.ts";
import { executionRolePolicy } from "./policies.ts";
import { createTaskRole, type TaskRole } from "./taskRole.ts";
import { serviceTags, type TenantBuild } from "./tenantArgs.ts";

/** What the services of one tenant have in common. */
export interface SharedParts {
  readonly execution: TaskRole;
  readonly queue: aws.sqs.Queue;
}

/** A message is given to a worker at most this often before it is set aside. */
const QUEUE_MAX_RECEIVES = 5;
/** Longer than any one piece of work, or a second worker would start it too. */
const QUEUE_VISIBILITY_SECONDS = 300;
const DEAD_LETTER_RETENTION_SECONDS = 14 * 24 * 3600;
const LONG_POLL_SECONDS = 20;

export function createSharedParts(build: TenantBuild, place: Place): SharedParts {
  const { layout, tags } = build.args;
  const policy = place.scope.apply(executionRolePolicy);
  return {
    execution: createTaskRole(build, "execution", layout.executionRoleName, policy, tags),
    queue: createWorkQueue(build, place),
  };
}

function createWorkQueue(build: TenantBuild, place: Place): aws.sqs.Queue {
  const { layout, location } = build.args;
  const common = { kmsMasterKeyId: place.kmsKeyArn, tags: serviceTags(build, "discovery-worker") };
  const deadLetters = new aws.sqs.Queue(
    "work-dead",
    {
      ...common,
      name: layout.deadLetterQueueName,
      policy: JSON.stringify(tlsOnly(arn(location, "sqs", layout.deadLetterQueueName))),
      messageRetentionSeconds: DEAD_LETTER_RETENTION_SECONDS,
    },
    build.named(),
  );
  return new aws.sqs.Queue(
    "work",
    {
      ...common,
      name: layout.queueName,
      policy: JSON.stringify(tlsOnly(arn(location, "sqs", layout.queueName))),
      visibilityTimeoutSeconds: QUEUE_VISIBILITY_SECONDS,
      receiveWaitTimeSeconds: LONG_POLL_SECONDS,
      redrivePolicy: pulumi.jsonStringify({
        deadLetterTargetArn: deadLetters.arn,
        maxReceiveCount: QUEUE_MAX_RECEIVES,
      }),
    },
    build.named(),
  );
}

/** SQS answers plain HTTP as well, so the queue must refuse it. */
function tlsOnly(queueArn: string): PolicyDocument<ResourcePolicyStatement> {
  return policyDocument<ResourcePolicyStatement>([
    {
      Sid: "TlsOnly",
      Effect: "Deny",
      Principal: "*",
      Action: ["sqs:*"],
      Resource: queueArn,
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
  ]);
}
