import * as aws from "@pulumi/aws";
import type { Making } from "./making.ts";
import {
  iamArn,
  type Location,
  type PolicyDocument,
  policyDocument,
  type ResourcePolicyStatement,
} from "./policyDocument.ts";
import type { Tags } from "./tags.ts";

export interface DataKeyArgs {
  readonly location: Location;
  readonly description: string;
  /** `alias/…`. */
  readonly alias: string;
  /** ARN pattern of the log groups that the key encrypts. */
  readonly logGroups: string;
  readonly deletionDays: number;
  readonly tags: Tags;
}

/** A key for everything that somebody has at rest: buckets, secrets, queues, logs, database. It rotates every year. */
export function createDataKey(make: Making, args: DataKeyArgs): aws.kms.Key {
  const key = new aws.kms.Key(
    "key",
    {
      description: args.description,
      enableKeyRotation: true,
      deletionWindowInDays: args.deletionDays,
      policy: JSON.stringify(keyPolicy(args.location, args.logGroups)),
      tags: args.tags,
    },
    make.kept(),
  );
  new aws.kms.Alias(
    "key",
    { name: args.alias, targetKeyId: key.keyId },
    make.child({ deleteBeforeReplace: true }),
  );
  return key;
}

/** The account decides by IAM who uses the key; the log service is let in for the named log groups alone. */
export function keyPolicy(location: Location, logGroups: string): PolicyDocument<ResourcePolicyStatement> {
  return policyDocument<ResourcePolicyStatement>([
    {
      Sid: "AccountDecides",
      Effect: "Allow",
      Principal: { AWS: iamArn(location, "root") },
      Action: ["kms:*"],
      Resource: "*",
    },
    {
      Sid: "OwnLogs",
      Effect: "Allow",
      Principal: { Service: `logs.${location.region}.amazonaws.com` },
      Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
      Resource: "*",
      Condition: { ArnLike: { "kms:EncryptionContext:aws:logs:arn": logGroups } },
    },
  ]);
}
