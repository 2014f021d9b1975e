/** S3: buckets. Names are taken in all accounts; a bucket with objects goes only when forced. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { flag, text } from "../values.ts";
import { api, given, need } from "./objects.ts";
import { bucketZoneId } from "./regions.ts";
import { failure, rules } from "./rules.ts";

export const BUCKET = "aws:s3/bucket:Bucket";
export const OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2";
export const ACCESS_POINT = "aws:s3/accessPoint:AccessPoint";

const RESERVED = /^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/;

/** Why S3 refuses the name, or undefined. */
export function bucketNameFault(name: string): string | undefined {
  if (name.length < 3 || name.length > 63) return "The specified bucket is not valid.";
  if (!/^[a-z0-9][a-z0-9.-]*[a-z0-9]$/.test(name)) return "The specified bucket is not valid.";
  if (name.includes("..") || /^\d+\.\d+\.\d+\.\d+$/.test(name)) return "The specified bucket is not valid.";
  return RESERVED.test(name) ? "The specified bucket is not valid." : undefined;
}

function nameRule(inputs: Properties) {
  const name = text(inputs, "bucket");
  const fault = name === undefined ? undefined : bucketNameFault(name);
  return fault === undefined ? undefined : failure("bucket", "InvalidBucketName", fault);
}

/** Settings and objects name their bucket by its name; by its ARN, too, in some. */
export function needBucket(context: Context, name: string): StoredResource {
  const bare = name.replace(/^arn:[a-z-]+:s3:::/, "");
  return need(
    context.byId(BUCKET, bare),
    () => new AwsError("NoSuchBucket", "The specified bucket does not exist", 404),
  );
}

export const bucket: ResourceType = {
  token: BUCKET,
  api: api("S3", "Bucket", ["CreateBucket", "HeadBucket", "PutBucketTagging", "DeleteBucket"]),
  required: [],
  computed: [
    "arn",
    "bucketDomainName",
    "bucketRegion",
    "bucketRegionalDomainName",
    "hostedZoneId",
    "websiteDomain",
    "websiteEndpoint",
  ],
  replaceOn: ["bucket", "bucketPrefix", "bucketNamespace", "objectLockEnabled"],
  writeOnly: ["forceDestroy"],
  taggable: true,
  autoName: { property: "bucket", maxLength: 63, lowerCase: true },
  check: rules(nameRule),
  defaults: () => ({ forceDestroy: false }),
  uniqueName: (inputs) => text(inputs, "bucket"),
  uniqueIn: "global",
  nameTaken: (_name, holder, context) =>
    holder.account === context.account
      ? new AwsError(
          "BucketAlreadyOwnedByYou",
          "Your previous request to create the named bucket succeeded and you already own it.",
          409,
        )
      : new AwsError(
          "BucketAlreadyExists",
          "The requested bucket name is not available. The bucket namespace is shared by all users of the system. " +
            "Please select a different name and try again.",
          409,
        ),
  create(inputs, context) {
    const name = given(inputs, "bucket");
    return {
      id: name,
      properties: {
        arn: context.arn("s3", name, { region: "", account: "" }),
        bucketDomainName: `${name}.s3.${context.dnsSuffix}`,
        bucketRegion: context.region,
        bucketRegionalDomainName: `${name}.s3.${context.region}.${context.dnsSuffix}`,
        hostedZoneId: bucketZoneId(context.region),
        objectLockEnabled: flag(inputs, "objectLockEnabled") ?? false,
        requestPayer: "BucketOwner",
        websiteDomain: "",
        websiteEndpoint: "",
      },
    };
  },
  delete(current, context) {
    const force = flag(current.properties, "forceDestroy") === true;
    const isEmpty = context.referrers(current.id, OBJECT).length === 0 && !context.holdsObjects(current.id);
    if (!force && !isEmpty) {
      throw new AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409);
    }
    for (const dependent of context.referrers(current.id)) {
      if (dependent.type.startsWith("aws:s3/")) context.remove(dependent);
    }
    return undefined;
  },
};
