import type { RecordedResource } from "../../components/testing/pulumiMocks.ts";

/**
 * What encryption means for each kind of resource, at rest and in transit. A rule says what is wrong with a resource; a
 * text says why there is nothing to encrypt. A type that is in neither column fails the test: whoever adds one decides.
 */
export type Rule = (resource: RecordedResource, all: readonly RecordedResource[]) => readonly string[];

const KEY_ARN = /^arn:aws:kms:[a-z0-9-]+:\d{12}:key\/[0-9a-f-]{36}$/;
const RECENT_TLS = /^ELBSecurityPolicy-TLS13-1-[23]-/;

export const ENCRYPTION: Readonly<Record<string, Rule | string>> = {
  "aws:s3/bucket:Bucket": bucket,
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": ({ inputs }) =>
    inputs.rules.flatMap(
      ({
        applyServerSideEncryptionByDefault: by,
      }: {
        applyServerSideEncryptionByDefault: Record<string, string>;
      }) =>
        wrong(
          by.sseAlgorithm !== "aws:kms" || !KEY_ARN.test(by.kmsMasterKeyId ?? ""),
          "must encrypt with a KMS key",
        ),
    ),
  "aws:s3/bucketPolicy:BucketPolicy": bucketPolicy,
  "aws:sqs/queue:Queue": ({ inputs }) => [
    ...key(inputs.kmsMasterKeyId),
    ...wrong(
      inputs.policy === undefined || !refusesPlainHttp(inputs.policy),
      "must refuse what does not come by TLS",
    ),
  ],
  "aws:secretsmanager/secret:Secret": ({ inputs }) => key(inputs.kmsKeyId),
  "aws:secretsmanager/secretVersion:SecretVersion": ({ inputs }) =>
    wrong(
      typeof inputs.secretString === "string",
      "must hand over its value as a secret, which the state encrypts",
    ),
  "aws:cloudwatch/logGroup:LogGroup": ({ inputs }) => key(inputs.kmsKeyId),
  "aws:kms/key:Key": ({ inputs }) => wrong(inputs.enableKeyRotation !== true, "must rotate"),
  "aws:rds/cluster:Cluster": database,
  "aws:rds/clusterInstance:ClusterInstance": ({ inputs }) => [
    ...wrong(
      inputs.performanceInsightsEnabled === true && !KEY_ARN.test(inputs.performanceInsightsKmsKeyId),
      "must encrypt what Performance Insights keeps",
    ),
    ...wrong(inputs.publiclyAccessible !== false, "must not be public"),
  ],
  "aws:rds/clusterParameterGroup:ClusterParameterGroup": ({ inputs }) =>
    wrong(
      !inputs.parameters?.some(
        ({ name, value }: { name: string; value: string }) => name === "rds.force_ssl" && value === "1",
      ),
      "must refuse connections without TLS",
    ),
  "aws:lb/listener:Listener": listener,
  "aws:lb/targetGroup:TargetGroup": targetGroup,
  "aws:lb/loadBalancer:LoadBalancer": ({ inputs }) =>
    wrong(
      inputs.dropInvalidHeaderFields !== true,
      "must drop invalid headers, which smuggle requests past TLS",
    ),
  "aws:ecs/taskDefinition:TaskDefinition": taskDefinition,
  "aws:ecs/cluster:Cluster": ({ inputs }) =>
    wrong(
      inputs.configuration?.executeCommandConfiguration !== undefined,
      "must have no command sessions: they would leave logs without our key",
    ),
  "aws:ecs/service:Service": ({ inputs }) =>
    wrong(
      inputs.enableExecuteCommand === true,
      "must have no command sessions: they would leave logs without our key",
    ),
  "aws:acm/certificate:Certificate": ({ inputs }) =>
    wrong(
      inputs.keyAlgorithm !== undefined && !/^(RSA_2048|EC_)/.test(inputs.keyAlgorithm),
      "must have a strong key",
    ),

  "aws:acm/certificateValidation:CertificateValidation": "waits; has nothing of its own",
  "aws:appautoscaling/policy:Policy": "numbers and names",
  "aws:appautoscaling/target:Target": "numbers and names",
  "aws:ec2/eip:Eip": "an address",
  "aws:ec2/internetGateway:InternetGateway": "routes packets; what they carry is encrypted by who sends them",
  "aws:ec2/natGateway:NatGateway": "routes packets; what they carry is encrypted by who sends them",
  "aws:ec2/route:Route": "a line in a table",
  "aws:ec2/routeTable:RouteTable": "lines in a table",
  "aws:ec2/routeTableAssociation:RouteTableAssociation": "a line in a table",
  "aws:ec2/securityGroup:SecurityGroup": "rules",
  "aws:ec2/subnet:Subnet": "addresses",
  "aws:ec2/vpc:Vpc": "addresses",
  "aws:ec2/vpcEndpoint:VpcEndpoint":
    "a way to AWS's own API, which is asked by TLS; buckets and keys refuse anything else",
  "aws:iam/policy:Policy": "rules",
  "aws:iam/role:Role": "rules",
  "aws:iam/rolePolicy:RolePolicy": "rules",
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "rules",
  "aws:kms/alias:Alias": "a name",
  "aws:lb/listenerRule:ListenerRule": "a line in a table; its listener speaks TLS",
  "aws:rds/subnetGroup:SubnetGroup": "names of subnets",
  "aws:route53/record:Record": "public by its nature",
  "aws:route53/zone:Zone": "public by its nature",
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "rules",
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "rules",
  "aws:s3/bucketVersioning:BucketVersioning": "a switch; versions are encrypted as their objects",
  "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace":
    "private names and addresses; AWS encrypts them with a key of its own",
  "aws:servicediscovery/service:Service":
    "private names and addresses; AWS encrypts them with a key of its own",
  "awsx:ec2:Vpc": "addresses and routes",
  "pulumi:providers:aws": "settings of this run; not in the cloud",
  "pulumi:providers:awsx": "settings of this run; not in the cloud",
};

