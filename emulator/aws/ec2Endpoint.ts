/** EC2: endpoints of AWS services inside a network. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType } from "../resourceType.ts";
import { object, text, texts } from "../values.ts";
import { needSubnet, needVpc } from "./ec2Network.ts";
import { needRouteTable } from "./ec2Routing.ts";
import { needSecurityGroups } from "./ec2SecurityGroups.ts";
import { api, given, identifiers } from "./objects.ts";
import { oneOf, rules } from "./rules.ts";

function endpointService(name: string, context: Context): void {
  const known = [`com.amazonaws.${context.region}.`, `${context.dnsSuffix}.${context.region}.`, "aws.api."];
  if (known.some((prefix) => name.startsWith(prefix)) || name.startsWith("com.amazonaws.vpce.")) return;
  throw new AwsError("InvalidServiceName", `The Vpc Endpoint Service '${name}' does not exist`);
}

function needEndpointParts(inputs: Properties, context: Context): void {
  for (const id of texts(inputs, "routeTableIds")) needRouteTable(context, id);
  for (const id of texts(inputs, "subnetIds")) needSubnet(context, id);
  needSecurityGroups(context, texts(inputs, "securityGroupIds"));
}

export const vpcEndpoint: ResourceType = {
  token: "aws:ec2/vpcEndpoint:VpcEndpoint",
  api: api("EC2", "VPC Endpoint", [
    "CreateVpcEndpoint",
    "DescribeVpcEndpoints",
    "ModifyVpcEndpoint",
    "DeleteVpcEndpoints",
  ]),
  required: ["vpcId"],
  computed: [
    "arn",
    "cidrBlocks",
    "dnsEntries",
    "networkInterfaceIds",
    "ownerId",
    "prefixListId",
    "requesterManaged",
    "state",
  ],
  replaceOn: [
    "vpcId",
    "serviceName",
    "vpcEndpointType",
    "serviceRegion",
    "resourceConfigurationArn",
    "serviceNetworkArn",
  ],
  unordered: ["routeTableIds", "securityGroupIds", "subnetIds"],
  json: ["policy"],
  taggable: true,
  check: rules(
    oneOf("vpcEndpointType", "InvalidParameter", [
      "Gateway",
      "Interface",
      "GatewayLoadBalancer",
      "Resource",
      "ServiceNetwork",
    ]),
  ),
  defaults: () => ({ vpcEndpointType: "Gateway" }),
  create(inputs, context) {
    needVpc(context, given(inputs, "vpcId"));
    endpointService(text(inputs, "serviceName") ?? "", context);
    needEndpointParts(inputs, context);
    const id = `vpce-${context.ids.hex(17)}`;
    const isGateway = text(inputs, "vpcEndpointType") === "Gateway";
    const service = text(inputs, "serviceName")?.split(".").at(-1) ?? "";
    return {
      id,
      properties: {
        arn: context.arn("ec2", `vpc-endpoint/${id}`),
        cidrBlocks: isGateway ? ["198.51.100.0/24"] : [],
        dnsEntries: isGateway
          ? []
          : [
              {
                dnsName: `${id}-${context.ids.hex(8)}.${service}.${context.region}.vpce.${context.dnsSuffix}`,
                hostedZoneId: `Z${context.ids.upper(13)}`,
              },
            ],
        ipAddressType: text(inputs, "ipAddressType") ?? (isGateway ? "" : "ipv4"),
        networkInterfaceIds: texts(inputs, "subnetIds").map(() => `eni-${context.ids.hex(17)}`),
        ownerId: context.account,
        policy: text(inputs, "policy") ?? OPEN_POLICY,
        prefixListId: isGateway ? `pl-${context.ids.hex(8)}` : undefined,
        privateDnsEnabled: inputs.privateDnsEnabled ?? false,
        requesterManaged: false,
        dnsOptions: object(inputs, "dnsOptions"),
        state: "available",
      },
    };
  },
  references: (properties) =>
    identifiers(properties, "vpcId", "routeTableIds", "subnetIds", "securityGroupIds"),
  update(inputs, _current, context) {
    needEndpointParts(inputs, context);
    return {};
  },
};

const OPEN_POLICY = JSON.stringify({
  Statement: [{ Action: "*", Effect: "Allow", Principal: "*", Resource: "*" }],
  Version: "2008-10-17",
});
