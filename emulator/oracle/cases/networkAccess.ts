/** EC2: who may talk to whom inside a network, and to AWS's services from there. */
import type { Case } from "../case.ts";
import { asSetup, on } from "../case.ts";
import { network, subnetA } from "./network.ts";

const vpc = on("aws:ec2/vpc:Vpc");
const table = on("aws:ec2/routeTable:RouteTable");
const endpoint = on("aws:ec2/vpcEndpoint:VpcEndpoint");
const group = on("aws:ec2/securityGroup:SecurityGroup");
const ingress = on("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule");
const egress = on("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule");

const MISSING = "0123456789abcdef0";

const webGroup = group.create(
  "web",
  { name: "web", description: "d", vpcId: "{{vpc.id}}" },
  [
    ["ec2", "create_security_group", { GroupName: "web", Description: "d", VpcId: "{{vpc.Vpc.VpcId}}" }],
    ["ec2", "describe_security_groups", { GroupIds: ["{{own.GroupId}}"] }],
  ],
  {
    id: "GroupId",
    arn: "SecurityGroupArn",
    ownerId: "SecurityGroups.0.OwnerId",
    name: "SecurityGroups.0.GroupName",
    vpcId: "SecurityGroups.0.VpcId",
  },
);

const https = { ipProtocol: "tcp", fromPort: 443, toPort: 443, cidrIpv4: "10.0.0.0/16" };
const httpsPermission = {
  IpProtocol: "tcp",
  FromPort: 443,
  ToPort: 443,
  IpRanges: [{ CidrIp: "10.0.0.0/16" }],
};
const ruleAttributes = {
  id: "SecurityGroupRules.0.SecurityGroupRuleId",
  securityGroupRuleId: "SecurityGroupRules.0.SecurityGroupRuleId",
  arn: "SecurityGroupRules.0.SecurityGroupRuleArn",
  fromPort: "SecurityGroupRules.0.FromPort",
  cidrIpv4: "SecurityGroupRules.0.CidrIpv4",
};

const securityGroups: Case = {
  name: "security groups",
  steps: [
    asSetup(network),
    webGroup,
    group.create("webTwice", { name: "web", description: "d", vpcId: "{{vpc.id}}" }, [
      ["ec2", "create_security_group", { GroupName: "web", Description: "d", VpcId: "{{vpc.Vpc.VpcId}}" }],
    ]),
    group.create("groupNoVpc", { name: "lost", description: "d", vpcId: `vpc-${MISSING}` }, [
      ["ec2", "create_security_group", { GroupName: "lost", Description: "d", VpcId: `vpc-${MISSING}` }],
    ]),
    group.create("groupNamedSg", { name: "sg-web", description: "d", vpcId: "{{vpc.id}}" }, [
      ["ec2", "create_security_group", { GroupName: "sg-web", Description: "d", VpcId: "{{vpc.Vpc.VpcId}}" }],
    ]),
    ingress.create(
      "ingress",
      { securityGroupId: "{{web.id}}", ...https },
      [
        [
          "ec2",
          "authorize_security_group_ingress",
          { GroupId: "{{web.GroupId}}", IpPermissions: [httpsPermission] },
        ],
      ],
      ruleAttributes,
    ),
    ingress.create("ingressTwice", { securityGroupId: "{{web.id}}", ...https }, [
      [
        "ec2",
        "authorize_security_group_ingress",
        { GroupId: "{{web.GroupId}}", IpPermissions: [httpsPermission] },
      ],
    ]),
    ingress.create("ingressNoGroup", { securityGroupId: `sg-${MISSING}`, ...https }, [
      [
        "ec2",
        "authorize_security_group_ingress",
        { GroupId: `sg-${MISSING}`, IpPermissions: [httpsPermission] },
      ],
    ]),
    ingress.create(
      "ingressNoPeer",
      {
        securityGroupId: "{{web.id}}",
        ipProtocol: "tcp",
        fromPort: 80,
        toPort: 80,
        referencedSecurityGroupId: `sg-${MISSING}`,
      },
      [
        [
          "ec2",
          "authorize_security_group_ingress",
          {
            GroupId: "{{web.GroupId}}",
            IpPermissions: [
              {
                IpProtocol: "tcp",
                FromPort: 80,
                ToPort: 80,
                UserIdGroupPairs: [{ GroupId: `sg-${MISSING}` }],
              },
            ],
          },
        ],
      ],
    ),
    ingress.create("ingressBadCidr", { securityGroupId: "{{web.id}}", ...https, cidrIpv4: "10.0.0.0/99" }, [
      [
        "ec2",
        "authorize_security_group_ingress",
        {
          GroupId: "{{web.GroupId}}",
          IpPermissions: [{ ...httpsPermission, IpRanges: [{ CidrIp: "10.0.0.0/99" }] }],
        },
      ],
    ]),
    egress.create(
      "egress",
      { securityGroupId: "{{web.id}}", ...https },
      [
        [
          "ec2",
          "authorize_security_group_egress",
          { GroupId: "{{web.GroupId}}", IpPermissions: [httpsPermission] },
        ],
      ],
      ruleAttributes,
    ),
    egress.create("egressTwice", { securityGroupId: "{{web.id}}", ...https }, [
      [
        "ec2",
        "authorize_security_group_egress",
        { GroupId: "{{web.GroupId}}", IpPermissions: [httpsPermission] },
      ],
    ]),
    group.create("db", { name: "db", description: "d", vpcId: "{{vpc.id}}" }, [
      ["ec2", "create_security_group", { GroupName: "db", Description: "d", VpcId: "{{vpc.Vpc.VpcId}}" }],
    ]),
    ingress.create(
      "ingressPeer",
      {
        securityGroupId: "{{db.id}}",
        ipProtocol: "tcp",
        fromPort: 5432,
        toPort: 5432,
        referencedSecurityGroupId: "{{web.id}}",
      },
      [
        [
          "ec2",
          "authorize_security_group_ingress",
          {
            GroupId: "{{db.GroupId}}",
            IpPermissions: [
              {
                IpProtocol: "tcp",
                FromPort: 5432,
                ToPort: 5432,
                UserIdGroupPairs: [{ GroupId: "{{web.GroupId}}" }],
              },
            ],
          },
        ],
      ],
    ),
    group.delete("webInUse", "web", [["ec2", "delete_security_group", { GroupId: "{{web.GroupId}}" }]]),
    vpc.delete("vpcInUse", "vpc", [["ec2", "delete_vpc", { VpcId: "{{vpc.Vpc.VpcId}}" }]]),
    group.delete("dbGone", "db", [["ec2", "delete_security_group", { GroupId: "{{db.GroupId}}" }]]),
  ],
};

