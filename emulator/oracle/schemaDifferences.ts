/** Where our types and AWS's published schemas disagree on purpose. */
import type { KnownDifference } from "./compare.ts";

function because(
  reason: string,
  ours: string,
  theirs: string,
  ...ats: readonly string[]
): readonly KnownDifference[] {
  return ats.map((at) => ({ at, ours, theirs, reason }));
}

const IN_PLACE = "changed in place";
const REPLACED = "replaced";

const RULE_MEMBERS = [
  "cidrIpv4",
  "cidrIpv6",
  "fromPort",
  "ipProtocol",
  "prefixListId",
  "referencedSecurityGroupId",
  "toPort",
];

export const SCHEMA_DIFFERENCES: readonly KnownDifference[] = [
  ...because(
    "The provider calls ModifySecurityGroupRules, which changes all of a rule but its group; CloudFormation does not.",
    IN_PLACE,
    REPLACED,
    ...RULE_MEMBERS.map((member) => `aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule ${member}`),
    ...RULE_MEMBERS.map((member) => `aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule ${member}`),
  ),
  ...because(
    "The provider calls ReplaceRouteTableAssociation; CloudFormation makes a new association.",
    IN_PLACE,
    REPLACED,
    "aws:ec2/routeTableAssociation:RouteTableAssociation routeTableId",
  ),
  ...because(
    "The API has no call that changes it, and the provider replaces; CloudFormation refuses the update or replaces by itself.",
    REPLACED,
    IN_PLACE,
    "aws:acm/certificate:Certificate validationMethod",
    "aws:cloudwatch/logGroup:LogGroup logGroupClass",
    "aws:ec2/eip:Eip domain",
    "aws:ec2/eip:Eip publicIpv4Pool",
    "aws:kms/key:Key customerMasterKeySpec",
    "aws:kms/key:Key keyUsage",
    "aws:kms/key:Key multiRegion",
    "aws:lb/targetGroup:TargetGroup targetControlPort",
    "aws:s3/accessPoint:AccessPoint publicAccessBlockConfiguration",
    "aws:s3/bucket:Bucket objectLockEnabled",
  ),
  ...because(
    "Name, type and set identifier are a record's identity and its id: another one is another record.",
    REPLACED,
    IN_PLACE,
    "aws:route53/record:Record name",
    "aws:route53/record:Record setIdentifier",
    "aws:route53/record:Record type",
  ),
  ...because(
    "A domain name has at most 255 characters (RFC 1035), which the API checks although the schema allows more.",
    "less than 1024",
    "1024",
    "aws:route53/zone:Zone name length",
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace name length",
  ),
];
