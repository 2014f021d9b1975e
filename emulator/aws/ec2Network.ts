/** EC2: networks, subnets and internet gateways. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { flag, text } from "../values.ts";
import { addressAt, contains, overlaps, parseCidr } from "./cidr.ts";
import { anyReferrer, api, given, identifiers, need } from "./objects.ts";
import { zoneId, zoneNames } from "./regions.ts";
import { failure, oneOf, type Rule, rules } from "./rules.ts";

export const VPC = "aws:ec2/vpc:Vpc";
export const SUBNET = "aws:ec2/subnet:Subnet";

/** Types that place a network interface into a subnet or under a security group. */
export const INTERFACE_OWNERS: readonly string[] = [
  "aws:lb/loadBalancer:LoadBalancer",
  "aws:ec2/natGateway:NatGateway",
  "aws:ecs/service:Service",
  "aws:ec2/vpcEndpoint:VpcEndpoint",
  "aws:rds/cluster:Cluster",
];

export function dependencyViolation(what: string): AwsError {
  return new AwsError("DependencyViolation", `${what} has dependencies and cannot be deleted.`);
}

export function needVpc(context: Context, vpcId: string): StoredResource {
  return need(
    context.byId(VPC, vpcId),
    () => new AwsError("InvalidVpcID.NotFound", `The vpc ID '${vpcId}' does not exist`),
  );
}

export function needSubnet(context: Context, subnetId: string): StoredResource {
  return need(
    context.byId(SUBNET, subnetId),
    () => new AwsError("InvalidSubnetID.NotFound", `The subnet ID '${subnetId}' does not exist`),
  );
}

function cidr(property: string, minPrefix: number, maxPrefix: number): Rule {
  return (inputs) => {
    const value = text(inputs, property);
    if (value === undefined) return undefined;
    const range = parseCidr(value);
    if (range === undefined) {
      const message = `Value (${value}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`;
      return failure(property, "InvalidParameterValue", message);
    }
    if (range.prefix >= minPrefix && range.prefix <= maxPrefix) return undefined;
    const code =
      property === "cidrBlock" && inputs.vpcId === undefined ? "InvalidVpc.Range" : "InvalidSubnet.Range";
    return failure(property, code, `The CIDR '${value}' is invalid.`);
  };
}

export const vpc: ResourceType = {
  token: VPC,
  api: api("EC2", "VPC", ["CreateVpc", "DescribeVpcs", "ModifyVpcAttribute", "DeleteVpc"]),
  required: [],
  computed: [
    "arn",
    "defaultNetworkAclId",
    "defaultRouteTableId",
    "defaultSecurityGroupId",
    "dhcpOptionsId",
    "ipv6AssociationId",
    "mainRouteTableId",
    "ownerId",
  ],
  replaceOn: ["cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"],
  // From dedicated to default is the one change that AWS makes in place.
  replaceWhen: (_old, next) => (text(next, "instanceTenancy") === "default" ? [] : ["instanceTenancy"]),
  taggable: true,
  check: rules(
    cidr("cidrBlock", 16, 28),
    oneOf("instanceTenancy", "InvalidParameterValue", ["default", "dedicated"]),
  ),
  defaults: () => ({ enableDnsSupport: true, instanceTenancy: "default" }),
  create(inputs, context) {
    const range = text(inputs, "cidrBlock");
    if (range === undefined) {
      throw new AwsError("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.");
    }
    const id = `vpc-${context.ids.hex(17)}`;
    const routeTableId = `rtb-${context.ids.hex(17)}`;
    return {
      id,
      properties: {
        arn: context.arn("ec2", `vpc/${id}`),
        defaultNetworkAclId: `acl-${context.ids.hex(17)}`,
        defaultRouteTableId: routeTableId,
        defaultSecurityGroupId: `sg-${context.ids.hex(17)}`,
        dhcpOptionsId: `dopt-${context.ids.hex(17)}`,
        enableDnsHostnames: flag(inputs, "enableDnsHostnames") ?? false,
        enableNetworkAddressUsageMetrics: flag(inputs, "enableNetworkAddressUsageMetrics") ?? false,
        ipv6AssociationId: "",
        ipv6CidrBlock: "",
        ipv6CidrBlockNetworkBorderGroup: "",
        mainRouteTableId: routeTableId,
        ownerId: context.account,
      },
    };
  },
  delete(current, context) {
    if (context.referrers(current.id).length > 0) throw dependencyViolation(`The vpc '${current.id}'`);
    return undefined;
  },
};

function zoneRule(inputs: Properties, context: Context) {
  const zone = text(inputs, "availabilityZone");
  const zones = zoneNames(context.region);
  if (zone === undefined || zones.includes(zone)) return undefined;
  const message =
    `Value (${zone}) for parameter availabilityZone is invalid. ` +
    `Subnets can currently only be created in the following availability zones: ${zones.join(", ")}.`;
  return failure("availabilityZone", "InvalidParameterValue", message);
}

