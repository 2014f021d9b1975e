/** IAM: roles, their inline policies and the managed ones attached to them. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { flag, objects, text, texts } from "../values.ts";
import {
  ATTACHMENT,
  iamNames,
  isAttachable,
  noSuchEntity,
  policyRule,
  policySize,
  ROLE,
} from "./iamPolicy.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { danglingPrincipals } from "./policyDocument.ts";
import { between, rules, string } from "./rules.ts";

const ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy";

const ROLES_PER_ACCOUNT = 1000;
const MANAGED_POLICIES_PER_ROLE = 10;
/** Characters without white space; inline policies of a role count together. */
const INLINE_POLICY_CHARACTERS = 10_240;
const TRUST_POLICY_CHARACTERS = 2048;

function limitExceeded(message: string): AwsError {
  return new AwsError("LimitExceeded", message, 409);
}

export function needRole(context: Context, name: string): StoredResource {
  return need(context.byId(ROLE, name), () => noSuchEntity(`The role with name ${name} cannot be found.`));
}

function refuseBadTrust(inputs: Properties, context: Context): void {
  const trust = given(inputs, "assumeRolePolicy");
  if (policySize(trust) > TRUST_POLICY_CHARACTERS) {
    throw limitExceeded(`Cannot exceed quota for ACLSizePerRole: ${TRUST_POLICY_CHARACTERS}`);
  }
  const [dangling] = danglingPrincipals(trust, context);
  if (dangling !== undefined) {
    throw new AwsError("MalformedPolicyDocument", `Invalid principal in policy: "AWS":"${dangling}"`);
  }
}

function refuseBadBoundary(inputs: Properties, context: Context): void {
  const boundary = text(inputs, "permissionsBoundary");
  if (boundary === undefined || isAttachable(boundary, context)) return;
  throw noSuchEntity(`Scope ARN: ${boundary} does not exist or is not attachable.`);
}

function refuseBadPolicies(inputs: Properties, context: Context): void {
  refuseBadTrust(inputs, context);
  refuseBadBoundary(inputs, context);
  for (const arn of texts(inputs, "managedPolicyArns")) refuseUnattachable(arn, context);
  const size = objects(inputs, "inlinePolicies").reduce((sum, inline) => sum + inlineSize(inline), 0);
  refuseLongInline(size, text(inputs, "name") ?? "");
}

function refuseUnattachable(arn: string, context: Context): void {
  if (!isAttachable(arn, context)) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
}

function inlineSize(properties: Properties): number {
  return policySize(text(properties, "policy") ?? "");
}

function refuseLongInline(size: number, role: string): void {
  if (size <= INLINE_POLICY_CHARACTERS) return;
  throw limitExceeded(`Maximum policy size of ${INLINE_POLICY_CHARACTERS} bytes exceeded for role ${role}`);
}

