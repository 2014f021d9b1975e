/** EC2: route tables, their associations and routes. */
import { crc32 } from "node:zlib";
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { objects, text } from "../values.ts";
import { dependencyViolation, needSubnet, needVpc, VPC } from "./ec2Network.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { exactlyOne, rules } from "./rules.ts";

const ROUTE_TABLE = "aws:ec2/routeTable:RouteTable";
const ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation";
const NAT_GATEWAY = "aws:ec2/natGateway:NatGateway";

/** Input of a route → type and AWS's refusal when the target is missing. */
const ROUTE_TARGETS: Readonly<Record<string, { type: string; code: string; noun: string }>> = {
  gatewayId: {
    type: "aws:ec2/internetGateway:InternetGateway",
    code: "InvalidGatewayID.NotFound",
    noun: "gateway ID",
  },
  natGatewayId: { type: NAT_GATEWAY, code: "InvalidNatGatewayID.NotFound", noun: "natGateway ID" },
  vpcEndpointId: {
    type: "aws:ec2/vpcEndpoint:VpcEndpoint",
    code: "InvalidVpcEndpointId.NotFound",
    noun: "vpcEndpoint ID",
  },
};

function refuseDanglingTargets(route: Properties, context: Context): void {
  for (const [key, target] of Object.entries(ROUTE_TARGETS)) {
    const id = text(route, key);
    if (id === undefined || id === "local" || id === "") continue;
    need(
      context.byId(target.type, id),
      () => new AwsError(target.code, `The ${target.noun} '${id}' does not exist`),
    );
  }
}

export function needRouteTable(context: Context, id: string): StoredResource | undefined {
  if (context.list(VPC).some((vpc) => vpc.properties.mainRouteTableId === id)) return undefined;
  return need(
    context.byId(ROUTE_TABLE, id),
    () => new AwsError("InvalidRouteTableID.NotFound", `The routeTable ID '${id}' does not exist`),
  );
}

export const routeTable: ResourceType = {
  token: ROUTE_TABLE,
  api: api("EC2", "Route Table", [
    "CreateRouteTable",
    "DescribeRouteTables",
    "CreateRoute",
    "DeleteRouteTable",
  ]),
  required: ["vpcId"],
  computed: ["arn", "ownerId"],
  replaceOn: ["vpcId"],
  unordered: ["routes", "propagatingVgws"],
  taggable: true,
  create(inputs, context) {
    needVpc(context, given(inputs, "vpcId"));
    for (const route of objects(inputs, "routes")) refuseDanglingTargets(route, context);
    const id = `rtb-${context.ids.hex(17)}`;
    return {
      id,
      properties: { arn: context.arn("ec2", `route-table/${id}`), ownerId: context.account },
    };
  },
  references: (properties) => [
    ...identifiers(properties, "vpcId"),
    ...objects(properties, "routes").flatMap((route) => identifiers(route, ...Object.keys(ROUTE_TARGETS))),
  ],
  update(inputs, _current, context) {
    for (const route of objects(inputs, "routes")) refuseDanglingTargets(route, context);
    return {};
  },
  delete(current, context) {
    if (context.referrers(current.id, ASSOCIATION).length > 0) {
      throw dependencyViolation(`The routeTable '${current.id}'`);
    }
    for (const route of context.referrers(current.id, "aws:ec2/route:Route")) context.remove(route);
    return undefined;
  },
};

export const routeTableAssociation: ResourceType = {
  token: ASSOCIATION,
  api: api("EC2", "Route Table Association", [
    "AssociateRouteTable",
    "DescribeRouteTables",
    "ReplaceRouteTableAssociation",
    "DisassociateRouteTable",
  ]),
  required: ["routeTableId"],
  computed: [],
  replaceOn: ["subnetId", "gatewayId"],
  taggable: false,
  check: rules(exactlyOne(["subnetId", "gatewayId"])),
  create(inputs, context) {
    const table = given(inputs, "routeTableId");
    needRouteTable(context, table);
    const subnetId = text(inputs, "subnetId");
    if (subnetId !== undefined) {
      needSubnet(context, subnetId);
      if (context.referrers(subnetId, ASSOCIATION).length > 0) {
        const message = `the specified association for route table ${table} conflicts with an existing association`;
        throw new AwsError("Resource.AlreadyAssociated", message);
      }
    }
    return { id: `rtbassoc-${context.ids.hex(17)}`, properties: {} };
  },
  references: (properties) => identifiers(properties, "routeTableId", "subnetId", "gatewayId"),
  import(importId, context) {
    const [owner, table] = importId.split("/");
    return context
      .list(ASSOCIATION)
      .find(({ properties }) => properties.routeTableId === table && properties.subnetId === owner);
  },
};

function destination(inputs: Properties): string {
  return (
    text(inputs, "destinationCidrBlock") ??
    text(inputs, "destinationIpv6CidrBlock") ??
    text(inputs, "destinationPrefixListId") ??
    ""
  );
}

/** Terraform's hash of a destination, as far as its shape goes: digits that depend on nothing but the text. */
/** As the AWS provider makes its ids. */
function destinationHash(value: string): number {
  return crc32(value);
}

export const route: ResourceType = {
  token: "aws:ec2/route:Route",
  api: api("EC2", "Route", ["CreateRoute", "DescribeRouteTables", "ReplaceRoute", "DeleteRoute"]),
  required: ["routeTableId"],
  computed: ["instanceId", "instanceOwnerId", "origin", "state"],
  replaceOn: ["routeTableId", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"],
  taggable: false,
  check: rules(
    exactlyOne(["destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"]),
    exactlyOne([
      ...Object.keys(ROUTE_TARGETS),
      "carrierGatewayId",
      "coreNetworkArn",
      "egressOnlyGatewayId",
      "localGatewayId",
      "networkInterfaceId",
      "odbNetworkArn",
      "transitGatewayId",
      "vpcPeeringConnectionId",
    ]),
  ),
  uniqueName: (inputs) => `${text(inputs, "routeTableId") ?? ""} ${destination(inputs)}`,
  nameTaken: (name) =>
    new AwsError("RouteAlreadyExists", `The route identified by ${name.split(" ")[1]} already exists.`),
  create(inputs, context) {
    const table = given(inputs, "routeTableId");
    needRouteTable(context, table);
    refuseDanglingTargets(inputs, context);
    return {
      id: `r-${table}${destinationHash(destination(inputs))}`,
      properties: { instanceId: "", instanceOwnerId: "", origin: "CreateRoute", state: "active" },
    };
  },
  references: (properties) => identifiers(properties, "routeTableId", ...Object.keys(ROUTE_TARGETS)),
  update(inputs, _current, context) {
    refuseDanglingTargets(inputs, context);
    return {};
  },
};
