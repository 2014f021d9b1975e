/**
 * Our types against what AWS publishes itself: which properties replace, and how long a name may be. The schemas are
 * CloudFormation's; the provider's inputs mostly have the same names in lower camel case, and the table has the rest.
 */
import type { Context, Properties, ResourceType } from "../resourceType.ts";
import type { Difference } from "./compare.ts";
import type { SdkShape } from "./sdk.ts";

export interface PublishedSchema {
  readonly createOnly: readonly string[];
  readonly conditional: readonly string[];
  readonly properties: Readonly<Record<string, { readonly maxLength?: number }>>;
}

interface SchemaOf {
  readonly schema: string;
  /** CloudFormation's name → the input's, where it is not the same in lower camel case. */
  readonly renamed?: Readonly<Record<string, string>>;
}

function of(schema: string, renamed?: Readonly<Record<string, string>>): SchemaOf {
  return renamed === undefined ? { schema: `AWS::${schema}` } : { schema: `AWS::${schema}`, renamed };
}

const RULE_PEERS = { CidrIp: "cidrIpv4", GroupId: "securityGroupId" };

/** Types that are not here have no schema of their own: settings of a bucket, validations, attachments, versions. */
export const SCHEMAS: Readonly<Record<string, SchemaOf>> = {
  "aws:acm/certificate:Certificate": of("CertificateManager::Certificate", {
    DomainValidationOptions: "validationOptions",
  }),
  "aws:appautoscaling/policy:Policy": of("ApplicationAutoScaling::ScalingPolicy", { PolicyName: "name" }),
  "aws:appautoscaling/target:Target": of("ApplicationAutoScaling::ScalableTarget"),
  "aws:cloudwatch/logGroup:LogGroup": of("Logs::LogGroup", { LogGroupName: "name" }),
  "aws:ec2/eip:Eip": of("EC2::EIP"),
  "aws:ec2/internetGateway:InternetGateway": of("EC2::InternetGateway"),
  "aws:ec2/natGateway:NatGateway": of("EC2::NatGateway", { PrivateIpAddress: "privateIp" }),
  "aws:ec2/route:Route": of("EC2::Route"),
  "aws:ec2/routeTable:RouteTable": of("EC2::RouteTable"),
  "aws:ec2/routeTableAssociation:RouteTableAssociation": of("EC2::SubnetRouteTableAssociation"),
  "aws:ec2/securityGroup:SecurityGroup": of("EC2::SecurityGroup", {
    GroupDescription: "description",
    GroupName: "name",
  }),
  "aws:ec2/subnet:Subnet": of("EC2::Subnet"),
  "aws:ec2/vpc:Vpc": of("EC2::VPC"),
  "aws:ec2/vpcEndpoint:VpcEndpoint": of("EC2::VPCEndpoint"),
  "aws:ecs/cluster:Cluster": of("ECS::Cluster", { ClusterName: "name" }),
  "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": of(
    "ECS::ClusterCapacityProviderAssociations",
    {
      Cluster: "clusterName",
    },
  ),
  "aws:ecs/service:Service": of("ECS::Service", { Role: "iamRole", ServiceName: "name" }),
  "aws:ecs/taskDefinition:TaskDefinition": of("ECS::TaskDefinition"),
  "aws:iam/policy:Policy": of("IAM::ManagedPolicy", { ManagedPolicyName: "name" }),
  "aws:iam/role:Role": of("IAM::Role", { RoleName: "name" }),
  "aws:iam/rolePolicy:RolePolicy": of("IAM::RolePolicy", { PolicyName: "name", RoleName: "role" }),
  "aws:kms/alias:Alias": of("KMS::Alias", { AliasName: "name" }),
  "aws:kms/key:Key": of("KMS::Key", { KeySpec: "customerMasterKeySpec" }),
  "aws:lb/listener:Listener": of("ElasticLoadBalancingV2::Listener"),
  "aws:lb/listenerRule:ListenerRule": of("ElasticLoadBalancingV2::ListenerRule"),
  "aws:lb/loadBalancer:LoadBalancer": of("ElasticLoadBalancingV2::LoadBalancer", {
    Scheme: "internal",
    Type: "loadBalancerType",
  }),
  "aws:lb/targetGroup:TargetGroup": of("ElasticLoadBalancingV2::TargetGroup"),
  "aws:rds/cluster:Cluster": of("RDS::DBCluster", {
    DBClusterIdentifier: "clusterIdentifier",
    DBSubnetGroupName: "dbSubnetGroupName",
    DBSystemId: "dbSystemId",
  }),
  "aws:rds/clusterInstance:ClusterInstance": of("RDS::DBInstance", {
    CustomIAMInstanceProfile: "customIamInstanceProfile",
    DBClusterIdentifier: "clusterIdentifier",
    DBInstanceClass: "instanceClass",
    DBInstanceIdentifier: "identifier",
    DBParameterGroupName: "dbParameterGroupName",
    DBSubnetGroupName: "dbSubnetGroupName",
  }),
  "aws:rds/clusterParameterGroup:ClusterParameterGroup": of("RDS::DBClusterParameterGroup", {
    DBClusterParameterGroupName: "name",
  }),
  "aws:rds/subnetGroup:SubnetGroup": of("RDS::DBSubnetGroup", {
    DBSubnetGroupDescription: "description",
    DBSubnetGroupName: "name",
  }),
  "aws:route53/record:Record": of("Route53::RecordSet", { HostedZoneId: "zoneId", TTL: "ttl" }),
  "aws:route53/zone:Zone": of("Route53::HostedZone"),
  "aws:s3/accessPoint:AccessPoint": of("S3::AccessPoint"),
  "aws:s3/bucket:Bucket": of("S3::Bucket", { BucketName: "bucket", BucketNamePrefix: "bucketPrefix" }),
  "aws:s3/bucketPolicy:BucketPolicy": of("S3::BucketPolicy", { PolicyDocument: "policy" }),
  "aws:secretsmanager/secret:Secret": of("SecretsManager::Secret"),
  "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": of("ServiceDiscovery::PrivateDnsNamespace"),
  "aws:servicediscovery/service:Service": of("ServiceDiscovery::Service"),
  "aws:sqs/queue:Queue": of("SQS::Queue", {
    QueueName: "name",
    VisibilityTimeout: "visibilityTimeoutSeconds",
  }),
  "aws:sqs/queuePolicy:QueuePolicy": of("SQS::QueuePolicy"),
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": of("EC2::SecurityGroupEgress", {
    ...RULE_PEERS,
    DestinationPrefixListId: "prefixListId",
    DestinationSecurityGroupId: "referencedSecurityGroupId",
  }),
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": of("EC2::SecurityGroupIngress", {
    ...RULE_PEERS,
    SourcePrefixListId: "prefixListId",
    SourceSecurityGroupId: "referencedSecurityGroupId",
  }),
};

