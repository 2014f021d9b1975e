/** An IAM policy document as plain data: computed by pure functions, evaluated by tests, then handed to AWS. */
export type ConditionBlock = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: ConditionBlock;
}

export interface ResourcePolicyStatement extends PolicyStatement {
  readonly Principal: "*" | Readonly<Record<string, string | readonly string[]>>;
}

export interface PolicyDocument<Statement = PolicyStatement> {
  readonly Version: "2012-10-17";
  readonly Statement: readonly Statement[];
}

export function policyDocument<Statement>(statements: readonly Statement[]): PolicyDocument<Statement> {
  return { Version: "2012-10-17", Statement: statements };
}

/** Where ARNs point: every policy is of one account and region. */
export interface Location {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
}

export function arn(location: Location, service: string, resource: string): string {
  return `arn:${location.partition}:${service}:${location.region}:${location.accountId}:${resource}`;
}

/** IAM is global: its ARNs name no region. */
export function iamArn(location: Location, resource: string): string {
  return `arn:${location.partition}:iam::${location.accountId}:${resource}`;
}

/** The service's endpoint as `kms:ViaService` writes it. */
export function viaService(location: Location, service: string): string {
  const suffix = location.partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
  return `${service}.${location.region}.${suffix}`;
}

/** What an execution role needs to fetch images: AWS cannot narrow the login, and a release names any repository. */
export function pullImages(location: Location): readonly PolicyStatement[] {
  return [
    { Sid: "RegistryLogin", Effect: "Allow", Action: ["ecr:GetAuthorizationToken"], Resource: "*" },
    {
      Sid: "PullImages",
      Effect: "Allow",
      Action: ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
      Resource: `arn:${location.partition}:ecr:*:*:repository/*`,
    },
  ];
}

/** Only ECS tasks of this account and region may wear a role: the source conditions stop a confused deputy. */
export function taskTrustPolicy(location: Location): PolicyDocument<unknown> {
  return policyDocument([
    {
      Sid: "EcsTasks",
      Effect: "Allow",
      Principal: { Service: "ecs-tasks.amazonaws.com" },
      Action: "sts:AssumeRole",
      Condition: {
        StringEquals: { "aws:SourceAccount": location.accountId },
        ArnLike: { "aws:SourceArn": arn(location, "ecs", "*") },
      },
    },
  ]);
}
