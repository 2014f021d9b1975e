/** SQS: queues and their policies. Creating a queue again with the same attributes answers with the queue there is. */
import { AwsError } from "../awsError.ts";
import type { CheckFailure, Context, Properties, ResourceType } from "../resourceType.ts";
import { equal, flag, text } from "../values.ts";
import { policyRule } from "./iamPolicy.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { between, failure, type Rule, rules } from "./rules.ts";

const QUEUE = "aws:sqs/queue:Queue";
const NAME = /^[A-Za-z0-9_-]{1,80}$/;
const NAME_LENGTH = 80;

/** What CreateQueue compares with the queue of that name. */
const COMPARED_INPUTS = [
  "contentBasedDeduplication",
  "delaySeconds",
  "fifoQueue",
  "kmsMasterKeyId",
  "maxMessageSize",
  "messageRetentionSeconds",
  "receiveWaitTimeSeconds",
  "redrivePolicy",
  "visibilityTimeoutSeconds",
];

function nameRule(inputs: Properties): CheckFailure | undefined {
  const name = text(inputs, "name");
  if (name === undefined) return undefined;
  const fifo = flag(inputs, "fifoQueue") === true;
  const base = fifo ? name.replace(/\.fifo$/, "") : name;
  if (name.length <= NAME_LENGTH && NAME.test(base) && (!fifo || name.endsWith(".fifo"))) return undefined;
  const message = fifo
    ? "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length"
    : "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
  return failure("name", "InvalidParameterValue", message);
}

function attribute(property: string, name: string, min: number, max: number): Rule {
  return between(property, "InvalidAttributeValue", min, max, `Invalid value for the parameter ${name}.`);
}

interface Redrive {
  readonly deadLetterTargetArn: string;
}

function parseRedrive(policy: string | undefined): Redrive | "bad" | undefined {
  if (policy === undefined || policy === "") return undefined;
  try {
    const parsed: unknown = JSON.parse(policy);
    if (typeof parsed !== "object" || parsed === null) return "bad";
    const { deadLetterTargetArn, maxReceiveCount } = parsed as Record<string, unknown>;
    const receives = Number(maxReceiveCount);
    if (typeof deadLetterTargetArn !== "string" || !(receives >= 1 && receives <= 1000)) return "bad";
    return { deadLetterTargetArn };
  } catch {
    return "bad";
  }
}

function redriveRule(inputs: Properties): CheckFailure | undefined {
  if (parseRedrive(text(inputs, "redrivePolicy")) !== "bad") return undefined;
  const message = `Value ${text(inputs, "redrivePolicy")} for parameter RedrivePolicy is invalid. Reason: Redrive policy is not a valid JSON map or misses a parameter.`;
  return failure("redrivePolicy", "InvalidParameterValue", message);
}

function refuseBadRedrive(inputs: Properties, context: Context): void {
  const redrive = parseRedrive(text(inputs, "redrivePolicy"));
  if (redrive === undefined || redrive === "bad") return;
  const target = context.byArn(redrive.deadLetterTargetArn);
  const message = (reason: string) =>
    `Value ${text(inputs, "redrivePolicy")} for parameter RedrivePolicy is invalid. Reason: ${reason}`;
  if (target === undefined) {
    throw new AwsError("InvalidParameterValue", message("Dead letter target does not exist."));
  }
  if ((flag(target.properties, "fifoQueue") === true) === (flag(inputs, "fifoQueue") === true)) return;
  throw new AwsError(
    "InvalidParameterValue",
    message("Dead-letter queue must be same type of queue as the source."),
  );
}

function refuseOtherQueue(inputs: Properties, context: Context): void {
  const holder = context.byName(QUEUE, given(inputs, "name"));
  if (holder === undefined) return;
  const other = COMPARED_INPUTS.find((key) => !equal(inputs[key], holder.properties[key]));
  if (other === undefined) return;
  const name = other.replace(/Seconds$/, "").replace(/^./, (letter) => letter.toUpperCase());
  throw new AwsError(
    "QueueAlreadyExists",
    `A queue already exists with the same name and a different value for attribute ${name}`,
  );
}

