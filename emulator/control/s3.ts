import { z } from "zod";
import { BUCKET } from "../aws/s3Bucket.ts";
import type { Cloud } from "../context.ts";
import { ObjectExists, type ObjectFiles, ObjectTooLarge } from "../objectFiles.ts";
import { Problem } from "./problem.ts";
import { Content, type ControlRequest, type Routes, validated } from "./router.ts";

const DEFAULT_PAGE = 1_000;
const KEY_BYTES = 1_024;

const key = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= KEY_BYTES, `must have at most ${KEY_BYTES} bytes`);
const ObjectQuery = z.object({ bucket: z.string().min(1), key });
const ListQuery = z.object({
  bucket: z.string().min(1),
  prefix: z.string().default(""),
  after: z.string().default(""),
  limit: z.coerce.number().int().min(1).max(DEFAULT_PAGE).default(DEFAULT_PAGE),
});
const CopyRequest = z.strictObject({ from: ObjectQuery.strict(), to: ObjectQuery.strict() });

/** What is in buckets: put, read, listed, copied and removed one by one, as over S3's own protocol. */
export function s3Routes(cloud: Cloud, files: ObjectFiles): Routes {
  const found = (request: ControlRequest) => {
    const query = validated(Object.fromEntries(request.query), ObjectQuery);
    needBucket(cloud, query.bucket, request);
    return query;
  };
  return {
    "GET /v1/s3/objects": (request) => {
      const { bucket, prefix, after, limit } = validated(Object.fromEntries(request.query), ListQuery);
      needBucket(cloud, bucket, request);
      const rows = cloud.store.contents.objectsBelow(bucket, prefix, after, limit);
      const last = rows.length === limit ? rows.at(-1)?.key : undefined;
      const objects = rows.map(({ file: _file, ...object }) => object);
      return { objects, ...(last === undefined ? {} : { nextAfter: last }) };
    },
    "PUT /v1/s3/object": (request) => {
      const query = found(request);
      const onlyNew = request.query.get("onlyNew") === "true";
      return files.put(query.bucket, query.key, request.content, onlyNew).catch((thrown: unknown) => {
        if (thrown instanceof ObjectTooLarge) throw new Problem(413, "too_large", thrown.message);
        if (thrown instanceof ObjectExists) throw new Problem(412, "object_exists", thrown.message);
        throw thrown;
      });
    },
    "GET /v1/s3/object": (request) => {
      const query = found(request);
      const object = files.get(query.bucket, query.key);
      if (object === undefined) throw noObject(query.key);
      return new Content(object.stream, object.bytes);
    },
    "DELETE /v1/s3/object": (request) => {
      const query = found(request);
      files.remove(query.bucket, query.key);
    },
    "POST /v1/s3/copy": async (request) => {
      const { from, to } = await request.body(CopyRequest);
      needBucket(cloud, from.bucket, request);
      needBucket(cloud, to.bucket, request);
      if (!files.copy(from, to)) throw noObject(from.key);
      return { copied: true };
    },
  };
}

function noObject(key: string): Problem {
  return new Problem(404, "object_not_found", `Cannot find the object ${key}.`);
}

/** Names of buckets are taken in all accounts, so a name is enough; another account's is refused when one is given. */
function needBucket(cloud: Cloud, bucket: string, { query }: ControlRequest): void {
  const [found] = cloud.store.list({ type: BUCKET, called: bucket });
  if (found?.state !== "present") {
    throw new Problem(404, "bucket_not_found", `Cannot find the bucket ${bucket}.`);
  }
  const account = query.get("account");
  if (account !== null && account !== found.account) {
    throw new Problem(403, "access_denied", `Cannot use the bucket ${bucket}: it is another account's.`);
  }
}
