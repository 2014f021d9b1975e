import {
  arn,
  type Location,
  type PolicyDocument,
  policyDocument,
  pullImages,
  viaService,
} from "../policyDocument.ts";
import type { ServiceRole } from "./containers.ts";

/**
 * What the control service's own tasks may do: use their state and its key, and become a plane's controller or automation.
 * Everything done to a plane is done in those roles, so these hold no right on any tenant's resource.
 */
export interface ControlPlaneScope {
  readonly location: Location;
  readonly planeAccounts: readonly string[];
  readonly stateBucketArn: string;
  /** Of bucket, logs, database and secrets. */
  readonly kmsKeyArn: string;
  /** Of the secrets inside Pulumi's state. */
  readonly secretsKeyArn: string;
  readonly databaseSecretArn: string;
  readonly signingKeySecretArn: string;
  readonly logGroupName: string;
}

export function taskPolicy(role: ServiceRole, scope: ControlPlaneScope): PolicyDocument {
  const { location, stateBucketArn, kmsKeyArn, secretsKeyArn } = scope;
  // The api reads planes' outputs from their state; only workers run stacks.
  const writes = role === "worker" ? ["s3:PutObject", "s3:DeleteObject"] : [];
  return policyDocument([
    allow("ListState", ["s3:ListBucket", "s3:GetBucketLocation"], stateBucketArn),
    allow("State", ["s3:GetObject", ...writes], `${stateBucketArn}/*`),
    {
      ...allow("StateAtRest", ["kms:Decrypt", "kms:GenerateDataKey"], kmsKeyArn),
      Condition: { StringEquals: { "kms:ViaService": viaService(location, "s3") } },
    },
    allow("SecretsInState", ["kms:Decrypt", ...(role === "worker" ? ["kms:Encrypt"] : [])], secretsKeyArn),
    allow("ActOnPlanes", ["sts:AssumeRole"], planeRoles(scope)),
    // Which digest an image's tag stands for, when a release is made.
    allow("LookUpImages", ["ecr:DescribeImages"], imageRepositories(scope)),
  ]);
}

export function executionPolicy(scope: ControlPlaneScope): PolicyDocument {
  const { location, kmsKeyArn, databaseSecretArn, signingKeySecretArn, logGroupName } = scope;
  return policyDocument([
    ...pullImages(location),
    allow(
      "Logs",
      ["logs:CreateLogStream", "logs:PutLogEvents"],
      arn(location, "logs", `log-group:${logGroupName}:*`),
    ),
    allow("OwnSecrets", ["secretsmanager:GetSecretValue"], [databaseSecretArn, signingKeySecretArn]),
    {
      ...allow("SecretsAtRest", ["kms:Decrypt"], kmsKeyArn),
      Condition: { StringEquals: { "kms:ViaService": viaService(location, "secretsmanager") } },
    },
  ]);
}

/** As the shared planes name them: one that makes tenants' resources, one that handles their data. */
function planeRoles({ location, planeAccounts }: ControlPlaneScope): readonly string[] {
  return planeAccounts.flatMap((accountId) =>
    ["controller", "automation"].map(
      (name) => `arn:${location.partition}:iam::${accountId}:role/tenantry/*/tenantry-*-${name}`,
    ),
  );
}

function imageRepositories({ location, planeAccounts }: ControlPlaneScope): readonly string[] {
  const accounts = new Set([location.accountId, ...planeAccounts]);
  return [...accounts].map((accountId) => `arn:${location.partition}:ecr:*:${accountId}:repository/*`);
}

function allow(sid: string, actions: readonly string[], resource: string | readonly string[]) {
  return { Sid: sid, Effect: "Allow" as const, Action: actions, Resource: resource };
}
