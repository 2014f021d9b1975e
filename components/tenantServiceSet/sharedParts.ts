import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { executionRolePolicy } from "./policies.ts";
import { SERVICE_PORT } from "./services.ts";
import { createTaskRole, type TaskRole } from "./taskRole.ts";
import { serviceTags, type TenantBuild } from "./tenantArgs.ts";

/** What the services of one tenant have in common. */
export interface SharedParts {
  readonly execution: TaskRole;
  readonly securityGroup: aws.ec2.SecurityGroup;
  readonly queue: aws.sqs.Queue;
}

/** A message is given to a worker at most this often before it is set aside. */
const QUEUE_MAX_RECEIVES = 5;
/** Longer than any one piece of work, or a second worker would start it too. */
const QUEUE_VISIBILITY_SECONDS = 300;
const DEAD_LETTER_RETENTION_SECONDS = 14 * 24 * 3600;
const LONG_POLL_SECONDS = 20;

export function createSharedParts(build: TenantBuild): SharedParts {
  const { layout, tags } = build.args;
  const policy = executionRolePolicy(build.scope);
  return {
    execution: createTaskRole(build, "execution", layout.executionRoleName, policy, tags),
    securityGroup: createSecurityGroup(build),
    queue: createWorkQueue(build),
  };
}

/** Rules are written inside the group, so that one added by hand is drift; apart from it, none would be seen. */
function createSecurityGroup(build: TenantBuild): aws.ec2.SecurityGroup {
  const { layout, plane, tags } = build.args;
  const port = { protocol: "tcp", fromPort: SERVICE_PORT, toPort: SERVICE_PORT };
  const outward = { description: "Outward", protocol: "-1", fromPort: 0, toPort: 0 };
  return new aws.ec2.SecurityGroup(
    "tasks",
    {
      name: layout.securityGroupName,
      description: "Tasks of one tenant",
      vpcId: plane.vpcId,
      ingress: [
        { ...port, description: "From the router", securityGroups: [plane.routerSecurityGroupId] },
        { ...port, description: "Between the tenant's own services", self: true },
      ],
      egress: [{ ...outward, cidrBlocks: ["0.0.0.0/0"] }],
      tags: { ...tags, Name: layout.securityGroupName },
    },
    build.named(),
  );
}

function createWorkQueue(build: TenantBuild): aws.sqs.Queue {
  const { layout, plane } = build.args;
  const common = { kmsMasterKeyId: plane.kmsKeyArn, tags: serviceTags(build, "discovery-worker") };
  const deadLetters = new aws.sqs.Queue(
    "work-dead",
    {
      ...common,
      name: layout.deadLetterQueueName,
      messageRetentionSeconds: DEAD_LETTER_RETENTION_SECONDS,
    },
    build.named(),
  );
  return new aws.sqs.Queue(
    "work",
    {
      ...common,
      name: layout.queueName,
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
