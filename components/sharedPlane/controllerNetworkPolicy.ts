import {
  arn,
  type ConditionBlock,
  type PolicyDocument,
  type PolicyStatement,
  policyDocument,
} from "../policyDocument.ts";
import { TAG } from "../tags.ts";
import { keyPrefix } from "../tenantServiceSet/layout.ts";
import type { ControllerScope } from "./controllerPolicies.ts";
import { allow, requestOfPlane, tenantOfPlane } from "./statements.ts";

/**
 * What the controller may build around a tenant that is dedicated: clusters, networks, load balancers, names. See
 * controllerDataPolicy.ts for how it is kept to tenants' own.
 */

/** Clusters and networks. */
export function controllerNetworkPolicy(scope: ControllerScope): PolicyDocument {
  const { location, environment } = scope;
  return policyDocument([
    allow("Clusters", CLUSTER_ACTIONS, arn(location, "ecs", `cluster/${keyPrefix(environment)}*`)),
    ...network(scope),
  ]);
}

/** How a tenant's services are found: load balancers and names. */
export function controllerEntryPolicy(scope: ControllerScope): PolicyDocument {
  const { location, planeName } = scope;
  return policyDocument([
    ...loadBalancers(scope),
    allow("NewNamespaces", ["servicediscovery:CreatePrivateDnsNamespace"], "*", requestOfPlane(planeName)),
    allow(
      "KeepNamespaces",
      [
        "servicediscovery:CreateService",
        "servicediscovery:DeleteNamespace",
        "servicediscovery:GetNamespace",
        "servicediscovery:ListTagsForResource",
        "servicediscovery:TagResource",
        "servicediscovery:UntagResource",
      ],
      arn(location, "servicediscovery", "namespace/*"),
      tenantOfPlane(planeName),
    ),
    ...names(scope),
  ]);
}

const CLUSTER_ACTIONS = [
  "ecs:CreateCluster",
  "ecs:DeleteCluster",
  "ecs:DescribeClusters",
  "ecs:ListTagsForResource",
  "ecs:TagResource",
  "ecs:UntagResource",
  "ecs:UpdateCluster",
];

/** Kinds of which a tenant's network is made. */
const NETWORK_KINDS = [
  "elastic-ip",
  "internet-gateway",
  "natgateway",
  "route-table",
  "subnet",
  "vpc",
  "vpc-endpoint",
];

function network({ location, planeName, vpcId }: ControllerScope): readonly PolicyStatement[] {
  const kinds = NETWORK_KINDS.map((kind) => arn(location, "ec2", `${kind}/*`));
  const tenants = tenantOfPlane(planeName);
  const creations = [
    "ec2:AllocateAddress",
    "ec2:CreateInternetGateway",
    "ec2:CreateNatGateway",
    "ec2:CreateRouteTable",
    "ec2:CreateSubnet",
    "ec2:CreateVpc",
    "ec2:CreateVpcEndpoint",
  ];
  const within = [
    "ec2:CreateNatGateway",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateVpcEndpoint",
  ];
  const tables = ["ec2:AssociateRouteTable", "ec2:DisassociateRouteTable"];
  return [
    allow("NewNetworks", creations, kinds, requestOfPlane(planeName)),
    allow("TagNewNetworks", ["ec2:CreateTags"], kinds, {
      StringEquals: {
        "ec2:CreateAction": creations.map((action) => action.slice("ec2:".length)),
        [`aws:RequestTag/${TAG.plane}`]: planeName,
      },
    }),
    allow("BuildInNetworks", within, kinds, tenants),
    allow("SubnetsInPlane", ["ec2:CreateSubnet"], arn(location, "ec2", `vpc/${vpcId}`)),
    allow(
      "KeepNetworks",
      [
        ...tables,
        "ec2:AttachInternetGateway",
        "ec2:CreateRoute",
        "ec2:CreateTags",
        "ec2:DeleteInternetGateway",
        "ec2:DeleteNatGateway",
        "ec2:DeleteRoute",
        "ec2:DeleteRouteTable",
        "ec2:DeleteSubnet",
        "ec2:DeleteTags",
        "ec2:DeleteVpc",
        "ec2:DeleteVpcEndpoints",
        "ec2:DetachInternetGateway",
        "ec2:ModifyVpcAttribute",
        "ec2:ModifyVpcEndpoint",
        "ec2:ReleaseAddress",
      ],
      kinds,
      tenants,
    ),
    // A tenant's subnets leave by the plane's gateways; the tables themselves stay as the plane wrote them.
    allow("PlaneRoutes", tables, arn(location, "ec2", "route-table/*"), {
      StringEquals: { [`aws:ResourceTag/${TAG.plane}`]: planeName },
    }),
    allow("LookAtNetworks", ["ec2:DescribeVpcAttribute"], arn(location, "ec2", "vpc/*")),
    allow(
      "ListNetworks",
      [
        "ec2:DescribeAddresses",
        "ec2:DescribeAddressesAttribute",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNatGateways",
        "ec2:DescribePrefixLists",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
      ],
      "*",
    ),
  ];
}

function loadBalancers({ location, planeName }: ControllerScope): readonly PolicyStatement[] {
  const at = (resource: string) => arn(location, "elasticloadbalancing", resource);
  const all = [
    at("loadbalancer/app/*"),
    at("listener/app/*"),
    at("listener-rule/app/*"),
    at("targetgroup/*"),
  ];
  return [
    allow(
      "NewEntries",
      [
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:CreateTargetGroup",
      ],
      all,
      requestOfPlane(planeName),
    ),
    allow(
      "KeepEntries",
      [
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:CreateListener",
        "elasticloadbalancing:CreateRule",
        "elasticloadbalancing:Delete*",
        "elasticloadbalancing:Modify*",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:SetSecurityGroups",
        "elasticloadbalancing:SetSubnets",
      ],
      all,
      tenantOfPlane(planeName),
    ),
    allow("LookAtEntries", ["elasticloadbalancing:Describe*"], "*"),
  ];
}

/** Records of the plane's zone, but never its wildcard (`\052` is how Route 53 writes a star). */
function names({ location, dnsZoneId, domain }: ControllerScope): readonly PolicyStatement[] {
  const zone = `arn:${location.partition}:route53:::hostedzone/${dnsZoneId}`;
  const records = "route53:ChangeResourceRecordSetsNormalizedRecordNames";
  return [
    allow("PublicNames", ["route53:ChangeResourceRecordSets"], zone, {
      "ForAllValues:StringLike": { [records]: `*.${domain}` },
      "ForAllValues:StringNotLike": { [records]: "\\052.*" },
      "ForAllValues:StringEquals": { "route53:ChangeResourceRecordSetsRecordTypes": ["A"] },
    } satisfies ConditionBlock),
    allow("LookAtNames", ["route53:GetHostedZone", "route53:ListResourceRecordSets"], zone),
    allow("NameChanges", ["route53:GetChange"], `arn:${location.partition}:route53:::change/*`),
    // Cloud Map makes and removes the zone of a private namespace in the caller's name.
    allow(
      "PrivateZones",
      ["route53:CreateHostedZone", "route53:DeleteHostedZone", "route53:ListHostedZonesByName"],
      "*",
      { StringEquals: { "aws:CalledViaLast": "servicediscovery.amazonaws.com" } },
    ),
  ];
}
