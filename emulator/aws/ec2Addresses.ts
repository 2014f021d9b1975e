/** EC2: elastic addresses and the NAT gateways that hold them. */
import { AwsError } from "../awsError.ts";
import type { Context, ResourceType, StoredResource } from "../resourceType.ts";
import { text } from "../values.ts";
import { needSubnet, privateAddress } from "./ec2Network.ts";
import { api, identifiers, need } from "./objects.ts";
import { conflicts, oneOf, rules } from "./rules.ts";

const EIP = "aws:ec2/eip:Eip";
const NAT_GATEWAY = "aws:ec2/natGateway:NatGateway";

export const eip: ResourceType = {
  token: EIP,
  api: api("EC2", "EIP", ["AllocateAddress", "DescribeAddresses", "AssociateAddress", "ReleaseAddress"]),
  required: [],
  computed: [
    "allocationId",
    "arn",
    "associationId",
    "carrierIp",
    "customerOwnedIp",
    "privateDns",
    "privateIp",
    "ptrRecord",
    "publicDns",
    "publicIp",
  ],
  replaceOn: [
    "domain",
    "networkBorderGroup",
    "publicIpv4Pool",
    "customerOwnedIpv4Pool",
    "address",
    "ipamPoolId",
  ],
  taggable: true,
  check: rules(
    oneOf("domain", "InvalidParameterValue", ["vpc", "standard"]),
    conflicts("instance", "networkInterface"),
  ),
  create(inputs, context) {
    const id = `eipalloc-${context.ids.hex(17)}`;
    // 203.0.113.0/24 and its neighbours are kept for documentation: no emulated address belongs to anybody.
    const publicIp = `203.0.113.${1 + (Number(context.ids.digits(4)) % 254)}`;
    const host = publicIp.replaceAll(".", "-");
    return {
      id,
      properties: {
        allocationId: id,
        arn: context.arn("ec2", `elastic-ip/${id}`),
        associationId: "",
        carrierIp: "",
        customerOwnedIp: "",
        domain: text(inputs, "domain") ?? "vpc",
        networkBorderGroup: text(inputs, "networkBorderGroup") ?? context.region,
        privateDns: "",
        privateIp: "",
        publicDns: `ec2-${host}.${context.region}.compute.${context.dnsSuffix}`,
        publicIp,
        publicIpv4Pool: text(inputs, "publicIpv4Pool") ?? "amazon",
        ptrRecord: "",
      },
    };
  },
  delete(current, context) {
    if (context.referrers(current.id, NAT_GATEWAY).length > 0) {
      // The provider disassociates first, and the association belongs to the gateway.
      const message = "You do not have permission to access the specified resource.";
      throw new AwsError("AuthFailure", message, 400, "DisassociateAddress");
    }
    return undefined;
  },
};

function refuseUsedAddress(allocationId: string, context: Context): StoredResource {
  const address = need(
    context.byId(EIP, allocationId),
    () => new AwsError("InvalidAllocationID.NotFound", `The allocation ID '${allocationId}' does not exist`),
  );
  if (context.referrers(allocationId, NAT_GATEWAY).length > 0) {
    const message = `resource ${allocationId} is already associated.`;
    throw new AwsError("Resource.AlreadyAssociated", message);
  }
  return address;
}

export const natGateway: ResourceType = {
  token: NAT_GATEWAY,
  api: api("EC2", "NAT Gateway", [
    "CreateNatGateway",
    "DescribeNatGateways",
    "AssignPrivateNatGatewayAddress",
    "DeleteNatGateway",
  ]),
  required: [],
  computed: [
    "associationId",
    "autoProvisionZones",
    "autoScalingIps",
    "networkInterfaceId",
    "publicIp",
    "regionalNatGatewayAddresses",
    "regionalNatGatewayAutoMode",
    "routeTableId",
  ],
  replaceOn: ["allocationId", "connectivityType", "privateIp", "subnetId", "availabilityMode", "vpcId"],
  taggable: true,
  check: rules(oneOf("connectivityType", "InvalidParameterValue", ["public", "private"])),
  defaults: () => ({ connectivityType: "public" }),
  create(inputs, context) {
    const subnetId = text(inputs, "subnetId");
    if (subnetId === undefined) {
      throw new AwsError("MissingParameter", "The request must contain the parameter SubnetId");
    }
    const owner = needSubnet(context, subnetId);
    const isPublic = text(inputs, "connectivityType") === "public";
    const allocationId = text(inputs, "allocationId");
    if (isPublic && allocationId === undefined) {
      throw new AwsError("MissingParameter", "The request must contain the parameter AllocationId");
    }
    const address = allocationId === undefined ? undefined : refuseUsedAddress(allocationId, context);
    return {
      id: `nat-${context.ids.hex(17)}`,
      properties: {
        associationId: `eipassoc-${context.ids.hex(17)}`,
        autoProvisionZones: "",
        autoScalingIps: "",
        availabilityMode: "zonal",
        networkInterfaceId: `eni-${context.ids.hex(17)}`,
        privateIp: text(inputs, "privateIp") ?? privateAddress(owner, context),
        publicIp: address?.properties.publicIp,
        secondaryPrivateIpAddresses: [],
        regionalNatGatewayAddresses: [],
        regionalNatGatewayAutoMode: "",
        routeTableId: "",
        secondaryAllocationIds: [],
      },
    };
  },
  references: (properties) => identifiers(properties, "subnetId", "allocationId"),
};
