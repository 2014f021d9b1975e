/** S3: buckets, their settings, objects, access points. */
import type { Case, Step } from "../case.ts";
import { asSetup, on } from "../case.ts";

const bucket = on("aws:s3/bucket:Bucket");
const versioning = on("aws:s3/bucketVersioning:BucketVersioning");
const encryption = on(
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
);
const publicAccess = on("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock");
const ownership = on("aws:s3/bucketOwnershipControls:BucketOwnershipControls");
const policy = on("aws:s3/bucketPolicy:BucketPolicy");
const lifecycle = on("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration");
const object = on("aws:s3/bucketObjectv2:BucketObjectv2");
const accessPoint = on("aws:s3/accessPoint:AccessPoint");

const IN_IRELAND = { CreateBucketConfiguration: { LocationConstraint: "eu-west-1" } };

const data = bucket.create(
  "data",
  { bucket: "tenantry-data" },
  [
    ["s3", "create_bucket", { Bucket: "tenantry-data", ...IN_IRELAND }],
    ["s3", "get_bucket_location", { Bucket: "tenantry-data" }],
    ["s3", "list_buckets", {}],
  ],
  {
    id: "Buckets.0.Name",
    arn: "Buckets.0.BucketArn",
    bucketRegion: "LocationConstraint",
  },
);

const named = (step: string, name: string): Step =>
  bucket.create(step, { bucket: name }, [["s3", "create_bucket", { Bucket: name, ...IN_IRELAND }]]);

const buckets: Case = {
  name: "buckets",
  steps: [
    data,
    named("bucketTwice", "tenantry-data"),
    named("shortName", "ab"),
    named("longName", "a".repeat(64)),
    named("upperName", "Tenantry"),
    named("underscoreName", "a_b_c"),
    named("addressName", "10.0.0.1"),
    named("dotsName", "a..b"),
    object.create(
      "object",
      { bucket: "tenantry-data", key: "a/b.txt", content: "hello" },
      [
        ["s3", "put_object", { Bucket: "tenantry-data", Key: "a/b.txt", Body: "hello" }],
        ["s3", "head_object", { Bucket: "tenantry-data", Key: "a/b.txt" }],
      ],
      {
        etag: "ETag",
        serverSideEncryption: "ServerSideEncryption",
        contentType: "ContentType",
        versionId: "VersionId",
      },
    ),
    object.create("objectNoBucket", { bucket: "tenantry-lost", key: "a", content: "x" }, [
      ["s3", "put_object", { Bucket: "tenantry-lost", Key: "a", Body: "x" }],
    ]),
    object.create("objectLongKey", { bucket: "tenantry-data", key: "k".repeat(1025), content: "x" }, [
      ["s3", "put_object", { Bucket: "tenantry-data", Key: "k".repeat(1025), Body: "x" }],
      // Moto takes it; the bucket must get empty again.
      ["s3", "delete_object", { Bucket: "tenantry-data", Key: "k".repeat(1025) }],
    ]),
    bucket.delete("bucketNotEmpty", "data", [["s3", "delete_bucket", { Bucket: "tenantry-data" }]]),
    object.delete("objectGone", "object", [
      ["s3", "delete_object", { Bucket: "tenantry-data", Key: "a/b.txt" }],
    ]),
    bucket.delete("bucketGone", "data", [["s3", "delete_bucket", { Bucket: "tenantry-data" }]]),
    named("bucketAgain", "tenantry-data"),
  ],
};