function inputName(property: string, renamed: Readonly<Record<string, string>> = {}): string {
  return (
    renamed[property] ?? property.replace(/^[A-Z]+(?=[A-Z][a-z]|$)|^[A-Z]/, (head) => head.toLowerCase())
  );
}

/** Where a type and its schema disagree on what replaces. Prefixes of names are the provider's own invention. */
export function replacementDifferences(
  type: ResourceType,
  published: PublishedSchema,
  sdk: SdkShape,
): readonly Difference[] {
  const { renamed } = SCHEMAS[type.token] ?? {};
  const names = (properties: readonly string[]) =>
    new Set(
      properties.map((property) => inputName(property, renamed)).filter((name) => sdk.inputs.includes(name)),
    );
  const always = names(published.createOnly);
  const sometimes = names(published.conditional);
  const known = names(Object.keys(published.properties));
  const ours = new Set(type.replaceOn.filter((path) => !/[.[]/.test(path)));
  const at = (input: string) => `${type.token} ${input}`;
  const missing = [...always].filter((input) => !ours.has(input));
  const extra = [...ours].filter((input) => known.has(input) && !always.has(input) && !sometimes.has(input));
  return [
    ...missing.map((input) => ({ at: at(input), ours: "changed in place", theirs: "replaced" })),
    ...extra.map((input) => ({ at: at(input), ours: "replaced", theirs: "changed in place" })),
  ];
}

/** A name one character longer than AWS allows must be refused, one of just that length taken. */
export function nameLengthDifferences(
  type: ResourceType,
  published: PublishedSchema,
  context: Context,
): readonly Difference[] {
  const property = type.autoName?.property;
  const found = Object.entries(published.properties).find(
    ([name]) => inputName(name, SCHEMAS[type.token]?.renamed) === property,
  );
  const limit = found?.[1].maxLength;
  if (property === undefined || limit === undefined) return [];
  const refused = (length: number) => {
    const inputs: Properties = { ...type.defaults?.({}, context), [property]: "a".repeat(length) };
    return (type.check?.(inputs, context) ?? []).some((failure) => failure.property === property);
  };
  const at = `${type.token} ${property} length`;
  const ours = refused(limit) ? `less than ${limit}` : refused(limit + 1) ? `${limit}` : `more than ${limit}`;
  return ours === `${limit}` ? [] : [{ at, ours, theirs: `${limit}` }];
}
