import * as aws from "@pulumi/aws";
import {
  arn,
  iamArn,
  type Location,
  type PolicyDocument,
  policyDocument,
  type ResourcePolicyStatement,
} from "../policyDocument.ts";
import type { PlaneBuild } from "./planeArgs.ts";
import { planeNames } from "./planeNames.ts";

/** The plane's one key: it encrypts buckets, secrets, queues, logs and the database, and rotates every year. */
export function createKey(build: PlaneBuild): aws.kms.Key {
  const { args } = build;
  const key = new aws.kms.Key(
    "key",
    {
      description: `Data of the plane ${args.planeName}`,
      enableKeyRotation: true,
      deletionWindowInDays: args.keyDeletionDays,
      policy: JSON.stringify(keyPolicy(args.location, args.planeName)),
      tags: args.tags,
    },
    build.kept(),
  );
  const { keyAlias } = planeNames(args.planeName, args.location.accountId);
  new aws.kms.Alias(
    "key",
    { name: keyAlias, targetKeyId: key.keyId },
    build.child({ deleteBeforeReplace: true }),
  );
  return key;
}

/** The account decides by IAM who uses the key; the log service is let in for the plane's log groups alone. */
export function keyPolicy(location: Location, planeName: string): PolicyDocument<ResourcePolicyStatement> {
  return policyDocument<ResourcePolicyStatement>([
    {
      Sid: "AccountDecides",
      Effect: "Allow",
      Principal: { AWS: iamArn(location, "root") },
      Action: ["kms:*"],
      Resource: "*",
    },
    {
      Sid: "LogsOfThePlane",
      Effect: "Allow",
      Principal: { Service: `logs.${location.region}.amazonaws.com` },
      Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
      Resource: "*",
      Condition: {
        ArnLike: {
          "kms:EncryptionContext:aws:logs:arn": arn(location, "logs", `log-group:/tenantry/${planeName}/*`),
        },
      },
    },
  ]);
}
