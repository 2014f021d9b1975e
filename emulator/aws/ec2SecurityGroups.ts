/** EC2: security groups and their rules, inline and as objects of their own. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType } from "../resourceType.ts";
import { count, objects, text, texts } from "../values.ts";
import { parseCidr } from "./cidr.ts";
import { INTERFACE_OWNERS, needVpc, VPC } from "./ec2Network.ts";
import { api, given, identifiers } from "./objects.ts";
import { exactlyOne, failure, rules, string } from "./rules.ts";

export const SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup";
const INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule";

/** Inbound and outbound count apart. */
const RULES_PER_GROUP = 60;
const GROUPS_PER_INTERFACE = 5;

const GROUP_TEXT = /^[A-Za-z0-9 ._\-:/()#,@[\]+=&;{}!$*]*$/;

function groupNotFound(id: string): AwsError {
  return new AwsError("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
}

/** A network's default group exists although no resource made it. */
function needGroup(context: Context, id: string): void {
  if (context.byId(SECURITY_GROUP, id) !== undefined) return;
  if (!context.list(VPC).some((vpc) => vpc.properties.defaultSecurityGroupId === id)) throw groupNotFound(id);
}

/** Groups that one network interface is to have: all exist, not too many. */
export function needSecurityGroups(context: Context, ids: readonly string[]): void {
  for (const id of ids) needGroup(context, id);
  if (ids.length <= GROUPS_PER_INTERFACE) return;
  throw new AwsError(
    "SecurityGroupsPerInterfaceLimitExceeded",
    "The maximum number of security groups per interface has been reached.",
  );
}

function rulesOf(properties: Properties): readonly Properties[] {
  return [...objects(properties, "ingress"), ...objects(properties, "egress")];
}

function nameRule(inputs: Properties) {
  const name = text(inputs, "name");
  if (name === undefined || !name.startsWith("sg-")) return undefined;
  const message = `Invalid security group name '${name}': names must not begin with sg-`;
  return failure("name", "InvalidParameterValue", message);
}

export const securityGroup: ResourceType = {
  token: SECURITY_GROUP,
  api: api("EC2", "Security Group", [
    "CreateSecurityGroup",
    "DescribeSecurityGroups",
    "AuthorizeSecurityGroupIngress",
    "DeleteSecurityGroup",
  ]),
  required: [],
  computed: ["arn", "ownerId"],
  replaceOn: ["name", "namePrefix", "description", "vpcId"],
  unordered: ["ingress", "egress"],
  writeOnly: ["revokeRulesOnDelete"],
  taggable: true,
  autoName: { property: "name", maxLength: 255 },
  check: rules(
    nameRule,
    string("name", { code: "InvalidParameterValue", max: 255, pattern: GROUP_TEXT, member: "groupName" }),
    string("description", { code: "InvalidParameterValue", min: 0, max: 255, pattern: GROUP_TEXT }),
  ),
  defaults: () => ({ description: "Managed by Pulumi", revokeRulesOnDelete: false }),
  uniqueName: (inputs) => `${text(inputs, "vpcId") ?? "default"} ${text(inputs, "name") ?? ""}`,
  nameTaken(name) {
    const [vpcId, ...rest] = name.split(" ");
    const message = `The security group '${rest.join(" ")}' already exists for VPC '${vpcId}'`;
    return new AwsError("InvalidGroup.Duplicate", message);
  },
  create(inputs, context) {
    const vpcId = text(inputs, "vpcId");
    if (vpcId === undefined) {
      throw new AwsError("VPCIdNotSpecified", "No default VPC for this user");
    }
    needVpc(context, vpcId);
    needRuleGroups(inputs, context);
    const id = `sg-${context.ids.hex(17)}`;
    return {
      id,
      properties: {
        arn: context.arn("ec2", `security-group/${id}`),
        egress: inputs.egress ?? [],
        ingress: inputs.ingress ?? [],
        ownerId: context.account,
      },
    };
  },
  references: (properties) => [
    ...identifiers(properties, "vpcId"),
    ...rulesOf(properties).flatMap((rule) => texts(rule, "securityGroups")),
  ],
  update(inputs, _current, context) {
    needRuleGroups(inputs, context);
    return {};
  },
  delete(current, context) {
    const users = [INGRESS, EGRESS, SECURITY_GROUP, ...INTERFACE_OWNERS];
    const outside = users
      .flatMap((type) => context.referrers(current.id, type))
      .filter((user) => user.id !== current.id && text(user.properties, "securityGroupId") !== current.id);
    if (outside.length > 0) {
      throw new AwsError("DependencyViolation", `resource ${current.id} has a dependent object`);
    }
    for (const type of [INGRESS, EGRESS]) {
      for (const rule of context.referrers(current.id, type)) context.remove(rule);
    }
    return undefined;
  },
};

function needRuleGroups(inputs: Properties, context: Context): void {
  for (const direction of ["ingress", "egress"]) {
    const inline = objects(inputs, direction);
    if (inline.length > RULES_PER_GROUP) throw tooManyRules();
    for (const id of inline.flatMap((rule) => texts(rule, "securityGroups"))) needGroup(context, id);
  }
}

function tooManyRules(): AwsError {
  return new AwsError(
    "RulesPerSecurityGroupLimitExceeded",
    "The maximum number of rules per security group has been reached.",
  );
}

const PEERS = ["cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"];

function portRule(inputs: Properties) {
  const protocol = text(inputs, "ipProtocol");
  const ports = [count(inputs, "fromPort"), count(inputs, "toPort")];
  const known = ports.filter((port) => port !== undefined);
  if (protocol === "-1" && known.length > 0) {
    return {
      property: "fromPort",
      reason: "InvalidParameterValue: You may not specify all protocols and specific ports.",
    };
  }
  const [from = 0, to = 0] = known;
  const isPorts = protocol === "tcp" || protocol === "udp" || protocol === "6" || protocol === "17";
  if (!isPorts || known.length < 2 || (from >= 0 && to <= 65_535 && from <= to)) return undefined;
  return failure("fromPort", "InvalidParameterValue", `Invalid TCP/UDP port range (${from}:${to})`);
}

function peerRule(inputs: Properties) {
  const value = text(inputs, "cidrIpv4");
  if (value === undefined || parseCidr(value) !== undefined) return undefined;
  return failure("cidrIpv4", "InvalidParameterValue", `CIDR block ${value} is malformed`);
}

/** What makes two rules the same to AWS: everything but their description and tags. */
function ruleIdentity(inputs: Properties): string {
  return ["securityGroupId", "ipProtocol", "fromPort", "toPort", ...PEERS]
    .map((key) => String(inputs[key] ?? ""))
    .join(" ");
}

function ruleType(token: string, noun: string, create: string): ResourceType {
  return {
    token,
    api: api("EC2", noun, [
      create,
      "DescribeSecurityGroupRules",
      "ModifySecurityGroupRules",
      create.replace("Authorize", "Revoke"),
    ]),
    required: ["ipProtocol", "securityGroupId"],
    computed: ["arn", "securityGroupRuleId"],
    replaceOn: ["securityGroupId"],
    taggable: true,
    check: rules(
      exactlyOne(PEERS),
      portRule,
      peerRule,
      string("description", { code: "InvalidParameterValue", min: 0, max: 255, pattern: GROUP_TEXT }),
    ),
    uniqueName: ruleIdentity,
    nameTaken: (name) => duplicateRule(name),
    create(inputs, context) {
      const owner = needGroups(inputs, context);
      if (
        context.referrers(owner, token).filter((rule) => text(rule.properties, "securityGroupId") === owner)
          .length >= RULES_PER_GROUP
      ) {
        throw tooManyRules();
      }
      const id = `sgr-${context.ids.hex(17)}`;
      return {
        id,
        properties: { arn: context.arn("ec2", `security-group-rule/${id}`), securityGroupRuleId: id },
      };
    },
    references: (properties) => identifiers(properties, "securityGroupId", "referencedSecurityGroupId"),
    update(inputs, current, context) {
      needGroups(inputs, context);
      const twin = context.byName(token, ruleIdentity(inputs));
      if (twin !== undefined && twin.id !== current.id) throw duplicateRule(ruleIdentity(inputs));
      return {};
    },
  };
}

function duplicateRule(identity: string): AwsError {
  const [, protocol = "", from, to, ...peers] = identity.split(" ");
  const peer = peers.find((item) => item !== "") ?? "";
  const message = `the specified rule "peer: ${peer}, ${protocol}, from port: ${from}, to port: ${to}, ALLOW" already exists`;
  return new AwsError("InvalidPermission.Duplicate", message);
}

function needGroups(inputs: Properties, context: Context): string {
  const owner = given(inputs, "securityGroupId");
  for (const id of identifiers(inputs, "securityGroupId", "referencedSecurityGroupId"))
    needGroup(context, id);
  return owner;
}

export const securityGroupIngressRule = ruleType(
  INGRESS,
  "VPC Security Group Ingress Rule",
  "AuthorizeSecurityGroupIngress",
);

export const securityGroupEgressRule = ruleType(
  EGRESS,
  "VPC Security Group Egress Rule",
  "AuthorizeSecurityGroupEgress",
);
