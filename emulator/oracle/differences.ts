/**
 * Where the local cloud and moto differ, and why we keep it so. `ours` and `theirs` are part of each entry: when either
 * side changes, the entry no longer fits and somebody must look again.
 */
import type { KnownDifference } from "./compare.ts";

/** AWS refuses, moto accepts. */
function unchecked(code: string, reason: string, ...steps: readonly string[]): readonly KnownDifference[] {
  return steps.map((step) => ({ at: `${step} error`, ours: code, theirs: "accepted", reason }));
}

/** Both refuse, under different codes. */
function otherwise(step: string, ours: string, theirs: string, reason: string): KnownDifference {
  return { at: `${step} error`, ours, theirs, reason };
}

/** AWS answers with an attribute, moto leaves it out. */
function leftOut(step: string, reason: string, values: Readonly<Record<string, string>>) {
  return Object.entries(values).map(([attribute, ours]) => ({
    at: `${step} ${attribute}`,
    ours,
    theirs: "<none>",
    reason,
  }));
}

function instead(at: string, ours: string, theirs: string, reason: string): KnownDifference {
  return { at, ours, theirs, reason };
}

const NAME = "Moto takes any name here; the rule is the one of the service's API reference.";
const DANGLING = "Moto does not look whether what is referred to exists; AWS does.";
const IN_USE =
  "Moto deletes what is in use; AWS refuses, and programs depend on it for the order of deletion.";
const UNIQUE = "Moto takes the same name twice; AWS documents this refusal.";
const VALUE = "Moto takes any value here; AWS checks it, and a preview should tell.";
const POLICY = "Moto does not check this rule of the policy grammar.";
const DESCRIBED = "Moto leaves out what AWS always returns or the provider fills in.";

const network: readonly KnownDifference[] = [
  instead(
    "addressing/vpc dhcpOptionsId",
    "dopt-<17 hex>",
    "default",
    "A network of AWS has the region's option set from the start.",
  ),
  instead(
    "addressing/subnetA availabilityZoneId",
    "euw1-az1",
    "euw1-az3",
    "Each account has its own mapping of zones to zone ids.",
  ),
  ...unchecked("InvalidParameterValue", "A network takes one internet gateway.", "routing/gatewayTwice"),
  otherwise(
    "routing/routeNoGateway",
    "InvalidGatewayID.NotFound",
    "InvalidInternetGatewayID.NotFound",
    "CreateRoute takes gateways of several kinds and names them so; the other code is that of calls for internet gateways.",
  ),
  ...unchecked("InvalidRouteTableID.NotFound", DANGLING, "routing/associationNoTable"),
  ...leftOut("nat gateways/eip", DESCRIBED, { networkBorderGroup: "eu-west-1", publicIpv4Pool: "amazon" }),
  ...leftOut("nat gateways/nat", DESCRIBED, { connectivityType: "public" }),
  ...unchecked("AuthFailure", IN_USE, "nat gateways/eipInUse"),
  ...unchecked("DependencyViolation", IN_USE, "nat gateways/subnetInUse", "nat gateways/gatewayInUse"),
  ...unchecked("InvalidVpcID.NotFound", DANGLING, "security groups/groupNoVpc"),
  ...unchecked("InvalidParameterValue", NAME, "security groups/groupNamedSg"),
  ...["ingress", "egress"].flatMap((rule) =>
    leftOut(`security groups/${rule}`, DESCRIBED, {
      arn: "arn:aws:ec2:eu-west-1:<account>:security-group-rule/sgr-<17 hex>",
    }),
  ),
  ...unchecked("DependencyViolation", IN_USE, "security groups/webInUse", "security groups/vpcInUse"),
  ...leftOut("endpoints/endpoint", DESCRIBED, { vpcEndpointType: "Gateway", requesterManaged: "false" }),
  instead(
    "endpoints/endpoint privateDnsEnabled",
    "false",
    "true",
    "Only interface endpoints have private names; moto gives them to gateway endpoints too.",
  ),
  ...unchecked("InvalidServiceName", DANGLING, "endpoints/endpointNoService"),
];

