/** Elastic Load Balancing: load balancers. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType } from "../resourceType.ts";
import { flag, objects, text, texts } from "../values.ts";
import { needSubnet } from "./ec2Network.ts";
import { needSecurityGroups } from "./ec2SecurityGroups.ts";
import { api, arnResource, given, identifiers } from "./objects.ts";
import { loadBalancerZoneId } from "./regions.ts";
import { conflicts, failure, oneOf, type Rule, rules } from "./rules.ts";

export const LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer";
export const LISTENER = "aws:lb/listener:Listener";

/** "app", "net", "gwy": how ARNs say the type. */
const ARN_TYPES: Readonly<Record<string, string>> = { application: "app", network: "net", gateway: "gwy" };

/** Names of load balancers and target groups share one rule. */
export function elbName(noun: string): Rule {
  return (inputs) => {
    const name = text(inputs, "name");
    if (name === undefined) return undefined;
    const fault = elbNameFault(name, noun);
    return fault === undefined ? undefined : failure("name", "ValidationError", fault);
  };
}

function elbNameFault(name: string, noun: string): string | undefined {
  if (name.length > 32) return `The ${noun} name '${name}' cannot be longer than '32' characters`;
  if (!/^[A-Za-z0-9-]+$/.test(name)) {
    return `The ${noun} name '${name}' can only contain characters that are alphanumeric characters and hyphens(-)`;
  }
  if (/^-|-$/.test(name)) return `The ${noun} name '${name}' cannot begin or end with a hyphen(-)`;
  return undefined;
}

function internalPrefix(inputs: Properties) {
  const name = text(inputs, "name");
  if (name?.startsWith("internal-") !== true) return undefined;
  return failure("name", "ValidationError", `The load balancer name '${name}' cannot begin with 'internal-'`);
}

function subnetsOf(inputs: Properties): readonly string[] {
  const mapped = objects(inputs, "subnetMappings").flatMap((mapping) => identifiers(mapping, "subnetId"));
  return [...texts(inputs, "subnets"), ...mapped];
}

/** The network of the load balancer. */
function refuseBadPlacement(inputs: Properties, context: Context): string {
  const subnets = subnetsOf(inputs).map((id) => {
    try {
      return needSubnet(context, id);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      throw new AwsError("SubnetNotFound", `The subnet ID '${id}' does not exist`);
    }
  });
  const zones = new Set(subnets.map((subnet) => text(subnet.properties, "availabilityZone")));
  if (text(inputs, "loadBalancerType") === "application" && zones.size < 2) {
    const message = "At least two subnets in two different Availability Zones must be specified";
    throw new AwsError("ValidationError", message);
  }
  if (zones.size < subnets.length) {
    const message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
    throw new AwsError("InvalidConfigurationRequest", message);
  }
  refuseBadGroups(inputs, context);
  return text(subnets[0]?.properties ?? {}, "vpcId") ?? "";
}

function refuseBadGroups(inputs: Properties, context: Context): void {
  try {
    needSecurityGroups(context, texts(inputs, "securityGroups"));
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw new AwsError("InvalidSecurityGroup", error.message);
  }
}

function dnsName(inputs: Properties, context: Context): string {
  const internal = flag(inputs, "internal") === true ? "internal-" : "";
  const name = given(inputs, "name");
  const isNetwork = text(inputs, "loadBalancerType") === "network";
  return isNetwork
    ? `${name}-${context.ids.hex(16)}.elb.${context.region}.${context.dnsSuffix}`
    : `${internal}${name}-${context.ids.digits(10)}.${context.region}.elb.${context.dnsSuffix}`;
}

export const loadBalancer: ResourceType = {
  token: LOAD_BALANCER,
  api: api("Elastic Load Balancing v2", "Load Balancer", [
    "CreateLoadBalancer",
    "DescribeLoadBalancers",
    "ModifyLoadBalancerAttributes",
    "DeleteLoadBalancer",
  ]),
  required: [],
  computed: ["arn", "arnSuffix", "dnsName", "vpcId", "zoneId"],
  replaceOn: ["name", "namePrefix", "internal", "loadBalancerType", "customerOwnedIpv4Pool"],
  unordered: ["securityGroups", "subnets", "subnetMappings"],
  taggable: true,
  autoName: { property: "name", maxLength: 32 },
  check: rules(
    elbName("load balancer"),
    internalPrefix,
    oneOf("loadBalancerType", "ValidationError", ["application", "network", "gateway"]),
    conflicts("subnets", "subnetMappings"),
  ),
  defaults: () => ({
    clientKeepAlive: 3600,
    desyncMitigationMode: "defensive",
    dropInvalidHeaderFields: false,
    enableDeletionProtection: false,
    enableHttp2: true,
    idleTimeout: 60,
    loadBalancerType: "application",
    xffHeaderProcessingMode: "append",
  }),
  uniqueName: (inputs) => text(inputs, "name"),
  nameTaken: (name) =>
    new AwsError(
      "DuplicateLoadBalancerName",
      `A load balancer with the same name '${name}' exists, but with different settings`,
    ),
  create(inputs, context) {
    const vpcId = refuseBadPlacement(inputs, context);
    const kind = ARN_TYPES[given(inputs, "loadBalancerType")] ?? "app";
    const arnSuffix = `${kind}/${given(inputs, "name")}/${context.ids.hex(16)}`;
    const arn = context.arn("elasticloadbalancing", `loadbalancer/${arnSuffix}`);
    return {
      id: arn,
      properties: {
        arn,
        arnSuffix,
        dnsName: dnsName(inputs, context),
        internal: flag(inputs, "internal") ?? false,
        ipAddressType: text(inputs, "ipAddressType") ?? "ipv4",
        securityGroups: inputs.securityGroups ?? [],
        subnets: subnetsOf(inputs),
        vpcId,
        zoneId: loadBalancerZoneId(context.region),
      },
    };
  },
  references: (properties) => [...subnetsOf(properties), ...texts(properties, "securityGroups")],
  update(inputs, _current, context) {
    if (inputs.subnets !== undefined || inputs.subnetMappings !== undefined)
      refuseBadPlacement(inputs, context);
    return {};
  },
  delete(current, context) {
    if (flag(current.properties, "enableDeletionProtection") === true) {
      const message = `Load balancer '${current.id}' cannot be deleted because deletion protection is enabled`;
      throw new AwsError("OperationNotPermitted", message);
    }
    for (const listener of context.referrers(current.id, LISTENER)) {
      for (const rule of context.referrers(listener.id, "aws:lb/listenerRule:ListenerRule"))
        context.remove(rule);
      context.remove(listener);
    }
    return undefined;
  },
};

/** "app/web/50dc6c495c0c9188" of a load balancer's, listener's or target group's ARN. */
export function arnSuffixOf(arn: string): string {
  return arnResource(arn).split("/").slice(1).join("/");
}
