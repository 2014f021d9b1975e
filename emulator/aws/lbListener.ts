/** Elastic Load Balancing: listeners, their rules, and the quotas that a fleet of tenants would meet. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { count, object, objects, text } from "../values.ts";
import { isIssued } from "./acm.ts";
import { arnSuffixOf, LISTENER, LOAD_BALANCER } from "./lbBalancer.ts";
import { TARGET_GROUP } from "./lbTargetGroup.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { between, failure, oneOf, rules } from "./rules.ts";

const RULE = "aws:lb/listenerRule:ListenerRule";

const LISTENERS_PER_BALANCER = 50;
/** Not counting default rules. */
const RULES_PER_BALANCER = 100;
const TARGET_GROUPS_PER_BALANCER = 100;
const LAST_PRIORITY = 50_000;

const ACTION_TYPES = [
  "forward",
  "redirect",
  "fixed-response",
  "authenticate-cognito",
  "authenticate-oidc",
  "jwt-validation",
];

function targetGroupsOf(actions: readonly Properties[]): readonly string[] {
  return actions.flatMap((action) => {
    const weighted = objects(object(action, "forward") ?? {}, "targetGroups");
    return [
      ...identifiers(action, "targetGroupArn"),
      ...weighted.flatMap((group) => identifiers(group, "arn")),
    ];
  });
}

function actionsRule(property: string) {
  return (inputs: Properties) => {
    const bad = objects(inputs, property).find((action) => {
      const type = text(action, "type");
      return type !== undefined && !ACTION_TYPES.includes(type);
    });
    if (bad === undefined) return undefined;
    return failure(property, "ValidationError", `Invalid action type '${text(bad, "type")}'`);
  };
}

function listenersOf(balancerArn: string, context: Context): readonly StoredResource[] {
  return context.referrers(balancerArn, LISTENER);
}

function rulesOf(balancerArn: string, context: Context): readonly StoredResource[] {
  return listenersOf(balancerArn, context).flatMap((listener) => context.referrers(listener.id, RULE));
}

/** All target groups exist, and with them the load balancer stays within its quota. */
function refuseBadActions(actions: readonly Properties[], balancerArn: string, context: Context): void {
  const wanted = targetGroupsOf(actions);
  for (const arn of wanted) {
    need(
      context.byId(TARGET_GROUP, arn),
      () => new AwsError("TargetGroupNotFound", `Target groups '${arn}' not found`),
    );
  }
  const used = [
    ...listenersOf(balancerArn, context).flatMap(({ properties }) => objects(properties, "defaultActions")),
    ...rulesOf(balancerArn, context).flatMap(({ properties }) => objects(properties, "actions")),
  ];
  if (new Set([...targetGroupsOf(used), ...wanted]).size > TARGET_GROUPS_PER_BALANCER) {
    throw new AwsError(
      "TooManyUniqueTargetGroupsPerLoadBalancer",
      "You have reached the maximum number of unique target groups that you can associate with a load balancer",
    );
  }
}

function refuseBadCertificate(inputs: Properties, context: Context): void {
  const secure = text(inputs, "protocol") === "HTTPS" || text(inputs, "protocol") === "TLS";
  const certificate = text(inputs, "certificateArn");
  if (!secure) return;
  if (certificate === undefined) {
    const message = `A certificate must be specified for ${text(inputs, "protocol")} listeners`;
    throw new AwsError("ValidationError", message);
  }
  // A server certificate of IAM is taken on trust.
  if (certificate.includes(":iam:")) return;
  const found = need(
    context.byArn(certificate),
    () => new AwsError("CertificateNotFound", `Certificate '${certificate}' not found`),
  );
  if (isIssued(found, context)) return;
  throw new AwsError(
    "UnsupportedCertificate",
    `The certificate '${certificate}' must have a fully-qualified domain name, a supported signature, and a supported key size.`,
  );
}