const balancing: readonly KnownDifference[] = [
  instead(
    "load balancers/web dnsName",
    "web-<10 hex>.eu-west-1.elb.amazonaws.com",
    "web-1.eu-west-1.elb.amazonaws.com",
    "Moto numbers its load balancers; AWS adds about ten digits.",
  ),
  ...unchecked("DuplicateLoadBalancerName", UNIQUE, "load balancers/webTwice"),
  ...unchecked("ValidationError", VALUE, "load balancers/balancerOneSubnet"),
  otherwise(
    "load balancers/balancerNoSubnet",
    "SubnetNotFound",
    "InvalidSubnetID.NotFound",
    "The API model gives CreateLoadBalancer its own error; moto lets EC2's through.",
  ),
  ...unchecked("InvalidSecurityGroup", DANGLING, "load balancers/balancerNoGroup"),
  ...unchecked(
    "ValidationError",
    NAME,
    "load balancers/balancerLongName",
    "load balancers/balancerBadName",
    "load balancers/balancerHyphenName",
  ),
  ...unchecked("DuplicateListener", UNIQUE, "listeners/httpTwice"),
  ...unchecked("ValidationError", VALUE, "listeners/httpsNoCertificate"),
];

const NAMESPACE_ARN = "arn:aws:servicediscovery:eu-west-1:<account>:namespace/ns-";
const SERVICE_ARN = "arn:aws:servicediscovery:eu-west-1:<account>:service/srv-";
const DISCOVERY_ID = "Cloud Map's ids have sixteen characters, as all examples of its API reference show.";

const naming: readonly KnownDifference[] = [
  ...unchecked("InvalidDomainName", NAME, "zones/badName"),
  ...unchecked(
    "InvalidChangeBatch",
    "Moto does not check the rules of DNS on what may stand beside what.",
    "zones/cnameBeside",
    "zones/cnameAtApex",
  ),
  ...unchecked("InvalidChangeBatch", VALUE, "zones/badType"),
  otherwise(
    "certificates/longName",
    "InvalidDomainValidationOptionsException",
    "moto failed",
    "Moto fails inside where AWS refuses a common name of more than 64 characters.",
  ),
  ...unchecked("ValidationException", NAME, "certificates/badName"),
  instead("discovery/internal id", "ns-<16 of a-z0-9>", "ns-<20 of a-z0-9>", DISCOVERY_ID),
  instead(
    "discovery/internal arn",
    `${NAMESPACE_ARN}<16 of a-z0-9>`,
    `${NAMESPACE_ARN}<20 of a-z0-9>`,
    DISCOVERY_ID,
  ),
  instead(
    "discovery/internal hostedZone",
    "Z<20 of A-Z0-9>",
    "/hostedzone/<22 of A-Z0-9>",
    "Cloud Map gives the bare id of the zone, moto the form of Route 53's own answers.",
  ),
  otherwise(
    "discovery/internalTwice",
    "NamespaceAlreadyExists",
    "ConflictingDomainExists",
    "The API model knows only the former for this call.",
  ),
  instead("discovery/service id", "srv-<16 of a-z0-9>", "srv-<8 of a-z0-9>", DISCOVERY_ID),
  instead(
    "discovery/service arn",
    `${SERVICE_ARN}<16 of a-z0-9>`,
    `${SERVICE_ARN}<8 of a-z0-9>`,
    DISCOVERY_ID,
  ),
  ...leftOut("discovery/service", DESCRIBED, { type: "DNS_HTTP", namespaceId: "ns-<16 of a-z0-9>" }),
  ...unchecked("ServiceAlreadyExists", UNIQUE, "discovery/serviceTwice"),
  ...unchecked("NamespaceNotFound", DANGLING, "discovery/serviceLost"),
  ...unchecked("ResourceInUse", IN_USE, "discovery/namespaceInUse"),
];

