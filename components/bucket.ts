import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { Making } from "./making.ts";
import { type PolicyDocument, policyDocument, type ResourcePolicyStatement } from "./policyDocument.ts";
import type { Tags } from "./tags.ts";

export interface BucketArgs {
  readonly bucketName: string;
  /** Whether it may be deleted with objects in it. */
  readonly forceDestroy: boolean;
  readonly tags: Tags;
  readonly kmsKeyArn: pulumi.Input<string>;
  /**
   * One key per bucket instead of one per object costs fewer KMS calls, but takes the object out of the encryption
   * context, by which tenants' use of the key is told apart: off for tenant data.
   */
  readonly bucketKey: boolean;
}

/** Old versions are an undo for mistakes, not an archive. */
const OLD_VERSION_DAYS = 90;
const ABANDONED_UPLOAD_DAYS = 7;

/** A bucket that is encrypted, versioned, private, and answers to TLS only. */
export function createBucket(
  make: Making,
  logicalName: string,
  { bucketName, forceDestroy, tags, kmsKeyArn, bucketKey }: BucketArgs,
): aws.s3.Bucket {
  const bucket = new aws.s3.Bucket(
    logicalName,
    { bucket: bucketName, forceDestroy, tags },
    make.kept({ deleteBeforeReplace: true }),
  );
  const ofBucket = make.child({ deleteBeforeReplace: true });
  const versioning = new aws.s3.BucketVersioning(
    logicalName,
    { bucket: bucket.id, versioningConfiguration: { status: "Enabled" } },
    ofBucket,
  );
  new aws.s3.BucketServerSideEncryptionConfiguration(
    logicalName,
    {
      bucket: bucket.id,
      rules: [
        {
          applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: kmsKeyArn },
          bucketKeyEnabled: bucketKey,
        },
      ],
    },
    ofBucket,
  );
  const block = new aws.s3.BucketPublicAccessBlock(
    logicalName,
    {
      bucket: bucket.id,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    ofBucket,
  );
  new aws.s3.BucketPolicy(
    logicalName,
    { bucket: bucket.id, policy: bucket.arn.apply((bucketArn) => JSON.stringify(tlsOnly(bucketArn))) },
    make.child({ dependsOn: block, deleteBeforeReplace: true }),
  );
  new aws.s3.BucketLifecycleConfiguration(
    logicalName,
    {
      bucket: bucket.id,
      rules: [
        {
          id: "tidy",
          status: "Enabled",
          filter: {},
          noncurrentVersionExpiration: { noncurrentDays: OLD_VERSION_DAYS },
          abortIncompleteMultipartUpload: { daysAfterInitiation: ABANDONED_UPLOAD_DAYS },
        },
      ],
    },
    make.child({ dependsOn: versioning, deleteBeforeReplace: true }),
  );
  return bucket;
}

function tlsOnly(bucketArn: string): PolicyDocument<ResourcePolicyStatement> {
  return policyDocument<ResourcePolicyStatement>([
    {
      Sid: "TlsOnly",
      Effect: "Deny",
      Principal: "*",
      Action: ["s3:*"],
      Resource: [bucketArn, `${bucketArn}/*`],
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
    {
      Sid: "RecentTlsOnly",
      Effect: "Deny",
      Principal: "*",
      Action: ["s3:*"],
      Resource: [bucketArn, `${bucketArn}/*`],
      Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } },
    },
  ]);
}