const open = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:*", Resource: "arn:aws:s3:::tenantry-data/*" }],
});

const settings: Case = {
  name: "bucket settings",
  steps: [
    asSetup(data),
    ...["tenantry-data", "tenantry-lost"].flatMap((name) => settingsOf(name)),
    versioning.create(
      "badVersioning",
      { bucket: "tenantry-data", versioningConfiguration: { status: "On" } },
      [
        [
          "s3",
          "put_bucket_versioning",
          { Bucket: "tenantry-data", VersioningConfiguration: { Status: "On" } },
        ],
      ],
    ),
    policy.create("badPolicy", { bucket: "tenantry-data", policy: "{" }, [
      ["s3", "put_bucket_policy", { Bucket: "tenantry-data", Policy: "{" }],
    ]),
    ownership.create("badOwnership", { bucket: "tenantry-data", rule: { objectOwnership: "Nobody" } }, [
      [
        "s3",
        "put_bucket_ownership_controls",
        { Bucket: "tenantry-data", OwnershipControls: { Rules: [{ ObjectOwnership: "Nobody" }] } },
      ],
    ]),
  ],
};

/** Every setting put and read back on a bucket; all are refused when there is none. */
function settingsOf(name: string): readonly Step[] {
  const at = name === "tenantry-data" ? "" : "NoBucket";
  return [
    versioning.create(
      `versioning${at}`,
      { bucket: name, versioningConfiguration: { status: "Enabled" } },
      [
        ["s3", "put_bucket_versioning", { Bucket: name, VersioningConfiguration: { Status: "Enabled" } }],
        ["s3", "get_bucket_versioning", { Bucket: name }],
      ],
      { "versioningConfiguration.status": "Status" },
    ),
    encryption.create(
      `encryption${at}`,
      { bucket: name, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
      [
        [
          "s3",
          "put_bucket_encryption",
          {
            Bucket: name,
            ServerSideEncryptionConfiguration: {
              Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
            },
          },
        ],
        ["s3", "get_bucket_encryption", { Bucket: name }],
      ],
      {
        "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm":
          "ServerSideEncryptionConfiguration.Rules.0.ApplyServerSideEncryptionByDefault.SSEAlgorithm",
      },
    ),
    publicAccess.create(
      `publicAccess${at}`,
      { bucket: name, blockPublicAcls: true },
      [
        [
          "s3",
          "put_public_access_block",
          { Bucket: name, PublicAccessBlockConfiguration: { BlockPublicAcls: true } },
        ],
        ["s3", "get_public_access_block", { Bucket: name }],
      ],
      {
        blockPublicAcls: "PublicAccessBlockConfiguration.BlockPublicAcls",
        blockPublicPolicy: "PublicAccessBlockConfiguration.BlockPublicPolicy",
        ignorePublicAcls: "PublicAccessBlockConfiguration.IgnorePublicAcls",
        restrictPublicBuckets: "PublicAccessBlockConfiguration.RestrictPublicBuckets",
      },
    ),
    ownership.create(
      `ownership${at}`,
      { bucket: name, rule: { objectOwnership: "BucketOwnerEnforced" } },
      [
        [
          "s3",
          "put_bucket_ownership_controls",
          {
            Bucket: name,
            OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
          },
        ],
        ["s3", "get_bucket_ownership_controls", { Bucket: name }],
      ],
      { "rule.objectOwnership": "OwnershipControls.Rules.0.ObjectOwnership" },
    ),
    policy.create(
      `policy${at}`,
      { bucket: name, policy: open },
      [
        ["s3", "put_bucket_policy", { Bucket: name, Policy: open }],
        ["s3", "get_bucket_policy", { Bucket: name }],
      ],
      { policy: "Policy" },
    ),
    lifecycle.create(
      `lifecycle${at}`,
      {
        bucket: name,
        rules: [{ id: "old", status: "Enabled", filter: { prefix: "" }, expiration: { days: 7 } }],
      },
      [
        [
          "s3",
          "put_bucket_lifecycle_configuration",
          {
            Bucket: name,
            LifecycleConfiguration: {
              Rules: [{ ID: "old", Status: "Enabled", Filter: { Prefix: "" }, Expiration: { Days: 7 } }],
            },
          },
        ],
        ["s3", "get_bucket_lifecycle_configuration", { Bucket: name }],
      ],
      { "rules.0.id": "Rules.0.ID", "rules.0.expiration.days": "Rules.0.Expiration.Days" },
    ),
  ];
}

const own = { AccountId: "123456789012" };

const accessPoints: Case = {
  name: "access points",
  steps: [
    asSetup(data),
    accessPoint.create(
      "point",
      { name: "tenant-a", bucket: "tenantry-data" },
      [
        ["s3control", "create_access_point", { ...own, Name: "tenant-a", Bucket: "tenantry-data" }],
        ["s3control", "get_access_point", { ...own, Name: "tenant-a" }],
      ],
      {
        arn: "AccessPointArn",
        alias: "Alias",
        networkOrigin: "NetworkOrigin",
        "endpoints.ipv4": "Endpoints.ipv4",
      },
    ),
    accessPoint.create("pointTwice", { name: "tenant-a", bucket: "tenantry-data" }, [
      ["s3control", "create_access_point", { ...own, Name: "tenant-a", Bucket: "tenantry-data" }],
    ]),
    accessPoint.create("pointNoBucket", { name: "tenant-b", bucket: "tenantry-lost" }, [
      ["s3control", "create_access_point", { ...own, Name: "tenant-b", Bucket: "tenantry-lost" }],
    ]),
    accessPoint.create("pointLongName", { name: "a".repeat(51), bucket: "tenantry-data" }, [
      ["s3control", "create_access_point", { ...own, Name: "a".repeat(51), Bucket: "tenantry-data" }],
    ]),
  ],
};

export const storageCases: readonly Case[] = [buckets, settings, accessPoints];