const containers: readonly KnownDifference[] = [
  ...unchecked(
    "InvalidParameterException",
    NAME,
    "clusters/longName",
    "clusters/badName",
    "services/serviceLongName",
  ),
  ...unchecked(
    "ClientException",
    "Moto does not check what Fargate can run.",
    "task definitions/badSize",
    "task definitions/bridge",
  ),
  ...unchecked("ClientException", NAME, "task definitions/badFamily"),
  ...leftOut("services/api", DESCRIBED, {
    platformVersion: "LATEST",
    deploymentMaximumPercent: "200",
    deploymentMinimumHealthyPercent: "100",
    enableEcsManagedTags: "false",
    enableExecuteCommand: "false",
  }),
  ...unchecked(
    "InvalidParameterException",
    "Moto overwrites the service; AWS answers 'Creation of service was not idempotent.'",
    "services/apiTwice",
  ),
  ...unchecked("InvalidParameterException", VALUE, "services/serviceNoNetwork"),
  otherwise(
    "services/serviceBadLaunch",
    "InvalidParameterException",
    "ClientException",
    "Moto's own wording, which leaves out EXTERNAL. The provider refuses the value before any call.",
  ),
  ...unchecked("ClusterContainsServicesException", IN_USE, "services/clusterInUse"),
  ...leftOut("autoscaling/target", DESCRIBED, {
    roleArn:
      "arn:aws:iam::<account>:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService",
  }),
  ...unchecked("ValidationException", VALUE, "autoscaling/targetUpsideDown"),
  ...unchecked("ObjectNotFoundException", DANGLING, "autoscaling/scalingNoTarget"),
];

const identity: readonly KnownDifference[] = [
  instead(
    "policies/read policyId",
    "ANPA<17 of A-Z0-9>",
    "<21 of A-Z0-9>",
    "IAM's unique ids tell their kind by a prefix: ANPA is a managed policy's.",
  ),
  ...unchecked("MalformedPolicyDocument", POLICY, "policies/withPrincipal", "roles/badTrust"),
  ...unchecked("LimitExceeded", "Moto has no quota on the size of a policy.", "policies/tooLong"),
  ...unchecked(
    "ValidationError",
    NAME,
    "policies/longName",
    "policies/badPath",
    "roles/longName",
    "roles/badName",
  ),
  ...unchecked("NoSuchEntity", DANGLING, "roles/noBoundary"),
  ...unchecked("DeleteConflict", IN_USE, "attachments/policyAttached"),
];

const storage: readonly KnownDifference[] = [
  ...leftOut("buckets/data", DESCRIBED, { arn: "arn:aws:s3:::tenantry-data" }),
  ...unchecked(
    "InvalidBucketName",
    NAME,
    "buckets/upperName",
    "buckets/underscoreName",
    "buckets/addressName",
    "buckets/dotsName",
  ),
  instead("buckets/object etag", "<32 hex>", '"<32 hex>"', "The provider takes the quotes off."),
  ...leftOut("buckets/object", "S3 encrypts every object since 2023.", { serverSideEncryption: "AES256" }),
  instead(
    "buckets/object contentType",
    "application/octet-stream",
    "binary/octet-stream",
    "The provider's SDK sends a content type where boto3 sends none.",
  ),
  ...unchecked("KeyTooLongError", NAME, "buckets/objectLongKey"),
  ...unchecked("MalformedXML", VALUE, "bucket settings/badVersioning", "bucket settings/badOwnership"),
  ...unchecked("MalformedPolicy", POLICY, "bucket settings/badPolicy"),
  instead(
    "access points/point arn",
    "arn:aws:s3:eu-west-1:<account>:accesspoint/tenant-a",
    "arn:aws:s3:us-east-1:<account>:accesspoint/tenant-a",
    "Moto keeps access points in us-east-1, whatever the client's region.",
  ),
  instead(
    "access points/point endpoints.ipv4",
    "s3-accesspoint.eu-west-1.amazonaws.com",
    "s3-accesspoint.us-east-1.amazonaws.com",
    "Moto keeps access points in us-east-1, whatever the client's region.",
  ),
  ...unchecked("AccessPointAlreadyOwnedByYou", UNIQUE, "access points/pointTwice"),
  ...unchecked("NoSuchBucket", DANGLING, "access points/pointNoBucket"),
  ...unchecked("InvalidURI", NAME, "access points/pointLongName"),
];

