import { crc32 } from "node:zlib";

/**
 * Which object of the cloud an interrupted creation has made, if it has made one.
 *
 * Names are deterministic, so for most types the id follows from the inputs that the creation was called with. Where AWS
 * draws the id, the object is found by the tag that names its resource (TAG.resource), and the id is taken from its ARN.
 * The ids are those that the AWS provider gives; where its Read goes by other properties than the id, the rule
 * gives them as well. The rest has no object of its own (a setting of a bucket, an upsert) and is simply done again.
 */
export interface CloudPlaceOfStack {
  readonly region: string;
  readonly accountId: string;
}

export interface PhysicalId {
  readonly id: string;
  /** What reading the object needs beyond the inputs. */
  readonly properties?: Readonly<Record<string, unknown>>;
}

export type IdRule =
  /** Undefined when an input that the id is made of is not plain text. */
  | { readonly from: "inputs"; idOf(inputs: Inputs, place: CloudPlaceOfStack): PhysicalId | undefined }
  | { readonly from: "tag"; idOf(arn: string): PhysicalId }
  /** Doing it again is the same as doing it once. */
  | { readonly from: "nothing" };

type Inputs = Readonly<Record<string, unknown>>;

const text = (inputs: Inputs, key: string): string | undefined => {
  const value = inputs[key];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** An id made of inputs, all of which must be plain text. */
function fromInputs(
  keys: readonly string[],
  make: (values: readonly string[], place: CloudPlaceOfStack) => string,
): IdRule {
  return {
    from: "inputs",
    idOf(inputs, place) {
      const values = keys.map((key) => text(inputs, key));
      return values.every((value) => value !== undefined) ? { id: make(values, place) } : undefined;
    },
  };
}

const named = (key: string): IdRule => fromInputs([key], ([name = ""]) => name);
const joined = (separator: string, ...keys: string[]): IdRule =>
  fromInputs(keys, (values) => values.join(separator));

const arnIsId: IdRule = { from: "tag", idOf: (arn) => ({ id: arn, properties: { arn } }) };
const lastPart: IdRule = {
  from: "tag",
  idOf: (arn) => ({ id: arn.slice(Math.max(arn.lastIndexOf("/"), arn.lastIndexOf(":")) + 1) }),
};
const again: IdRule = { from: "nothing" };

const queueUrl: IdRule = fromInputs(
  ["name"],
  ([name], { region, accountId }) => `https://sqs.${region}.${suffixOf(region)}/${accountId}/${name}`,
);

const ecsService: IdRule = fromInputs(["cluster", "name"], ([cluster = "", name], { region, accountId }) => {
  const clusterName = cluster.slice(cluster.lastIndexOf("/") + 1);
  return `arn:${partitionOf(region)}:ecs:${region}:${accountId}:service/${clusterName}/${name}`;
});

const scalingPolicy: IdRule = fromInputs(
  ["serviceNamespace", "resourceId", "scalableDimension", "name"],
  (values) => values.join("/"),
);

/** As the provider makes it: the destination's checksum tells routes of one table apart. */
const route: IdRule = fromInputs(
  ["routeTableId", "destinationCidrBlock"],
  ([table, destination = ""]) => `r-${table}${crc32(destination)}`,
);

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

function suffixOf(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

const RULES: Readonly<Record<string, IdRule>> = {
  "aws:acm/certificate:Certificate": arnIsId,
  "aws:acm/certificateValidation:CertificateValidation": again,
  "aws:appautoscaling/policy:Policy": scalingPolicy,
  "aws:appautoscaling/target:Target": named("resourceId"),
  "aws:cloudwatch/logGroup:LogGroup": named("name"),
  "aws:ec2/eip:Eip": lastPart,
  "aws:ec2/internetGateway:InternetGateway": lastPart,
  "aws:ec2/natGateway:NatGateway": lastPart,
  "aws:ec2/route:Route": route,
  "aws:ec2/routeTable:RouteTable": lastPart,
  "aws:ec2/routeTableAssociation:RouteTableAssociation": joined("/", "subnetId", "routeTableId"),
  "aws:ec2/securityGroup:SecurityGroup": lastPart,
  "aws:ec2/subnet:Subnet": lastPart,
  "aws:ec2/vpc:Vpc": lastPart,
  "aws:ec2/vpcEndpoint:VpcEndpoint": lastPart,
  "aws:ecs/cluster:Cluster": arnIsId,
  "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": named("clusterName"),
  "aws:ecs/service:Service": ecsService,
  "aws:ecs/taskDefinition:TaskDefinition": arnIsId,
  "aws:iam/policy:Policy": arnIsId,
  "aws:iam/role:Role": named("name"),
  "aws:iam/rolePolicy:RolePolicy": joined(":", "role", "name"),
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": joined("/", "role", "policyArn"),
  "aws:kms/alias:Alias": named("name"),
  "aws:kms/key:Key": lastPart,
  "aws:lb/listener:Listener": arnIsId,
  "aws:lb/listenerRule:ListenerRule": arnIsId,
  "aws:lb/loadBalancer:LoadBalancer": arnIsId,
  "aws:lb/targetGroup:TargetGroup": arnIsId,
  "aws:rds/cluster:Cluster": named("clusterIdentifier"),
  "aws:rds/clusterInstance:ClusterInstance": named("identifier"),
  "aws:rds/clusterParameterGroup:ClusterParameterGroup": named("name"),
  "aws:rds/subnetGroup:SubnetGroup": named("name"),
  "aws:route53/record:Record": joined("_", "zoneId", "name", "type"),
  "aws:route53/zone:Zone": lastPart,
  "aws:s3/bucket:Bucket": named("bucket"),
  "aws:secretsmanager/secret:Secret": arnIsId,
  "aws:secretsmanager/secretVersion:SecretVersion": again,
  "aws:servicediscovery/service:Service": lastPart,
  "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": lastPart,
  "aws:sqs/queue:Queue": queueUrl,
  "aws:sqs/queuePolicy:QueuePolicy": named("queueUrl"),
};

export function idRuleOf(resourceType: string): IdRule | undefined {
  // Settings of a bucket go by its name.
  if (/^aws:s3\/bucket[A-Z]\w*:/.test(resourceType)) return named("bucket");
  return RULES[resourceType];
}