function refuseBadRange(inputs: Properties, owner: StoredResource, context: Context): void {
  const block = given(inputs, "cidrBlock");
  const range = parseCidr(block);
  const outer = parseCidr(given(owner.properties, "cidrBlock"));
  if (range === undefined || outer === undefined || !contains(outer, range)) {
    throw new AwsError("InvalidSubnet.Range", `The CIDR '${block}' is invalid.`);
  }
  const taken = context.referrers(owner.id, SUBNET).some((other) => {
    const otherRange = parseCidr(text(other.properties, "cidrBlock") ?? "");
    return otherRange !== undefined && overlaps(otherRange, range);
  });
  if (taken) {
    throw new AwsError("InvalidSubnet.Conflict", `The CIDR '${block}' conflicts with another subnet`);
  }
}

export const subnet: ResourceType = {
  token: SUBNET,
  api: api("EC2", "Subnet", ["CreateSubnet", "DescribeSubnets", "ModifySubnetAttribute", "DeleteSubnet"]),
  required: ["vpcId"],
  computed: ["arn", "ipv6CidrBlockAssociationId", "ownerId"],
  replaceOn: [
    "vpcId",
    "cidrBlock",
    "availabilityZone",
    "availabilityZoneId",
    "ipv4IpamPoolId",
    "ipv4NetmaskLength",
    "ipv6IpamPoolId",
    "ipv6Native",
    "ipv6NetmaskLength",
    "outpostArn",
  ],
  taggable: true,
  check: rules(cidr("cidrBlock", 16, 28), zoneRule),
  defaults: () => ({
    assignIpv6AddressOnCreation: false,
    enableDns64: false,
    enableResourceNameDnsARecordOnLaunch: false,
    enableResourceNameDnsAaaaRecordOnLaunch: false,
    ipv6Native: false,
    mapPublicIpOnLaunch: false,
  }),
  create(inputs, context) {
    const owner = needVpc(context, given(inputs, "vpcId"));
    if (inputs.cidrBlock === undefined) {
      throw new AwsError("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.");
    }
    refuseBadRange(inputs, owner, context);
    const id = `subnet-${context.ids.hex(17)}`;
    const zone = text(inputs, "availabilityZone") ?? zoneNames(context.region)[0] ?? "";
    return {
      id,
      properties: {
        arn: context.arn("ec2", `subnet/${id}`),
        availabilityZone: zone,
        availabilityZoneId: zoneId(context.region, zone),
        ipv6CidrBlockAssociationId: "",
        ownerId: context.account,
        privateDnsHostnameTypeOnLaunch: text(inputs, "privateDnsHostnameTypeOnLaunch") ?? "ip-name",
      },
    };
  },
  references: (properties) => identifiers(properties, "vpcId"),
  delete(current, context) {
    if (anyReferrer(context, current.id, INTERFACE_OWNERS) !== undefined) {
      throw dependencyViolation(`The subnet '${current.id}'`);
    }
    for (const association of context.referrers(
      current.id,
      "aws:ec2/routeTableAssociation:RouteTableAssociation",
    )) {
      context.remove(association);
    }
    return undefined;
  },
};

/** An address of the subnet that follows from how many interfaces it already holds. AWS keeps the first four. */
export function privateAddress(owner: StoredResource, context: Context): string {
  const range = parseCidr(text(owner.properties, "cidrBlock") ?? "");
  const used = context.referrers(owner.id).length;
  return range === undefined ? "" : addressAt(range, 4 + used);
}

function refuseSecondGateway(vpcId: string, self: string | undefined, context: Context): void {
  const others = context.referrers(vpcId, INTERNET_GATEWAY).filter((other) => other.id !== self);
  if (others.length === 0) return;
  throw new AwsError(
    "InvalidParameterValue",
    `Network ${vpcId} already has an internet gateway attached`,
    400,
    "AttachInternetGateway",
  );
}

const INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway";

export const internetGateway: ResourceType = {
  token: INTERNET_GATEWAY,
  api: api("EC2", "Internet Gateway", [
    "CreateInternetGateway",
    "DescribeInternetGateways",
    "AttachInternetGateway",
    "DeleteInternetGateway",
  ]),
  required: [],
  computed: ["arn", "ownerId"],
  replaceOn: [],
  taggable: true,
  create(inputs, context) {
    const vpcId = text(inputs, "vpcId");
    if (vpcId !== undefined) {
      needVpc(context, vpcId);
      refuseSecondGateway(vpcId, undefined, context);
    }
    const id = `igw-${context.ids.hex(17)}`;
    return {
      id,
      properties: { arn: context.arn("ec2", `internet-gateway/${id}`), ownerId: context.account },
    };
  },
  references: (properties) => identifiers(properties, "vpcId"),
  update(inputs, current, context) {
    const vpcId = text(inputs, "vpcId");
    if (vpcId !== undefined) {
      needVpc(context, vpcId);
      refuseSecondGateway(vpcId, current.id, context);
    }
    return {};
  },
  delete(current, context) {
    const vpcId = text(current.properties, "vpcId");
    const mapped =
      vpcId === undefined
        ? []
        : context
            .referrers(vpcId, SUBNET)
            .flatMap((subnet) => context.referrers(subnet.id, "aws:ec2/natGateway:NatGateway"));
    if (mapped.some((gateway) => text(gateway.properties, "publicIp") !== undefined)) {
      throw new AwsError(
        "DependencyViolation",
        `Network ${vpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
        400,
        "DetachInternetGateway",
      );
    }
    return undefined;
  },
};