const secrets: readonly KnownDifference[] = [
  ...leftOut("keys/key", DESCRIBED, { keyUsage: "ENCRYPT_DECRYPT", multiRegion: "false" }),
  ...unchecked(
    "NotAuthorizedException",
    "Moto reserves only the names that AWS has taken; AWS reserves all of alias/aws/.",
    "keys/aliasReserved",
  ),
  ...unchecked("MalformedPolicyDocumentException", POLICY, "keys/badPolicy"),
  ...unchecked("UnsupportedOperationException", VALUE, "keys/asymmetricRotation"),
  ...unchecked(
    "KMSInvalidStateException",
    "Moto goes on using keys that are pending deletion; the table of key states in KMS's guide forbids it.",
    "keys/aliasPending",
  ),
  ...unchecked("ValidationException", NAME, "secrets/longName", "secrets/badName"),
  ...unchecked("ValidationException", "Moto has no limit on the size of a secret.", "secrets/versionLong"),
  otherwise(
    "secrets/secretStillThere",
    "InvalidRequestException",
    "ResourceExistsException",
    "AWS tells a name that is free again after the recovery window from one that is simply taken; moto does not.",
  ),
  ...unchecked(
    "InvalidRequestException",
    "AWS refuses to change a secret that is marked for deletion; moto changes it.",
    "secrets/versionOfScheduled",
  ),
  ...leftOut("log groups/group", DESCRIBED, { logGroupClass: "STANDARD" }),
  ...unchecked("InvalidParameterException", NAME, "log groups/badName"),
  ...unchecked("InvalidParameterException", VALUE, "log groups/badRetention"),
  instead(
    "queues/work maxMessageSize",
    "262144",
    "1048576",
    "SQS's own default is 1 MiB by now; the provider still sends 256 KiB when the program says nothing.",
  ),
  ...unchecked("InvalidAttributeValue", VALUE, "queues/badTimeout"),
  otherwise(
    "queues/lostDeadLetters",
    "InvalidParameterValue",
    "AWS.SimpleQueueService.NonExistentQueue",
    "AWS blames the parameter: 'Reason: Dead letter target does not exist.'",
  ),
  otherwise(
    "queues/otherDeadLetters",
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "AWS blames the parameter: 'Reason: Dead-letter queue must be same type of queue as the source.'",
  ),
];

const databases: readonly KnownDifference[] = [
  ...leftOut("database groups/subnets", DESCRIBED, { supportedNetworkTypes: "[IPV4]" }),
  ...unchecked("DBSubnetGroupAlreadyExists", UNIQUE, "database groups/subnetsTwice"),
  otherwise(
    "database groups/lostSubnet",
    "InvalidParameterValue",
    "InvalidSubnetID.NotFound",
    "RDS answers 'Some input subnets in :[…] are invalid.'; moto lets EC2's error through.",
  ),
  ...unchecked("DBSubnetGroupDoesNotCoverEnoughAZs", VALUE, "database groups/oneZone"),
  ...unchecked("InvalidParameterValue", NAME, "database groups/longName", "databases/badName"),
  instead(
    "databases/plane hostedZoneId",
    "Z<13 of A-Z0-9>",
    "<14 of A-Z0-9>",
    "Hosted zones begin with Z; moto draws the letter, too.",
  ),
  instead(
    "databases/plane masterUserSecrets.0.secretStatus",
    "active",
    "creating",
    "The provider waits for the cluster, and the secret is ready by then.",
  ),
  otherwise(
    "databases/planeTwice",
    "DBClusterAlreadyExistsFault",
    "DBClusterSnapshotAlreadyExistsFault",
    "Moto forgets to look for the cluster and stumbles over its automatic snapshot.",
  ),
  ...unchecked("DBSubnetGroupNotFoundFault", DANGLING, "databases/lostSubnets"),
  ...unchecked("DBClusterParameterGroupNotFound", DANGLING, "databases/lostSettings"),
  instead(
    "databases/writer endpoint",
    "plane-1.<12 of a-z0-9>.eu-west-1.rds.amazonaws.com",
    "plane-1.<10 of a-z0-9>.eu-west-1.rds.amazonaws.com",
    "Moto's instances all answer at the constant 'aaaaaaaaaa'; its clusters have twelve characters as on AWS.",
  ),
  instead(
    "databases/writer promotionTier",
    "0",
    "1",
    "RDS's default is 1; the provider sends 0 when the program says nothing.",
  ),
  ...leftOut("databases/writer", DESCRIBED, {
    monitoringInterval: "0",
    publiclyAccessible: "false",
    dbSubnetGroupName: "plane",
  }),
  ...unchecked("InvalidDBSubnetGroupStateFault", IN_USE, "databases/subnetsInUse"),
];

export const differences: readonly KnownDifference[] = [
  ...network,
  ...balancing,
  ...naming,
  ...containers,
  ...identity,
  ...storage,
  ...secrets,
  ...databases,
];
