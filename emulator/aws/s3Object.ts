/** S3: objects and access points. */
import { createHash } from "node:crypto";
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType } from "../resourceType.ts";
import { flag, object, text } from "../values.ts";
import { needVpc } from "./ec2Network.ts";
import { api, given, identifiers } from "./objects.ts";
import { failure, rules, string } from "./rules.ts";
import { ACCESS_POINT, needBucket, OBJECT } from "./s3Bucket.ts";

/** Bytes of UTF-8. */
const KEY_BYTES = 1024;
const VERSIONING = "aws:s3/bucketVersioning:BucketVersioning";
const ACCESS_POINTS_PER_REGION = 10_000;

function body(inputs: Properties): Buffer {
  const base64 = text(inputs, "contentBase64");
  if (base64 !== undefined) return Buffer.from(base64, "base64");
  return Buffer.from(text(inputs, "content") ?? JSON.stringify(inputs.source ?? ""));
}

function keyRule(inputs: Properties) {
  const key = text(inputs, "key");
  if (key === undefined || Buffer.byteLength(key) <= KEY_BYTES) return undefined;
  return failure("key", "KeyTooLongError", "Your key is too long");
}

/** A bucket without versioning gives every object the same empty version. */
function stored(inputs: Properties, context: Context): Properties {
  const [versioning] = context.referrers(given(inputs, "bucket"), VERSIONING);
  const enabled =
    text(object(versioning?.properties ?? {}, "versioningConfiguration") ?? {}, "status") === "Enabled";
  return {
    etag: createHash("md5").update(body(inputs)).digest("hex"),
    versionId: enabled ? context.ids.mixed(32) : "",
  };
}

export const bucketObject: ResourceType = {
  token: OBJECT,
  api: api("S3", "Object", ["PutObject", "HeadObject", "PutObject", "DeleteObject"]),
  required: ["bucket"],
  computed: [
    "arn",
    "versionId",
    "checksumCrc32",
    "checksumCrc32c",
    "checksumCrc64nvme",
    "checksumSha1",
    "checksumSha256",
  ],
  computedOnUpdate: ["versionId"],
  replaceOn: ["bucket", "key"],
  writeOnly: ["content", "contentBase64", "source", "sourceHash", "forceDestroy"],
  taggable: true,
  autoName: { property: "key", maxLength: 1024 },
  check: rules(keyRule),
  defaults: () => ({ forceDestroy: false }),
  create(inputs, context) {
    const bucket = needBucket(context, given(inputs, "bucket"));
    const key = given(inputs, "key");
    return {
      id: `${bucket.id}/${key}`,
      properties: {
        arn: context.arn("s3", `${bucket.id}/${key}`, { region: "", account: "" }),
        bucketKeyEnabled: flag(inputs, "bucketKeyEnabled") ?? false,
        contentType: text(inputs, "contentType") ?? "application/octet-stream",
        serverSideEncryption: text(inputs, "serverSideEncryption") ?? "AES256",
        storageClass: text(inputs, "storageClass") ?? "STANDARD",
        ...stored(inputs, context),
      },
    };
  },
  references: (properties) => identifiers(properties, "bucket"),
  update: (inputs, _current, context) => ({ properties: stored(inputs, context) }),
};

export const accessPoint: ResourceType = {
  token: ACCESS_POINT,
  api: api("S3 Control", "Access Point", [
    "CreateAccessPoint",
    "GetAccessPoint",
    "PutAccessPointPolicy",
    "DeleteAccessPoint",
  ]),
  required: ["bucket"],
  computed: ["alias", "arn", "domainName", "endpoints", "hasPublicAccessPolicy", "networkOrigin"],
  replaceOn: [
    "accountId",
    "bucket",
    "bucketAccountId",
    "name",
    "publicAccessBlockConfiguration",
    "vpcConfiguration",
  ],
  json: ["policy"],
  taggable: true,
  autoName: { property: "name", maxLength: 50, lowerCase: true },
  check: rules(
    string("name", { code: "InvalidURI", min: 3, max: 50, pattern: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/ }),
  ),
  uniqueName: (inputs) => text(inputs, "name"),
  nameTaken: () =>
    new AwsError(
      "AccessPointAlreadyOwnedByYou",
      "Your previous request to create the named accesspoint succeeded and you already own it.",
      409,
    ),
  create(inputs, context) {
    const bucket = needBucket(context, given(inputs, "bucket"));
    const vpcId = text(object(inputs, "vpcConfiguration") ?? {}, "vpcId");
    if (vpcId !== undefined) needVpc(context, vpcId);
    if (context.count(ACCESS_POINT) >= ACCESS_POINTS_PER_REGION) {
      throw new AwsError(
        "TooManyAccessPoints",
        "You have attempted to create more access points than allowed",
      );
    }
    const name = given(inputs, "name");
    const endpoint = `s3-accesspoint.${context.region}.${context.dnsSuffix}`;
    return {
      id: `${context.account}:${name}`,
      properties: {
        accountId: context.account,
        alias: `${name.slice(0, 20)}-${context.ids.mixed(34).toLowerCase()}-s3alias`,
        arn: context.arn("s3", `accesspoint/${name}`),
        bucketAccountId: bucket.account,
        domainName: `${name}-${context.account}.${endpoint}`,
        endpoints: { ipv4: endpoint, dualstack: endpoint.replace("accesspoint.", "accesspoint.dualstack.") },
        hasPublicAccessPolicy: false,
        networkOrigin: vpcId === undefined ? "Internet" : "VPC",
      },
    };
  },
  references: (properties) => identifiers(properties, "bucket"),
};
