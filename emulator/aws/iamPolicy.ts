/** IAM: managed policies, and what roles need to know of them. */
import { AwsError } from "../awsError.ts";
import type { Context, ResourceType, StoredResource } from "../resourceType.ts";
import { text } from "../values.ts";
import { api, given } from "./objects.ts";
import { type PolicyKind, policyFault } from "./policyDocument.ts";
import { failure, type Rule, rules, string } from "./rules.ts";

export const POLICY = "aws:iam/policy:Policy";
export const ROLE = "aws:iam/role:Role";
export const ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment";

/** Characters, not counting white space. */
const MANAGED_POLICY_CHARACTERS = 6144;
export const IAM_NAME = /^[\w+=,.@-]+$/;
export const IAM_PATH = /^(\/|\/[!-~]+\/)$/;

export function noSuchEntity(message: string): AwsError {
  return new AwsError("NoSuchEntity", message, 404);
}

/** IAM measures policies without their white space. */
export function policySize(document: string): number {
  return document.replaceAll(/\s/g, "").length;
}

export function policyRule(property: string, kind: PolicyKind, code = "MalformedPolicyDocument"): Rule {
  return (inputs) => {
    const document = text(inputs, property);
    const fault = document === undefined ? undefined : policyFault(document, kind);
    return fault === undefined ? undefined : failure(property, code, fault);
  };
}

/** Names and paths as every IAM type takes them. */
export function iamNames(member: string, maxLength: number): readonly Rule[] {
  return [
    string("name", { code: "ValidationError", max: maxLength, pattern: IAM_NAME, member }),
    string("path", { code: "ValidationError", max: 512, pattern: IAM_PATH }),
  ];
}

/**
 * A policy that can be attached or be a boundary. Policies AWS manages are taken on trust: their list has over a
 * thousand names and changes weekly.
 */
export function isAttachable(arn: string, context: Context): boolean {
  if (arn.startsWith(`arn:${context.partition}:iam::aws:policy/`)) return true;
  return context.byArn(arn)?.type === POLICY;
}

function attachmentsOf(policy: StoredResource, context: Context): number {
  const arn = given(policy.properties, "arn");
  return context.referrers(arn, ATTACHMENT).length;
}

export const policy: ResourceType = {
  token: POLICY,
  api: api("IAM", "Policy", ["CreatePolicy", "GetPolicy", "CreatePolicyVersion", "DeletePolicy"]),
  scope: "global",
  required: ["policy"],
  computed: ["arn", "attachmentCount", "policyId"],
  replaceOn: ["name", "namePrefix", "path", "description"],
  json: ["policy"],
  writeOnly: ["delayAfterPolicyCreationInMs"],
  taggable: true,
  autoName: { property: "name", maxLength: 128 },
  check: rules(...iamNames("policyName", 128), policyRule("policy", "identity")),
  defaults: () => ({ path: "/" }),
  uniqueName: (inputs) => text(inputs, "name")?.toLowerCase(),
  nameTaken: (name) =>
    new AwsError(
      "EntityAlreadyExists",
      `A policy called ${name} already exists. Duplicate names are not allowed.`,
      409,
    ),
  create(inputs, context) {
    refuseLongPolicy(given(inputs, "policy"));
    const arn = context.arn("iam", `policy${given(inputs, "path")}${given(inputs, "name")}`, { region: "" });
    return {
      id: arn,
      properties: { arn, attachmentCount: 0, policyId: `ANPA${context.ids.upper(17)}` },
    };
  },
  update(inputs) {
    refuseLongPolicy(given(inputs, "policy"));
    return {};
  },
  read: (current, context) => ({ attachmentCount: attachmentsOf(current, context) }),
  delete(current, context) {
    if (context.referrers(given(current.properties, "arn")).length > 0) {
      throw new AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409);
    }
    return undefined;
  },
};

function refuseLongPolicy(document: string): void {
  if (policySize(document) <= MANAGED_POLICY_CHARACTERS) return;
  throw new AwsError(
    "LimitExceeded",
    `Cannot exceed quota for PolicySize: ${MANAGED_POLICY_CHARACTERS}`,
    409,
  );
}
