import { AwsError } from "../awsError.ts";
import type { CheckFailure, Context, Properties, ResourceType } from "../resourceType.ts";
import { flag, text } from "../values.ts";

const QUEUE_NAME = /^[A-Za-z0-9_-]{1,80}$/;

function queueUrl(name: string, context: Context): string {
  return `https://sqs.${context.region}.${context.dnsSuffix}/${context.account}/${name}`;
}

function checkQueue(inputs: Properties): readonly CheckFailure[] {
  const name = text(inputs, "name");
  if (name === undefined) return [];
  const fifo = flag(inputs, "fifoQueue") === true;
  const base = fifo ? name.replace(/\.fifo$/, "") : name;
  if (name.length <= 80 && QUEUE_NAME.test(base) && (!fifo || name.endsWith(".fifo"))) return [];
  return [{ property: "name", reason: `invalid queue name: ${name}` }];
}

export const queue: ResourceType = {
  token: "aws:sqs/queue:Queue",
  api: {
    service: "SQS",
    noun: "SQS Queue",
    create: "CreateQueue",
    read: "GetQueueAttributes",
    update: "SetQueueAttributes",
    delete: "DeleteQueue",
  },
  required: [],
  computed: ["arn", "url"],
  replaceOn: ["name", "namePrefix", "fifoQueue"],
  json: ["policy", "redrivePolicy", "redriveAllowPolicy"],
  taggable: true,
  autoName: {
    property: "name",
    maxLength: 80,
    suffix: (inputs) => (flag(inputs, "fifoQueue") === true ? ".fifo" : ""),
  },
  check: checkQueue,
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
  nameTaken: () =>
    new AwsError(
      "QueueAlreadyExists",
      "A queue already exists with the same name and a different value for attribute VisibilityTimeout",
    ),
  create(inputs, context) {
    const name = text(inputs, "name") ?? "";
    const url = queueUrl(name, context);
    return {
      id: url,
      properties: { arn: context.arn("sqs", name), url, kmsDataKeyReusePeriodSeconds: 300 },
    };
  },
};
