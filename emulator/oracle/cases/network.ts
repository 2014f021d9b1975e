/** EC2: networks, subnets, gateways, routes. */
import type { Case } from "../case.ts";
import { asSetup, on } from "../case.ts";

const vpc = on("aws:ec2/vpc:Vpc");
const subnet = on("aws:ec2/subnet:Subnet");
const gateway = on("aws:ec2/internetGateway:InternetGateway");
const table = on("aws:ec2/routeTable:RouteTable");
const association = on("aws:ec2/routeTableAssociation:RouteTableAssociation");
const route = on("aws:ec2/route:Route");
const eip = on("aws:ec2/eip:Eip");
const nat = on("aws:ec2/natGateway:NatGateway");

const MISSING = "0123456789abcdef0";

export const network = vpc.create(
  "vpc",
  { cidrBlock: "10.0.0.0/16" },
  [
    ["ec2", "create_vpc", { CidrBlock: "10.0.0.0/16" }],
    ["ec2", "describe_vpc_attribute", { VpcId: "{{own.Vpc.VpcId}}", Attribute: "enableDnsSupport" }],
    ["ec2", "describe_vpc_attribute", { VpcId: "{{own.Vpc.VpcId}}", Attribute: "enableDnsHostnames" }],
    ["ec2", "describe_security_groups", { Filters: [{ Name: "vpc-id", Values: ["{{own.Vpc.VpcId}}"] }] }],
    ["ec2", "describe_route_tables", { Filters: [{ Name: "vpc-id", Values: ["{{own.Vpc.VpcId}}"] }] }],
    ["ec2", "describe_network_acls", { Filters: [{ Name: "vpc-id", Values: ["{{own.Vpc.VpcId}}"] }] }],
  ],
  {
    id: "Vpc.VpcId",
    cidrBlock: "Vpc.CidrBlock",
    ownerId: "Vpc.OwnerId",
    instanceTenancy: "Vpc.InstanceTenancy",
    dhcpOptionsId: "Vpc.DhcpOptionsId",
    enableDnsSupport: "EnableDnsSupport.Value",
    enableDnsHostnames: "EnableDnsHostnames.Value",
    defaultSecurityGroupId: "SecurityGroups.0.GroupId",
    mainRouteTableId: "RouteTables.0.RouteTableId",
    defaultRouteTableId: "RouteTables.0.RouteTableId",
    defaultNetworkAclId: "NetworkAcls.0.NetworkAclId",
  },
);

/** Two subnets in two zones, as load balancers and databases want them. */
export const subnetA = subnet.create(
  "subnetA",
  { vpcId: "{{vpc.id}}", cidrBlock: "10.0.1.0/24", availabilityZone: "eu-west-1a" },
  [
    [
      "ec2",
      "create_subnet",
      { VpcId: "{{vpc.Vpc.VpcId}}", CidrBlock: "10.0.1.0/24", AvailabilityZone: "eu-west-1a" },
    ],
  ],
  {
    id: "Subnet.SubnetId",
    arn: "Subnet.SubnetArn",
    ownerId: "Subnet.OwnerId",
    vpcId: "Subnet.VpcId",
    availabilityZone: "Subnet.AvailabilityZone",
    availabilityZoneId: "Subnet.AvailabilityZoneId",
    mapPublicIpOnLaunch: "Subnet.MapPublicIpOnLaunch",
    assignIpv6AddressOnCreation: "Subnet.AssignIpv6AddressOnCreation",
    ipv6Native: "Subnet.Ipv6Native",
  },
);
export const subnetB = subnet.create(
  "subnetB",
  { vpcId: "{{vpc.id}}", cidrBlock: "10.0.2.0/24", availabilityZone: "eu-west-1b" },
  [
    [
      "ec2",
      "create_subnet",
      { VpcId: "{{vpc.Vpc.VpcId}}", CidrBlock: "10.0.2.0/24", AvailabilityZone: "eu-west-1b" },
    ],
  ],
);

