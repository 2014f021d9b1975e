/** S3: the settings of a bucket, each an object of its own that overwrites what the bucket had. */
import { AwsError } from "../awsError.ts";
import type { Context, Created, Properties, ResourceType } from "../resourceType.ts";
import { object, objects, text } from "../values.ts";
import { policyRule } from "./iamPolicy.ts";
import { api, given, identifiers } from "./objects.ts";
import { danglingPrincipals } from "./policyDocument.ts";
import { failure, type Rule, rules } from "./rules.ts";
import { needBucket } from "./s3Bucket.ts";

const BUCKET_POLICY_BYTES = 20_480;
const MALFORMED_XML =
  "The XML you provided was not well-formed or did not validate against our published schema";

interface Setting {
  readonly token: string;
  readonly noun: string;
  readonly operations: readonly [string, string, string, string];
  readonly required: readonly string[];
  readonly extra?: Partial<ResourceType>;
  refuse?(inputs: Properties, context: Context): void;
}

function setting(spec: Setting): ResourceType {
  const put = (inputs: Properties, context: Context): void => {
    needBucket(context, given(inputs, "bucket"));
    spec.refuse?.(inputs, context);
  };
  return {
    token: spec.token,
    api: api("S3", spec.noun, spec.operations),
    required: ["bucket", ...spec.required],
    computed: [],
    replaceOn: ["bucket"],
    taggable: false,
    create(inputs, context): Created {
      put(inputs, context);
      return { id: given(inputs, "bucket"), properties: {} };
    },
    update(inputs, _current, context) {
      put(inputs, context);
      return {};
    },
    references: (properties) => identifiers(properties, "bucket"),
    ...spec.extra,
  };
}

/** A member one or two levels down that takes some values only. */
function nested(path: readonly [string, string], code: string, values: readonly string[]): Rule {
  const [outer, inner] = path;
  return (inputs) => {
    const value = text(object(inputs, outer) ?? {}, inner);
    if (value === undefined || values.includes(value)) return undefined;
    return failure(`${outer}.${inner}`, code, MALFORMED_XML);
  };
}

export const bucketVersioning = setting({
  token: "aws:s3/bucketVersioning:BucketVersioning",
  noun: "Bucket Versioning",
  operations: ["PutBucketVersioning", "GetBucketVersioning", "PutBucketVersioning", "PutBucketVersioning"],
  required: ["versioningConfiguration"],
  extra: {
    replaceOn: ["bucket", "expectedBucketOwner"],
    writeOnly: ["mfa"],
    check: rules(
      nested(["versioningConfiguration", "status"], "MalformedXML", ["Enabled", "Suspended", "Disabled"]),
    ),
  },
});

const ENCRYPTIONS: readonly string[] = ["AES256", "aws:kms", "aws:kms:dsse"];

function encryptionRule(inputs: Properties) {
  const algorithms = objects(inputs, "rules").flatMap((rule) =>
    identifiers(object(rule, "applyServerSideEncryptionByDefault") ?? {}, "sseAlgorithm"),
  );
  const bad = algorithms.find((algorithm) => !ENCRYPTIONS.includes(algorithm));
  if (bad === undefined) return undefined;
  return failure("rules", "MalformedXML", MALFORMED_XML);
}

export const bucketServerSideEncryptionConfiguration = setting({
  token: "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
  noun: "Bucket Server-side Encryption Configuration",
  operations: ["PutBucketEncryption", "GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"],
  required: ["rules"],
  extra: { replaceOn: ["bucket", "expectedBucketOwner"], unordered: ["rules"], check: rules(encryptionRule) },
});

export const bucketPublicAccessBlock = setting({
  token: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
  noun: "Bucket Public Access Block",
  operations: [
    "PutPublicAccessBlock",
    "GetPublicAccessBlock",
    "PutPublicAccessBlock",
    "DeletePublicAccessBlock",
  ],
  required: [],
  extra: {
    writeOnly: ["skipDestroy"],
    defaults: () => ({
      blockPublicAcls: false,
      blockPublicPolicy: false,
      ignorePublicAcls: false,
      restrictPublicBuckets: false,
    }),
  },
});

export const bucketOwnershipControls = setting({
  token: "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
  noun: "Bucket Ownership Controls",
  operations: [
    "PutBucketOwnershipControls",
    "GetBucketOwnershipControls",
    "PutBucketOwnershipControls",
    "DeleteBucketOwnershipControls",
  ],
  required: ["rule"],
  extra: {
    check: rules(
      nested(["rule", "objectOwnership"], "MalformedXML", [
        "BucketOwnerPreferred",
        "ObjectWriter",
        "BucketOwnerEnforced",
      ]),
    ),
  },
});

export const bucketPolicy = setting({
  token: "aws:s3/bucketPolicy:BucketPolicy",
  noun: "Bucket Policy",
  operations: ["PutBucketPolicy", "GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"],
  required: ["policy"],
  extra: { json: ["policy"], check: rules(policyRule("policy", "resource", "MalformedPolicy")) },
  refuse(inputs, context) {
    const policy = given(inputs, "policy");
    if (Buffer.byteLength(policy) > BUCKET_POLICY_BYTES) {
      throw new AwsError("PolicyTooLarge", "Policy exceeds the maximum allowed document size.");
    }
    if (danglingPrincipals(policy, context).length > 0) {
      throw new AwsError("MalformedPolicy", "Invalid principal in policy");
    }
  },
});

function lifecycleRule(inputs: Properties) {
  const lifecycle = objects(inputs, "rules");
  const ids = lifecycle.map((rule) => text(rule, "id") ?? "").filter((id) => id !== "");
  if (new Set(ids).size < ids.length) {
    return failure(
      "rules",
      "InvalidArgument",
      "Rule ID must be unique. Found same ID for more than one rule",
    );
  }
  const bad = lifecycle.find((rule) => !["Enabled", "Disabled", undefined].includes(text(rule, "status")));
  return bad && failure("rules", "MalformedXML", MALFORMED_XML);
}

export const bucketLifecycleConfiguration = setting({
  token: "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
  noun: "Bucket Lifecycle Configuration",
  operations: [
    "PutBucketLifecycleConfiguration",
    "GetBucketLifecycleConfiguration",
    "PutBucketLifecycleConfiguration",
    "DeleteBucketLifecycle",
  ],
  required: [],
  extra: {
    replaceOn: ["bucket", "expectedBucketOwner"],
    check: rules(lifecycleRule),
    defaults: () => ({ transitionDefaultMinimumObjectSize: "all_storage_classes_128K" }),
  },
});
