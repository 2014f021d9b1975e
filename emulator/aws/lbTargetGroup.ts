/** Elastic Load Balancing: target groups. */
import { AwsError } from "../awsError.ts";
import type { Properties, ResourceType } from "../resourceType.ts";
import { flag, object, text } from "../values.ts";
import { needVpc } from "./ec2Network.ts";
import { elbName } from "./lbBalancer.ts";
import { api, arnResource, given, identifiers } from "./objects.ts";
import { between, oneOf, rules } from "./rules.ts";

export const TARGET_GROUP = "aws:lb/targetGroup:TargetGroup";
const USERS: readonly string[] = ["aws:lb/listener:Listener", "aws:lb/listenerRule:ListenerRule"];

const PROTOCOLS = ["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC"];

/** What the provider sends for members that a program's health check leaves out. */
const HEALTH_CHECK: Properties = {
  enabled: true,
  healthyThreshold: 3,
  interval: 30,
  matcher: "200",
  path: "/",
  port: "traffic-port",
  protocol: "HTTP",
  timeout: 5,
  unhealthyThreshold: 3,
};

/** Without any health check AWS's own thresholds hold. */
function healthCheck(inputs: Properties): Properties {
  const given = object(inputs, "healthCheck");
  return given === undefined
    ? { ...HEALTH_CHECK, healthyThreshold: 5, unhealthyThreshold: 2 }
    : { ...HEALTH_CHECK, ...given };
}

export const targetGroup: ResourceType = {
  token: TARGET_GROUP,
  api: api("Elastic Load Balancing v2", "Target Group", [
    "CreateTargetGroup",
    "DescribeTargetGroups",
    "ModifyTargetGroup",
    "DeleteTargetGroup",
  ]),
  required: [],
  computed: ["arn", "arnSuffix", "loadBalancerArns"],
  replaceOn: [
    "name",
    "namePrefix",
    "port",
    "protocol",
    "protocolVersion",
    "targetType",
    "vpcId",
    "ipAddressType",
    "targetControlPort",
  ],
  taggable: true,
  autoName: { property: "name", maxLength: 32 },
  check: rules(
    elbName("target group"),
    between("port", "ValidationError", 1, 65_535),
    oneOf("protocol", "ValidationError", PROTOCOLS),
    oneOf("targetType", "ValidationError", ["instance", "ip", "lambda", "alb"]),
    between("deregistrationDelay", "ValidationError", 0, 3600),
  ),
  defaults: (inputs) => ({
    deregistrationDelay: 300,
    lambdaMultiValueHeadersEnabled: false,
    proxyProtocolV2: false,
    protocolVersion: text(inputs, "protocol")?.startsWith("HTTP") === true ? "HTTP1" : undefined,
    slowStart: 0,
    targetType: "instance",
  }),
  uniqueName: (inputs) => text(inputs, "name"),
  nameTaken: (name) =>
    new AwsError(
      "DuplicateTargetGroupName",
      `A target group with the same name '${name}' exists, but with different settings`,
    ),
  create(inputs, context) {
    const vpcId = text(inputs, "vpcId");
    if (given(inputs, "targetType") !== "lambda") {
      if (vpcId === undefined) throw new AwsError("ValidationError", "A VPC ID must be specified");
      needVpcOfGroup(vpcId, () => needVpc(context, vpcId));
    }
    const name = given(inputs, "name");
    const arn = context.arn("elasticloadbalancing", `targetgroup/${name}/${context.ids.hex(16)}`);
    return {
      id: arn,
      properties: {
        arn,
        arnSuffix: arnResource(arn),
        connectionTermination: flag(inputs, "connectionTermination") ?? false,
        healthCheck: healthCheck(inputs),
        ipAddressType: text(inputs, "ipAddressType") ?? "ipv4",
        loadBalancerArns: [],
        loadBalancingAlgorithmType: text(inputs, "loadBalancingAlgorithmType") ?? "round_robin",
        loadBalancingAnomalyMitigation: text(inputs, "loadBalancingAnomalyMitigation") ?? "off",
        loadBalancingCrossZoneEnabled:
          text(inputs, "loadBalancingCrossZoneEnabled") ?? "use_load_balancer_configuration",
      },
    };
  },
  references: (properties) => identifiers(properties, "vpcId"),
  update: (inputs) => ({ properties: { healthCheck: healthCheck(inputs) } }),
  read(current, context) {
    const listeners = USERS.flatMap((type) => context.referrers(current.id, type));
    const balancers = listeners.flatMap((listener) => identifiers(listener.properties, "loadBalancerArn"));
    return { loadBalancerArns: [...new Set(balancers)] };
  },
  delete(current, context) {
    if (USERS.some((type) => context.referrers(current.id, type).length > 0)) {
      const message = `Target group '${current.id}' is currently in use by a listener or a rule`;
      throw new AwsError("ResourceInUse", message);
    }
    return undefined;
  },
};

function needVpcOfGroup(vpcId: string, find: () => unknown): void {
  try {
    find();
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw new AwsError("ValidationError", `The VPC ID '${vpcId}' is not found`);
  }
}
