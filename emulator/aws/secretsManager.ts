/** Secrets Manager: secrets keep their name for the recovery window; their values are versions. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { count, text } from "../values.ts";
import { policyRule } from "./iamPolicy.ts";
import { findKey } from "./kms.ts";
import { api, byAnyName, given, identifiers, need } from "./objects.ts";
import { failure, type Rule, rules, string } from "./rules.ts";

export const SECRET = "aws:secretsmanager/secret:Secret";
export const VERSION = "aws:secretsmanager/secretVersion:SecretVersion";

const DAY_MS = 86_400_000;
const DEFAULT_WINDOW_DAYS = 30;
const SECRET_BYTES = 65_536;

/** 0 deletes at once. */
const windowRule: Rule = (inputs) => {
  const days = count(inputs, "recoveryWindowInDays");
  if (days === undefined || days === 0 || (days >= 7 && days <= 30)) return undefined;
  const message = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).";
  return failure("recoveryWindowInDays", "InvalidParameterException", message);
};

export const secret: ResourceType = {
  token: SECRET,
  api: api("Secrets Manager", "Secret", ["CreateSecret", "DescribeSecret", "UpdateSecret", "DeleteSecret"]),
  required: [],
  computed: ["arn"],
  replaceOn: ["name", "namePrefix"],
  json: ["policy"],
  writeOnly: ["recoveryWindowInDays", "forceOverwriteReplicaSecret"],
  taggable: true,
  autoName: { property: "name", maxLength: 512 },
  check: rules(
    string("name", {
      code: "ValidationException",
      max: 512,
      pattern: /^[a-zA-Z0-9/_+=.@!-]+$/,
      message: () =>
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    }),
    string("description", { code: "ValidationException", min: 0, max: 2048 }),
    windowRule,
    policyRule("policy", "resource", "MalformedPolicyDocumentException"),
  ),
  defaults: () => ({ forceOverwriteReplicaSecret: false, recoveryWindowInDays: DEFAULT_WINDOW_DAYS }),
  uniqueName: (inputs) => text(inputs, "name"),
  nameTaken: (name, holder) =>
    holder.state === "scheduled_for_deletion"
      ? new AwsError(
          "InvalidRequestException",
          "You can't create this secret because a secret with this name is already scheduled for deletion.",
        )
      : new AwsError(
          "ResourceExistsException",
          `The operation failed because the secret ${name} already exists.`,
        ),
  create(inputs, context) {
    const arn = context.arn("secretsmanager", `secret:${given(inputs, "name")}-${context.ids.mixed(6)}`);
    return { id: arn, properties: { arn, policy: text(inputs, "policy") ?? "" } };
  },
  references: (properties) => identifiers(properties, "kmsKeyId"),
  delete(current, context) {
    for (const version of context.referrers(current.id, VERSION)) context.remove(version);
    const days = count(current.properties, "recoveryWindowInDays") ?? DEFAULT_WINDOW_DAYS;
    return days === 0 ? undefined : { deletionAt: new Date(context.nowMs + days * DAY_MS) };
  },
  import: (importId, context) => byAnyName(context, SECRET, importId),
};

/** A reference to a secret may leave out the six random characters of its ARN. */
function findSecret(context: Context, reference: string): StoredResource | undefined {
  const name = /^arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:(.+)$/.exec(reference)?.[1];
  return (
    byAnyName(context, SECRET, reference) ?? (name === undefined ? undefined : context.byName(SECRET, name))
  );
}

/** The secret, present; one whose deletion is scheduled is refused otherwise than one that never was. */
function needSecret(context: Context, reference: string): StoredResource {
  return need(findSecret(context, reference), () => {
    const scheduled = context
      .list(SECRET, { scheduled: true })
      .some(({ id, name }) => id === reference || name === reference);
    if (!scheduled) {
      return new AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    }
    const message = "You can't perform this operation on the secret because it was marked for deletion.";
    return new AwsError("InvalidRequestException", message);
  });
}

function refuseBadValue(inputs: Properties, owner: StoredResource, context: Context): void {
  const value =
    text(inputs, "secretString") ?? text(inputs, "secretBinary") ?? text(inputs, "secretStringWo");
  if (value === undefined) {
    throw new AwsError("InvalidRequestException", "You must provide either SecretString or SecretBinary.");
  }
  if (Buffer.byteLength(value) > SECRET_BYTES) {
    const message = `1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to ${SECRET_BYTES}`;
    throw new AwsError("ValidationException", message);
  }
  const key = text(owner.properties, "kmsKeyId");
  if (key === undefined || findKey(context, key) !== undefined) return;
  const message = "Secrets Manager can't encrypt the protected secret text using the provided KMS key.";
  throw new AwsError("EncryptionFailure", message);
}

export const secretVersion: ResourceType = {
  token: VERSION,
  api: api("Secrets Manager", "Secret Version", [
    "PutSecretValue",
    "GetSecretValue",
    "UpdateSecretVersionStage",
    "UpdateSecretVersionStage",
  ]),
  required: ["secretId"],
  computed: ["arn", "hasSecretStringWo", "secretArn", "versionId"],
  replaceOn: ["secretId", "secretString", "secretBinary", "secretStringWoVersion"],
  secret: ["secretString", "secretBinary", "secretStringWo"],
  unordered: ["versionStages"],
  taggable: false,
  // PutSecretValue moves AWSCURRENT by itself: the old version need not go first.
  deleteBeforeReplace: false,
  create(inputs, context) {
    const owner = needSecret(context, given(inputs, "secretId"));
    refuseBadValue(inputs, owner, context);
    const versionId = context.ids.uuid();
    for (const previous of context.referrers(owner.id, VERSION)) {
      context.change(previous, { versionStages: ["AWSPREVIOUS"] });
    }
    return {
      id: `${owner.id}|${versionId}`,
      properties: {
        arn: owner.id,
        hasSecretStringWo: inputs.secretStringWo !== undefined,
        secretArn: owner.id,
        secretStringWo: undefined,
        versionId,
        versionStages: inputs.versionStages ?? ["AWSCURRENT"],
      },
    };
  },
  references: (properties) => identifiers(properties, "secretArn"),
};
