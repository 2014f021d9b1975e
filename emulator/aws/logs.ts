/** CloudWatch Logs: log groups. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType } from "../resourceType.ts";
import { flag, text } from "../values.ts";
import { findKey } from "./kms.ts";
import { api, given, identifiers } from "./objects.ts";
import { oneOf, rules, string } from "./rules.ts";

const RETENTION_DAYS = [
  0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

function refuseBadKey(inputs: Properties, context: Context): void {
  const reference = text(inputs, "kmsKeyId");
  if (reference === undefined || findKey(context, reference) !== undefined) return;
  const message = "The specified KMS key does not exist or is not allowed to be used with LogGroup";
  throw new AwsError("InvalidParameterException", message);
}

export const logGroup: ResourceType = {
  token: "aws:cloudwatch/logGroup:LogGroup",
  api: api("CloudWatch Logs", "Log Group", [
    "CreateLogGroup",
    "DescribeLogGroups",
    "PutRetentionPolicy",
    "DeleteLogGroup",
  ]),
  required: [],
  computed: ["arn"],
  replaceOn: ["name", "namePrefix", "logGroupClass"],
  writeOnly: ["skipDestroy"],
  taggable: true,
  autoName: { property: "name", maxLength: 512 },
  check: rules(
    string("name", {
      code: "InvalidParameterException",
      max: 512,
      pattern: /^[.\-_/#A-Za-z0-9]+$/,
      member: "logGroupName",
    }),
    oneOf("retentionInDays", "InvalidParameterException", RETENTION_DAYS),
    oneOf("logGroupClass", "InvalidParameterException", ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]),
  ),
  defaults: () => ({ retentionInDays: 0, skipDestroy: false }),
  uniqueName: (inputs) => text(inputs, "name"),
  nameTaken: () => new AwsError("ResourceAlreadyExistsException", "The specified log group already exists"),
  create(inputs, context) {
    refuseBadKey(inputs, context);
    const name = given(inputs, "name");
    return {
      id: name,
      properties: {
        arn: context.arn("logs", `log-group:${name}`),
        deletionProtectionEnabled: flag(inputs, "deletionProtectionEnabled") ?? false,
        logGroupClass: text(inputs, "logGroupClass") ?? "STANDARD",
      },
    };
  },
  references: (properties) => identifiers(properties, "kmsKeyId"),
  update(inputs, _current, context) {
    refuseBadKey(inputs, context);
    return {};
  },
  delete(current) {
    if (flag(current.properties, "deletionProtectionEnabled") === true) {
      const message = "Cannot delete log group: deletion protection is enabled";
      throw new AwsError("ValidationException", message);
    }
    return undefined;
  },
};