/** What is wrong with the resources of one program, type by type. */
export function encryptionProblems(all: readonly RecordedResource[]): readonly string[] {
  return all.flatMap((resource) => {
    if (/^(tenantry:|pulumi:pulumi:)/.test(resource.type)) return [];
    const rule = ENCRYPTION[resource.type];
    const name = `${resource.type} ${resource.name}`;
    if (rule === undefined)
      return [`${name}: has no rule; give it one, or say why there is nothing to encrypt`];
    return typeof rule === "string" ? [] : rule(resource, all).map((problem) => `${name}: ${problem}`);
  });
}

function bucket({ name }: RecordedResource, all: readonly RecordedResource[]): readonly string[] {
  const has = (type: string) => all.some((other) => other.type === type && other.name === name);
  return [
    ...wrong(
      !has("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"),
      "must have an encryption of its own",
    ),
    ...wrong(!has("aws:s3/bucketPolicy:BucketPolicy"), "must have a policy that asks for TLS"),
    ...wrong(!has("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"), "must be closed to the public"),
  ];
}

function bucketPolicy({ inputs }: RecordedResource): readonly string[] {
  const statements = JSON.parse(inputs.policy).Statement;
  const old = statements.some(
    (statement: { Effect: string; Condition?: { NumericLessThan?: Record<string, string> } }) =>
      statement.Effect === "Deny" && statement.Condition?.NumericLessThan?.["s3:TlsVersion"] === "1.2",
  );
  return [
    ...wrong(!refusesPlainHttp(inputs.policy), "must refuse what does not come by TLS"),
    ...wrong(!old, "must refuse TLS older than 1.2"),
  ];
}

function refusesPlainHttp(policy: string): boolean {
  return JSON.parse(policy).Statement.some(
    (statement: { Effect: string; Principal: unknown; Condition?: { Bool?: Record<string, string> } }) =>
      statement.Effect === "Deny" &&
      statement.Principal === "*" &&
      statement.Condition?.Bool?.["aws:SecureTransport"] === "false",
  );
}

function database({ inputs }: RecordedResource, all: readonly RecordedResource[]): readonly string[] {
  const tls = all.some(
    ({ type, name }) =>
      type === "aws:rds/clusterParameterGroup:ClusterParameterGroup" &&
      String(inputs.dbClusterParameterGroupName).startsWith(name),
  );
  return [
    ...wrong(inputs.storageEncrypted !== true, "must encrypt its storage, and so its snapshots"),
    ...key(inputs.kmsKeyId),
    ...wrong(inputs.manageMasterUserPassword !== true, "must leave its password to RDS"),
    ...wrong(!KEY_ARN.test(inputs.masterUserSecretKmsKeyId ?? ""), "must encrypt its password with our key"),
    ...wrong(!tls, "must have parameters that ask for TLS"),
  ];
}

function listener({ inputs }: RecordedResource): readonly string[] {
  if (inputs.protocol === "HTTPS")
    return [
      ...wrong(!RECENT_TLS.test(inputs.sslPolicy ?? ""), "must speak TLS 1.2 at least"),
      ...wrong(inputs.certificateArn === undefined, "must have a certificate"),
    ];
  const redirects = inputs.defaultActions.every(
    (action: { type: string; redirect?: { protocol: string } }) =>
      action.type === "redirect" && action.redirect?.protocol === "HTTPS",
  );
  return wrong(!redirects, "must do nothing over plain HTTP but lead to HTTPS");
}

/**
 * Behind a load balancer tasks speak HTTP. The way there is inside one VPC and between two security groups; Fargate runs on
 * instances whose traffic to each other AWS encrypts. A task that ended TLS would need a certificate in its image, which
 * images that tenants' releases name do not bring.
 */
function targetGroup({ inputs }: RecordedResource, all: readonly RecordedResource[]): readonly string[] {
  if (inputs.protocol === "HTTPS" || inputs.protocol === "TLS") return [];
  const openTasks = all.filter(
    ({ type, inputs: group }) =>
      type === "aws:ec2/securityGroup:SecurityGroup" &&
      group.ingress?.some(
        (rule: { fromPort: number; toPort: number; cidrBlocks?: string[] }) =>
          rule.fromPort <= inputs.port && inputs.port <= rule.toPort && rule.cidrBlocks !== undefined,
      ),
  );
  return [
    ...wrong(inputs.targetType !== "ip", "must reach tasks by their own addresses"),
    ...openTasks.map(({ name }) => `its port must be open to groups only, but ${name} opens it to addresses`),
  ];
}

function taskDefinition({ inputs }: RecordedResource): readonly string[] {
  return [
    ...wrong((inputs.volumes ?? []).length > 0, "must mount no volume without a rule for it"),
    ...wrong(
      JSON.parse(inputs.containerDefinitions).some(
        (container: { logConfiguration?: { logDriver: string } }) =>
          container.logConfiguration?.logDriver !== "awslogs",
      ),
      "must log where the logs are encrypted",
    ),
  ];
}

function key(value: unknown): readonly string[] {
  return wrong(typeof value !== "string" || !KEY_ARN.test(value), `must name a key of ours, got ${value}`);
}

function wrong(is: boolean, problem: string): readonly string[] {
  return is ? [problem] : [];
}