const addressing: Case = {
  name: "addressing",
  steps: [
    network,
    vpc.create("vpcTooLarge", { cidrBlock: "10.0.0.0/8" }, [
      ["ec2", "create_vpc", { CidrBlock: "10.0.0.0/8" }],
    ]),
    vpc.create("vpcNoCidr", { cidrBlock: "10.0.0/16" }, [["ec2", "create_vpc", { CidrBlock: "10.0.0/16" }]]),
    subnetA,
    subnet.create("subnetTwice", { vpcId: "{{vpc.id}}", cidrBlock: "10.0.1.0/25" }, [
      ["ec2", "create_subnet", { VpcId: "{{vpc.Vpc.VpcId}}", CidrBlock: "10.0.1.0/25" }],
    ]),
    subnet.create("subnetOutside", { vpcId: "{{vpc.id}}", cidrBlock: "10.9.0.0/24" }, [
      ["ec2", "create_subnet", { VpcId: "{{vpc.Vpc.VpcId}}", CidrBlock: "10.9.0.0/24" }],
    ]),
    subnet.create("subnetNoVpc", { vpcId: `vpc-${MISSING}`, cidrBlock: "10.0.3.0/24" }, [
      ["ec2", "create_subnet", { VpcId: `vpc-${MISSING}`, CidrBlock: "10.0.3.0/24" }],
    ]),
    subnet.create(
      "subnetNoZone",
      { vpcId: "{{vpc.id}}", cidrBlock: "10.0.3.0/24", availabilityZone: "eu-west-1q" },
      [
        [
          "ec2",
          "create_subnet",
          { VpcId: "{{vpc.Vpc.VpcId}}", CidrBlock: "10.0.3.0/24", AvailabilityZone: "eu-west-1q" },
        ],
      ],
    ),
    vpc.delete("vpcInUse", "vpc", [["ec2", "delete_vpc", { VpcId: "{{vpc.Vpc.VpcId}}" }]]),
    subnet.delete("subnetGone", "subnetA", [
      ["ec2", "delete_subnet", { SubnetId: "{{subnetA.Subnet.SubnetId}}" }],
    ]),
    vpc.delete("vpcGone", "vpc", [["ec2", "delete_vpc", { VpcId: "{{vpc.Vpc.VpcId}}" }]]),
  ],
};

const internet = gateway.create(
  "gateway",
  { vpcId: "{{vpc.id}}" },
  [
    ["ec2", "create_internet_gateway", {}],
    [
      "ec2",
      "attach_internet_gateway",
      { InternetGatewayId: "{{own.InternetGateway.InternetGatewayId}}", VpcId: "{{vpc.Vpc.VpcId}}" },
    ],
    [
      "ec2",
      "describe_internet_gateways",
      { InternetGatewayIds: ["{{own.InternetGateway.InternetGatewayId}}"] },
    ],
  ],
  {
    id: "InternetGateways.0.InternetGatewayId",
    ownerId: "InternetGateways.0.OwnerId",
    vpcId: "InternetGateways.0.Attachments.0.VpcId",
  },
);

const routing: Case = {
  name: "routing",
  steps: [
    asSetup(network),
    asSetup(subnetA),
    internet,
    gateway.create("gatewayTwice", { vpcId: "{{vpc.id}}" }, [
      ["ec2", "create_internet_gateway", {}],
      [
        "ec2",
        "attach_internet_gateway",
        { InternetGatewayId: "{{own.InternetGateway.InternetGatewayId}}", VpcId: "{{vpc.Vpc.VpcId}}" },
      ],
    ]),
    gateway.create("gatewayNoVpc", { vpcId: `vpc-${MISSING}` }, [
      ["ec2", "create_internet_gateway", {}],
      [
        "ec2",
        "attach_internet_gateway",
        { InternetGatewayId: "{{own.InternetGateway.InternetGatewayId}}", VpcId: `vpc-${MISSING}` },
      ],
    ]),
    table.create(
      "table",
      { vpcId: "{{vpc.id}}" },
      [["ec2", "create_route_table", { VpcId: "{{vpc.Vpc.VpcId}}" }]],
      { id: "RouteTable.RouteTableId", ownerId: "RouteTable.OwnerId", vpcId: "RouteTable.VpcId" },
    ),
    table.create("tableNoVpc", { vpcId: `vpc-${MISSING}` }, [
      ["ec2", "create_route_table", { VpcId: `vpc-${MISSING}` }],
    ]),
    route.create(
      "route",
      {
        routeTableId: "{{table.id}}",
        destinationCidrBlock: "0.0.0.0/0",
        gatewayId: "{{gateway.id}}",
      },
      [
        [
          "ec2",
          "create_route",
          {
            RouteTableId: "{{table.RouteTable.RouteTableId}}",
            DestinationCidrBlock: "0.0.0.0/0",
            GatewayId: "{{gateway.InternetGateway.InternetGatewayId}}",
          },
        ],
        ["ec2", "describe_route_tables", { RouteTableIds: ["{{table.RouteTable.RouteTableId}}"] }],
      ],
      { origin: "RouteTables.0.Routes.1.Origin", state: "RouteTables.0.Routes.1.State" },
    ),
    route.create(
      "routeTwice",
      {
        routeTableId: "{{table.id}}",
        destinationCidrBlock: "0.0.0.0/0",
        gatewayId: "{{gateway.id}}",
      },
      [
        [
          "ec2",
          "create_route",
          {
            RouteTableId: "{{table.RouteTable.RouteTableId}}",
            DestinationCidrBlock: "0.0.0.0/0",
            GatewayId: "{{gateway.InternetGateway.InternetGatewayId}}",
          },
        ],
      ],
    ),
    route.create(
      "routeNoTable",
      {
        routeTableId: `rtb-${MISSING}`,
        destinationCidrBlock: "0.0.0.0/0",
        gatewayId: "{{gateway.id}}",
      },
      [
        [
          "ec2",
          "create_route",
          {
            RouteTableId: `rtb-${MISSING}`,
            DestinationCidrBlock: "0.0.0.0/0",
            GatewayId: "{{gateway.InternetGateway.InternetGatewayId}}",
          },
        ],
      ],
    ),
    route.create(
      "routeNoGateway",
      { routeTableId: "{{table.id}}", destinationCidrBlock: "10.7.0.0/16", gatewayId: `igw-${MISSING}` },
      [
        [
          "ec2",
          "create_route",
          {
            RouteTableId: "{{table.RouteTable.RouteTableId}}",
            DestinationCidrBlock: "10.7.0.0/16",
            GatewayId: `igw-${MISSING}`,
          },
        ],
      ],
    ),
    association.create(
      "association",
      { routeTableId: "{{table.id}}", subnetId: "{{subnetA.id}}" },
      [
        [
          "ec2",
          "associate_route_table",
          {
            RouteTableId: "{{table.RouteTable.RouteTableId}}",
            SubnetId: "{{subnetA.Subnet.SubnetId}}",
          },
        ],
      ],
      { id: "AssociationId" },
    ),
    association.create("associationNoTable", { routeTableId: `rtb-${MISSING}`, subnetId: "{{subnetA.id}}" }, [
      [
        "ec2",
        "associate_route_table",
        { RouteTableId: `rtb-${MISSING}`, SubnetId: "{{subnetA.Subnet.SubnetId}}" },
      ],
    ]),
    table.delete("tableInUse", "table", [
      ["ec2", "delete_route_table", { RouteTableId: "{{table.RouteTable.RouteTableId}}" }],
    ]),
    association.delete("associationGone", "association", [
      ["ec2", "disassociate_route_table", { AssociationId: "{{association.AssociationId}}" }],
    ]),
    table.delete("tableGone", "table", [
      ["ec2", "delete_route_table", { RouteTableId: "{{table.RouteTable.RouteTableId}}" }],
    ]),
  ],
};

