/** KMS: keys, which AWS only ever schedules for deletion, and aliases. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { count, flag, text } from "../values.ts";
import { policyRule } from "./iamPolicy.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { between, failure, oneOf, rules, string } from "./rules.ts";

export const KEY = "aws:kms/key:Key";
const ALIAS = "aws:kms/alias:Alias";

const DAY_MS = 86_400_000;
const DEFAULT_WINDOW_DAYS = 30;
const YEAR_DAYS = 365;

const KEY_SPECS = [
  "SYMMETRIC_DEFAULT",
  "RSA_2048",
  "RSA_3072",
  "RSA_4096",
  "ECC_NIST_P256",
  "ECC_NIST_P384",
  "ECC_NIST_P521",
  "ECC_SECG_P256K1",
  "HMAC_224",
  "HMAC_256",
  "HMAC_384",
  "HMAC_512",
  "SM2",
];

/** By id, ARN or alias. A key whose deletion is scheduled is of no use to anyone. */
export function findKey(context: Context, reference: string): StoredResource | undefined {
  const bare = reference.startsWith("arn:") ? reference.split(":").slice(5).join(":") : reference;
  if (bare.startsWith("alias/")) {
    const target = text(context.byId(ALIAS, bare)?.properties ?? {}, "targetKeyId");
    return target === undefined ? undefined : context.byId(KEY, target);
  }
  return context.byId(KEY, bare.replace(/^key\//, ""));
}

export function needKey(context: Context, reference: string): StoredResource {
  return need(findKey(context, reference), () => {
    const pending = context
      .list(KEY, { scheduled: true })
      .find(({ id, arn }) => id === reference || arn === reference);
    if (pending !== undefined) {
      return new AwsError("KMSInvalidStateException", `${pending.arn} is pending deletion.`);
    }
    const isName = reference.startsWith("arn:") || reference.startsWith("alias/");
    const named = isName ? reference : context.arn("kms", `key/${reference}`);
    return new AwsError("NotFoundException", `Key '${named}' does not exist`);
  });
}

/** The policy KMS gives a key that brings none. */
function defaultPolicy(context: Context): string {
  return JSON.stringify({
    Id: "key-default-1",
    Statement: [
      {
        Action: "kms:*",
        Effect: "Allow",
        Principal: { AWS: context.arn("iam", "root", { region: "" }) },
        Resource: "*",
        Sid: "Enable IAM User Permissions",
      },
    ],
    Version: "2012-10-17",
  });
}

/** What KMS fills in; only symmetric keys rotate by themselves. */
function settings(inputs: Properties, context: Context): Properties {
  const rotates = flag(inputs, "enableKeyRotation") === true;
  if (rotates && text(inputs, "customerMasterKeySpec") !== "SYMMETRIC_DEFAULT") {
    const message = "You cannot enable automatic rotation of asymmetric or HMAC keys.";
    throw new AwsError("UnsupportedOperationException", message, 400, "EnableKeyRotation");
  }
  return {
    description: text(inputs, "description") ?? "",
    policy: text(inputs, "policy") ?? defaultPolicy(context),
    rotationPeriodInDays: count(inputs, "rotationPeriodInDays") ?? (rotates ? YEAR_DAYS : undefined),
  };
}

export const key: ResourceType = {
  token: KEY,
  api: api("KMS", "Key", ["CreateKey", "DescribeKey", "UpdateKeyDescription", "ScheduleKeyDeletion"]),
  required: [],
  computed: ["arn", "keyId"],
  replaceOn: ["keyUsage", "customerMasterKeySpec", "customKeyStoreId", "multiRegion", "xksKeyId"],
  json: ["policy"],
  writeOnly: ["deletionWindowInDays", "bypassPolicyLockoutSafetyCheck"],
  taggable: true,
  check: rules(
    between("deletionWindowInDays", "ValidationException", 7, 30),
    between("rotationPeriodInDays", "ValidationException", 90, 2560),
    oneOf("keyUsage", "ValidationException", [
      "ENCRYPT_DECRYPT",
      "SIGN_VERIFY",
      "GENERATE_VERIFY_MAC",
      "KEY_AGREEMENT",
    ]),
    oneOf("customerMasterKeySpec", "ValidationException", KEY_SPECS),
    string("description", { code: "ValidationException", min: 0, max: 8192 }),
    policyRule("policy", "resource", "MalformedPolicyDocumentException"),
  ),
  defaults: () => ({
    bypassPolicyLockoutSafetyCheck: false,
    customerMasterKeySpec: "SYMMETRIC_DEFAULT",
    enableKeyRotation: false,
    isEnabled: true,
    keyUsage: "ENCRYPT_DECRYPT",
  }),
  create(inputs, context) {
    const keyId = context.ids.uuid();
    return {
      id: keyId,
      properties: {
        arn: context.arn("kms", `key/${keyId}`),
        keyId,
        multiRegion: flag(inputs, "multiRegion") ?? false,
        ...settings(inputs, context),
      },
    };
  },
  update: (inputs, _current, context) => ({ properties: settings(inputs, context) }),
  delete(current, context) {
    for (const alias of context.referrers(current.id, ALIAS)) context.remove(alias);
    const days = count(current.properties, "deletionWindowInDays") ?? DEFAULT_WINDOW_DAYS;
    return { deletionAt: new Date(context.nowMs + days * DAY_MS) };
  },
  import: (importId, context) => findKey(context, importId),
};

function aliasRule(inputs: Properties) {
  const name = text(inputs, "name");
  if (name === undefined) return undefined;
  if (!/^alias\/[a-zA-Z0-9/_-]+$/.test(name) || name.length > 256) {
    return failure(
      "name",
      "ValidationException",
      `Alias must start with the prefix "alias/" and hold only letters, digits, / _ and -, got '${name}'`,
    );
  }
  return name.startsWith("alias/aws/") ? failure("name", "NotAuthorizedException", "") : undefined;
}

function target(inputs: Properties, context: Context) {
  const found = needKey(context, given(inputs, "targetKeyId"));
  return { targetKeyArn: found.arn, targetKeyId: found.id };
}

export const alias: ResourceType = {
  token: ALIAS,
  api: api("KMS", "Alias", ["CreateAlias", "ListAliases", "UpdateAlias", "DeleteAlias"]),
  required: ["targetKeyId"],
  computed: ["arn", "targetKeyArn"],
  replaceOn: ["name", "namePrefix"],
  taggable: false,
  check: rules(aliasRule),
  uniqueName: (inputs) => text(inputs, "name"),
  nameTaken: (name, _holder, context) =>
    new AwsError(
      "AlreadyExistsException",
      `An alias with the name ${context.arn("kms", name)} already exists`,
    ),
  create(inputs, context) {
    const name = text(inputs, "name") ?? `alias/terraform-${context.ids.digits(26)}`;
    const { targetKeyArn } = target(inputs, context);
    return { id: name, properties: { arn: context.arn("kms", name), name, targetKeyArn } };
  },
  references: (properties) => {
    const id = text(properties, "targetKeyId")?.split("/").at(-1);
    return id === undefined ? [] : [id, ...identifiers(properties, "targetKeyArn")];
  },
  update: (inputs, _current, context) => ({
    properties: { targetKeyArn: target(inputs, context).targetKeyArn },
  }),
};