export const listener: ResourceType = {
  token: LISTENER,
  api: api("Elastic Load Balancing v2", "Listener", [
    "CreateListener",
    "DescribeListeners",
    "ModifyListener",
    "DeleteListener",
  ]),
  required: ["defaultActions", "loadBalancerArn"],
  computed: ["arn"],
  replaceOn: ["loadBalancerArn"],
  taggable: true,
  check: rules(
    between("port", "ValidationError", 1, 65_535),
    oneOf("protocol", "ValidationError", [
      "HTTP",
      "HTTPS",
      "TCP",
      "TLS",
      "UDP",
      "TCP_UDP",
      "GENEVE",
      "QUIC",
      "TCP_QUIC",
    ]),
    actionsRule("defaultActions"),
  ),
  uniqueName: (inputs) => `${text(inputs, "loadBalancerArn")} ${count(inputs, "port")}`,
  nameTaken: (name) =>
    new AwsError(
      "DuplicateListener",
      `A listener already exists on this port for this load balancer '${name.split(" ")[0]}'`,
    ),
  create(inputs, context) {
    const balancer = given(inputs, "loadBalancerArn");
    need(
      context.byId(LOAD_BALANCER, balancer),
      () => new AwsError("LoadBalancerNotFound", `Load balancer '${balancer}' not found`),
    );
    if (listenersOf(balancer, context).length >= LISTENERS_PER_BALANCER) {
      throw new AwsError(
        "TooManyListeners",
        "The maximum number of listeners has been reached for this load balancer",
      );
    }
    refuseBadCertificate(inputs, context);
    refuseBadActions(objects(inputs, "defaultActions"), balancer, context);
    const suffix = `${arnSuffixOf(balancer)}/${context.ids.hex(16)}`;
    const arn = context.arn("elasticloadbalancing", `listener/${suffix}`);
    const protocol = text(inputs, "protocol") ?? (count(inputs, "port") === 443 ? "HTTPS" : "HTTP");
    return {
      id: arn,
      properties: {
        arn,
        protocol,
        sslPolicy: text(inputs, "sslPolicy") ?? (protocol === "HTTPS" ? "ELBSecurityPolicy-2016-08" : ""),
      },
    };
  },
  references: (properties) => [
    ...identifiers(properties, "loadBalancerArn", "certificateArn"),
    ...targetGroupsOf(objects(properties, "defaultActions")),
  ],
  update(inputs, _current, context) {
    refuseBadCertificate(inputs, context);
    refuseBadActions(objects(inputs, "defaultActions"), given(inputs, "loadBalancerArn"), context);
    return {};
  },
  delete(current, context) {
    for (const rule of context.referrers(current.id, RULE)) context.remove(rule);
    return undefined;
  },
};

function priorityName(inputs: Properties): string | undefined {
  const priority = count(inputs, "priority");
  return priority === undefined ? undefined : `${text(inputs, "listenerArn")} ${priority}`;
}

/** The smallest free priority above all others, as the provider picks it. */
function nextPriority(listenerArn: string, context: Context): number {
  const taken = context.referrers(listenerArn, RULE).map((rule) => count(rule.properties, "priority") ?? 0);
  return Math.max(0, ...taken) + 1;
}

export const listenerRule: ResourceType = {
  token: RULE,
  api: api("Elastic Load Balancing v2", "Listener Rule", [
    "CreateRule",
    "DescribeRules",
    "ModifyRule",
    "DeleteRule",
  ]),
  required: ["actions", "conditions", "listenerArn"],
  computed: ["arn"],
  replaceOn: ["listenerArn"],
  unordered: ["conditions"],
  taggable: true,
  check: rules(between("priority", "ValidationError", 1, LAST_PRIORITY), actionsRule("actions")),
  uniqueName: priorityName,
  nameTaken: (name) => new AwsError("PriorityInUse", `Priority '${name.split(" ")[1]}' is currently in use`),
  create(inputs, context) {
    const owner = given(inputs, "listenerArn");
    const found = need(
      context.byId(LISTENER, owner),
      () => new AwsError("ListenerNotFound", "One or more listeners not found"),
    );
    const balancer = given(found.properties, "loadBalancerArn");
    if (rulesOf(balancer, context).length >= RULES_PER_BALANCER) {
      throw new AwsError(
        "TooManyRules",
        "The maximum number of rules has been reached for this load balancer",
      );
    }
    refuseBadActions(objects(inputs, "actions"), balancer, context);
    const arn = context.arn(
      "elasticloadbalancing",
      `listener-rule/${arnSuffixOf(owner)}/${context.ids.hex(16)}`,
    );
    return {
      id: arn,
      properties: { arn, priority: count(inputs, "priority") ?? nextPriority(owner, context) },
    };
  },
  references: (properties) => [
    ...identifiers(properties, "listenerArn"),
    ...targetGroupsOf(objects(properties, "actions")),
  ],
  update(inputs, current, context) {
    const owner = context.byId(LISTENER, given(current.properties, "listenerArn"));
    if (owner !== undefined) {
      refuseBadActions(objects(inputs, "actions"), given(owner.properties, "loadBalancerArn"), context);
    }
    return {};
  },
};