const natGateways: Case = {
  name: "nat gateways",
  steps: [
    asSetup(network),
    asSetup(subnetA),
    asSetup(internet),
    eip.create("eip", { domain: "vpc" }, [["ec2", "allocate_address", { Domain: "vpc" }]], {
      id: "AllocationId",
      allocationId: "AllocationId",
      domain: "Domain",
      publicIp: "PublicIp",
      networkBorderGroup: "NetworkBorderGroup",
      publicIpv4Pool: "PublicIpv4Pool",
    }),
    nat.create(
      "nat",
      { subnetId: "{{subnetA.id}}", allocationId: "{{eip.id}}" },
      [
        [
          "ec2",
          "create_nat_gateway",
          { SubnetId: "{{subnetA.Subnet.SubnetId}}", AllocationId: "{{eip.AllocationId}}" },
        ],
        ["ec2", "describe_nat_gateways", { NatGatewayIds: ["{{own.NatGateway.NatGatewayId}}"] }],
      ],
      {
        id: "NatGateways.0.NatGatewayId",
        connectivityType: "NatGateways.0.ConnectivityType",
        networkInterfaceId: "NatGateways.0.NatGatewayAddresses.0.NetworkInterfaceId",
        privateIp: "NatGateways.0.NatGatewayAddresses.0.PrivateIp",
        publicIp: "NatGateways.0.NatGatewayAddresses.0.PublicIp",
      },
    ),
    nat.create("natNoSubnet", { subnetId: `subnet-${MISSING}`, allocationId: "{{eip.id}}" }, [
      ["ec2", "create_nat_gateway", { SubnetId: `subnet-${MISSING}`, AllocationId: "{{eip.AllocationId}}" }],
    ]),
    nat.create("natNoAddress", { subnetId: "{{subnetA.id}}", allocationId: `eipalloc-${MISSING}` }, [
      [
        "ec2",
        "create_nat_gateway",
        { SubnetId: "{{subnetA.Subnet.SubnetId}}", AllocationId: `eipalloc-${MISSING}` },
      ],
    ]),
    eip.delete("eipInUse", "eip", [["ec2", "release_address", { AllocationId: "{{eip.AllocationId}}" }]]),
    subnet.delete("subnetInUse", "subnetA", [
      ["ec2", "delete_subnet", { SubnetId: "{{subnetA.Subnet.SubnetId}}" }],
    ]),
    gateway.delete("gatewayInUse", "gateway", [
      [
        "ec2",
        "detach_internet_gateway",
        {
          InternetGatewayId: "{{gateway.InternetGateway.InternetGatewayId}}",
          VpcId: "{{vpc.Vpc.VpcId}}",
        },
      ],
    ]),
    nat.delete("natGone", "nat", [
      ["ec2", "delete_nat_gateway", { NatGatewayId: "{{nat.NatGateway.NatGatewayId}}" }],
    ]),
  ],
};

export const networkCases: readonly Case[] = [addressing, routing, natGateways];