export const queue: ResourceType = {
  token: QUEUE,
  api: api("SQS", "Queue", ["CreateQueue", "GetQueueAttributes", "SetQueueAttributes", "DeleteQueue"]),
  required: [],
  computed: ["arn", "url"],
  replaceOn: ["name", "namePrefix", "fifoQueue"],
  json: ["policy", "redrivePolicy", "redriveAllowPolicy"],
  taggable: true,
  autoName: {
    property: "name",
    maxLength: NAME_LENGTH,
    suffix: (inputs) => (flag(inputs, "fifoQueue") === true ? ".fifo" : ""),
  },
  check: rules(
    nameRule,
    attribute("delaySeconds", "DelaySeconds", 0, 900),
    attribute("maxMessageSize", "MaximumMessageSize", 1024, 1_048_576),
    attribute("messageRetentionSeconds", "MessageRetentionPeriod", 60, 1_209_600),
    attribute("receiveWaitTimeSeconds", "ReceiveMessageWaitTimeSeconds", 0, 20),
    attribute("visibilityTimeoutSeconds", "VisibilityTimeout", 0, 43_200),
    attribute("kmsDataKeyReusePeriodSeconds", "KmsDataKeyReusePeriodSeconds", 60, 86_400),
    redriveRule,
    policyRule("policy", "resource", "InvalidAttributeValue"),
  ),
  defaults: (inputs) => ({
    contentBasedDeduplication: false,
    delaySeconds: 0,
    fifoQueue: false,
    maxMessageSize: 262_144,
    messageRetentionSeconds: 345_600,
    receiveWaitTimeSeconds: 0,
    sqsManagedSseEnabled: inputs.kmsMasterKeyId === undefined ? true : undefined,
    visibilityTimeoutSeconds: 30,
  }),
  uniqueName: (inputs) => text(inputs, "name"),
  nameTaken: () => undefined,
  create(inputs, context) {
    refuseOtherQueue(inputs, context);
    refuseBadRedrive(inputs, context);
    const name = given(inputs, "name");
    const url = `https://sqs.${context.region}.${context.dnsSuffix}/${context.account}/${name}`;
    return {
      id: url,
      properties: {
        arn: context.arn("sqs", name),
        kmsDataKeyReusePeriodSeconds: inputs.kmsDataKeyReusePeriodSeconds ?? 300,
        url,
      },
    };
  },
  references: (properties) => {
    const redrive = parseRedrive(text(properties, "redrivePolicy"));
    const target = redrive === undefined || redrive === "bad" ? [] : [redrive.deadLetterTargetArn];
    return [...identifiers(properties, "kmsMasterKeyId"), ...target];
  },
  update(inputs, _current, context) {
    refuseBadRedrive(inputs, context);
    return {};
  },
  delete(current, context) {
    for (const policy of context.referrers(current.id, QUEUE_POLICY)) context.remove(policy);
    return undefined;
  },
};

const QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy";

export const queuePolicy: ResourceType = {
  token: QUEUE_POLICY,
  api: api("SQS", "Queue Policy", [
    "SetQueueAttributes",
    "GetQueueAttributes",
    "SetQueueAttributes",
    "SetQueueAttributes",
  ]),
  required: ["policy", "queueUrl"],
  computed: [],
  replaceOn: ["queueUrl"],
  json: ["policy"],
  taggable: false,
  check: rules(policyRule("policy", "resource", "InvalidAttributeValue")),
  create(inputs, context) {
    const url = given(inputs, "queueUrl");
    need(
      context.byId(QUEUE, url),
      () => new AwsError("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."),
    );
    return { id: url, properties: {} };
  },
  references: (properties) => identifiers(properties, "queueUrl"),
};