const endpoints: Case = {
  name: "endpoints",
  steps: [
    asSetup(network),
    asSetup(subnetA),
    table.create("table", { vpcId: "{{vpc.id}}" }, [
      ["ec2", "create_route_table", { VpcId: "{{vpc.Vpc.VpcId}}" }],
    ]),
    endpoint.create(
      "endpoint",
      {
        vpcId: "{{vpc.id}}",
        serviceName: "com.amazonaws.eu-west-1.s3",
        routeTableIds: ["{{table.id}}"],
      },
      [
        [
          "ec2",
          "create_vpc_endpoint",
          {
            VpcId: "{{vpc.Vpc.VpcId}}",
            ServiceName: "com.amazonaws.eu-west-1.s3",
            RouteTableIds: ["{{table.RouteTable.RouteTableId}}"],
          },
        ],
      ],
      {
        id: "VpcEndpoint.VpcEndpointId",
        ownerId: "VpcEndpoint.OwnerId",
        state: "VpcEndpoint.State",
        vpcEndpointType: "VpcEndpoint.VpcEndpointType",
        privateDnsEnabled: "VpcEndpoint.PrivateDnsEnabled",
        requesterManaged: "VpcEndpoint.RequesterManaged",
        policy: "VpcEndpoint.PolicyDocument",
      },
    ),
    endpoint.create("endpointNoVpc", { vpcId: `vpc-${MISSING}`, serviceName: "com.amazonaws.eu-west-1.s3" }, [
      ["ec2", "create_vpc_endpoint", { VpcId: `vpc-${MISSING}`, ServiceName: "com.amazonaws.eu-west-1.s3" }],
    ]),
    endpoint.create("endpointNoService", { vpcId: "{{vpc.id}}", serviceName: "com.example.nothing" }, [
      ["ec2", "create_vpc_endpoint", { VpcId: "{{vpc.Vpc.VpcId}}", ServiceName: "com.example.nothing" }],
    ]),
    endpoint.create(
      "endpointNoTable",
      {
        vpcId: "{{vpc.id}}",
        serviceName: "com.amazonaws.eu-west-1.dynamodb",
        routeTableIds: [`rtb-${MISSING}`],
      },
      [
        [
          "ec2",
          "create_vpc_endpoint",
          {
            VpcId: "{{vpc.Vpc.VpcId}}",
            ServiceName: "com.amazonaws.eu-west-1.dynamodb",
            RouteTableIds: [`rtb-${MISSING}`],
          },
        ],
      ],
    ),
  ],
};

export const networkAccessCases: readonly Case[] = [securityGroups, endpoints];