export const role: ResourceType = {
  token: ROLE,
  api: api("IAM", "Role", ["CreateRole", "GetRole", "UpdateAssumeRolePolicy", "DeleteRole"]),
  scope: "global",
  required: ["assumeRolePolicy"],
  computed: ["arn", "createDate", "uniqueId"],
  replaceOn: ["name", "namePrefix", "path"],
  unordered: ["managedPolicyArns", "inlinePolicies"],
  json: ["assumeRolePolicy", "inlinePolicies[*].policy"],
  writeOnly: ["forceDetachPolicies"],
  taggable: true,
  autoName: { property: "name", maxLength: 64 },
  check: rules(
    ...iamNames("roleName", 64),
    policyRule("assumeRolePolicy", "trust"),
    between("maxSessionDuration", "ValidationError", 3600, 43_200),
    string("description", { code: "ValidationError", min: 0, max: 1000 }),
  ),
  defaults: () => ({ forceDetachPolicies: false, maxSessionDuration: 3600, path: "/" }),
  uniqueName: (inputs) => text(inputs, "name")?.toLowerCase(),
  nameTaken: (_name, holder) =>
    new AwsError("EntityAlreadyExists", `Role with name ${holder.id} already exists.`, 409),
  create(inputs, context) {
    if (context.count(ROLE) >= ROLES_PER_ACCOUNT) {
      throw limitExceeded(`Cannot exceed quota for RolesPerAccount: ${ROLES_PER_ACCOUNT}`);
    }
    refuseBadPolicies(inputs, context);
    const name = given(inputs, "name");
    return {
      id: name,
      properties: {
        arn: context.arn("iam", `role${given(inputs, "path")}${name}`, { region: "" }),
        createDate: new Date(context.nowMs).toISOString().replace(/\.\d+Z$/, "Z"),
        uniqueId: `AROA${context.ids.upper(17)}`,
      },
    };
  },
  references: (properties) => identifiers(properties, "permissionsBoundary", "managedPolicyArns"),
  update(inputs, _current, context) {
    refuseBadPolicies(inputs, context);
    return {};
  },
  delete(current, context) {
    const force = flag(current.properties, "forceDetachPolicies") === true;
    const attached = context.referrers(current.id, ATTACHMENT);
    const inline = context.referrers(current.id, ROLE_POLICY);
    if (!force && attached.length > 0) {
      throw new AwsError("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409);
    }
    if (!force && inline.length > 0) {
      throw new AwsError("DeleteConflict", "Cannot delete entity, must delete policies first.", 409);
    }
    for (const dependent of [...attached, ...inline]) context.remove(dependent);
    return undefined;
  },
};

function refuseInlineTotal(inputs: Properties, self: string | undefined, context: Context): void {
  const owner = given(inputs, "role");
  const others = context.referrers(owner, ROLE_POLICY).filter((other) => other.id !== self);
  const size = others.reduce((sum, other) => sum + inlineSize(other.properties), inlineSize(inputs));
  refuseLongInline(size, owner);
}

export const rolePolicy: ResourceType = {
  token: ROLE_POLICY,
  api: api("IAM", "Role Policy", ["PutRolePolicy", "GetRolePolicy", "PutRolePolicy", "DeleteRolePolicy"]),
  scope: "global",
  required: ["policy", "role"],
  computed: [],
  replaceOn: ["name", "namePrefix", "role"],
  json: ["policy"],
  taggable: false,
  autoName: { property: "name", maxLength: 128 },
  check: rules(...iamNames("policyName", 128), policyRule("policy", "identity")),
  create(inputs, context) {
    const owner = given(inputs, "role");
    needRole(context, owner);
    const id = `${owner}:${given(inputs, "name")}`;
    refuseInlineTotal(inputs, id, context);
    return { id, properties: {} };
  },
  references: (properties) => identifiers(properties, "role"),
  update(inputs, current, context) {
    refuseInlineTotal(inputs, current.id, context);
    return {};
  },
};

export const rolePolicyAttachment: ResourceType = {
  token: ATTACHMENT,
  api: api("IAM", "Role Policy Attachment", [
    "AttachRolePolicy",
    "ListAttachedRolePolicies",
    "AttachRolePolicy",
    "DetachRolePolicy",
  ]),
  scope: "global",
  required: ["policyArn", "role"],
  computed: [],
  replaceOn: ["policyArn", "role"],
  taggable: false,
  create(inputs, context) {
    const owner = given(inputs, "role");
    const policyArn = given(inputs, "policyArn");
    needRole(context, owner);
    refuseUnattachable(policyArn, context);
    const attached = context.referrers(owner, ATTACHMENT);
    if (attached.every((other) => other.properties.policyArn !== policyArn)) {
      if (attached.length >= MANAGED_POLICIES_PER_ROLE) {
        throw limitExceeded(`Cannot exceed quota for PoliciesPerRole: ${MANAGED_POLICIES_PER_ROLE}`);
      }
    }
    return { id: `${owner}/${policyArn}`, properties: {} };
  },
  references: (properties) => identifiers(properties, "role", "policyArn"),
};
