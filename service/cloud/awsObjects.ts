import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import pLimit from "p-limit";
import {
  CloudRuntimeError,
  type CopyQuery,
  type ObjectFacts,
  type ObjectQuery,
  type ObjectsDigest,
  type PrefixQuery,
  type PutQuery,
  type StoredObject,
} from "./cloudRuntime.ts";
import { byKey, type DigestedObject, objectsDigest } from "./objectsDigest.ts";
import { assertFolder } from "./prefix.ts";

/** What one write holds in memory; S3 takes 10,000 parts, so an object may have 160 GB. */
const PART_BYTES = 16 * 1024 * 1024;
const MAX_PARTS = 10_000;
/** S3's own limit for copying in one call. */
const COPY_BYTES = 5 * 1024 ** 3;
const COPY_PART_BYTES = 1024 ** 3;
const CONCURRENCY = 8;
const MAX_OBJECTS = 1_000_000;
/** S3's own limit for one DeleteObjects call. */
const DELETE_BATCH = 1_000;

type Place = Pick<ObjectQuery, "bucket" | "key">;

export async function putObject(
  client: S3Client,
  { bucket, key, body, onlyNew = false }: Omit<PutQuery, "region">,
): Promise<StoredObject> {
  const hash = createHash("sha256");
  const parts = inParts(body, (chunk) => hash.update(chunk));
  const first = await parts.next();
  const start = first.done === true ? Buffer.alloc(0) : first.value;
  const Bucket = bucket;
  const Key = key;
  if (start.length < PART_BYTES) {
    const whole = { Bucket, Key, Body: start, ChecksumAlgorithm: "SHA256" } as const;
    await client.send(new PutObjectCommand({ ...whole, ...conditionOf(onlyNew) }));
    return { bytes: start.length, sha256: hash.digest("hex") };
  }
  const bytes = await multipart(client, { bucket, key, onlyNew }, async (UploadId) => {
    const done: CompletedPart[] = [];
    let size = 0;
    for (
      let Body: Buffer | undefined = start;
      Body !== undefined;
      Body = (await parts.next()).value ?? undefined
    ) {
      const PartNumber = done.length + 1;
      if (PartNumber > MAX_PARTS) throw tooLarge(key, MAX_PARTS * PART_BYTES);
      const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
      done.push({ ETag, PartNumber });
      size += Body.length;
    }
    return { done, result: size };
  });
  return { bytes, sha256: hash.digest("hex") };
}

function conditionOf(onlyNew: boolean): { readonly IfNoneMatch?: "*" } {
  return onlyNew ? { IfNoneMatch: "*" } : {};
}

/** Pieces of exactly PART_BYTES, and a last smaller one. */
async function* inParts(
  body: AsyncIterable<Uint8Array>,
  seen: (chunk: Uint8Array) => void,
): AsyncGenerator<Buffer, undefined> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    seen(chunk);
    for (let rest = chunk; rest.length > 0; ) {
      const piece = rest.subarray(0, PART_BYTES - bytes);
      rest = rest.subarray(piece.length);
      held.push(piece);
      bytes += piece.length;
      if (bytes < PART_BYTES) continue;
      yield Buffer.concat(held);
      held = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(held);
  return undefined;
}

/** A failed one leaves no parts behind. */
async function multipart<T>(
  client: S3Client,
  { bucket, key, onlyNew = false }: Place & { readonly onlyNew?: boolean },
  upload: (uploadId: string) => Promise<{ readonly done: CompletedPart[]; readonly result: T }>,
): Promise<T> {
  const Bucket = bucket;
  const Key = key;
  const { UploadId = "" } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  try {
    const { done: Parts, result } = await upload(UploadId);
    await client.send(
      new CompleteMultipartUploadCommand({
        ...{ Bucket, Key, UploadId, MultipartUpload: { Parts } },
        ...conditionOf(onlyNew),
      }),
    );
    return result;
  } catch (thrown) {
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => undefined);
    throw thrown;
  }
}

export async function getObject(
  client: S3Client,
  { bucket, key }: Place,
): Promise<AsyncIterable<Uint8Array>> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  // In Node the SDK gives a Readable, typed for browsers, too.
  return reading(key, (Body ?? []) as AsyncIterable<Uint8Array>);
}

/** A connection that breaks in the middle is worth another try. */
async function* reading(key: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    const message = `Cannot read the object ${key}: the connection broke`;
    throw new CloudRuntimeError("cloud_unreachable", message, { retryable: true, cause });
  }
}

export async function listObjects(
  client: S3Client,
  { bucket, prefix }: Pick<PrefixQuery, "bucket" | "prefix">,
): Promise<readonly ObjectFacts[]> {
  assertFolder(prefix);
  const found: ObjectFacts[] = [];
  for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
    for (const { Key, Size = 0 } of page.Contents ?? [])
      if (Key !== undefined) found.push({ key: Key, bytes: Size });
    if (found.length > MAX_OBJECTS) throw tooMany(prefix);
  }
  return found.sort(byKey);
}

export async function digestObjects(client: S3Client, query: PrefixQuery): Promise<ObjectsDigest> {
  const { bucket, prefix } = query;
  return eachObject(client, query, async ({ key, bytes }) => ({
    ...{ key: key.slice(prefix.length), bytes },
    sha256: await sha256Of(client, { bucket, key }),
  }));
}

export async function copyObjects(client: S3Client, query: CopyQuery): Promise<ObjectsDigest> {
  const { from, to } = query;
  assertFolder(to.prefix);
  return eachObject(client, { ...query, ...from }, async ({ key, bytes }) => {
    const name = key.slice(from.prefix.length);
    const target = { bucket: to.bucket, key: `${to.prefix}${name}` };
    const sha256 = await copyObject(client, { bucket: from.bucket, key }, target, bytes);
    return { key: name, bytes, sha256 };
  });
}

async function eachObject(
  client: S3Client,
  query: PrefixQuery,
  work: (object: ObjectFacts) => Promise<DigestedObject>,
): Promise<ObjectsDigest> {
  const limit = pLimit(CONCURRENCY);
  const found = await listObjects(client, query);
  return objectsDigest(await Promise.all(found.map((object) => limit(() => work(object)))));
}

/** S3 computes the checksum of the copy; where it does not, the copy is read. */
async function copyObject(client: S3Client, from: Place, to: Place, bytes: number): Promise<string> {
  const Bucket = to.bucket;
  const Key = to.key;
  const CopySource = `${from.bucket}/${from.key.split("/").map(encodeURIComponent).join("/")}`;
  if (bytes <= COPY_BYTES) {
    const { CopyObjectResult: copied } = await client.send(
      new CopyObjectCommand({ Bucket, Key, CopySource, ChecksumAlgorithm: "SHA256" }),
    );
    return wholeSha256(copied) ?? sha256Of(client, to);
  }
  await multipart(client, to, async (UploadId) => {
    const done: CompletedPart[] = [];
    for (let start = 0; start < bytes; start += COPY_PART_BYTES) {
      const PartNumber = done.length + 1;
      const CopySourceRange = `bytes=${start}-${Math.min(start + COPY_PART_BYTES, bytes) - 1}`;
      const part = { Bucket, Key, CopySource, CopySourceRange, UploadId, PartNumber };
      const { CopyPartResult } = await client.send(new UploadPartCopyCommand(part));
      done.push({ ETag: CopyPartResult?.ETag, PartNumber });
    }
    return { done, result: undefined };
  });
  return sha256Of(client, to);
}

async function sha256Of(client: S3Client, { bucket, key }: Place): Promise<string> {
  const head = await client.send(
    new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" }),
  );
  const known = wholeSha256(head);
  if (known !== undefined) return known;
  const hash = createHash("sha256");
  for await (const chunk of await getObject(client, { bucket, key })) hash.update(chunk);
  return hash.digest("hex");
}

interface Checksums {
  readonly ChecksumSHA256?: string | undefined;
  readonly ChecksumType?: string | undefined;
}

/** Of an object written in parts S3 only knows a checksum of the parts' checksums: `…-<parts>`. */
function wholeSha256(checksums: Checksums | undefined): string | undefined {
  const { ChecksumSHA256: sha256, ChecksumType } = checksums ?? {};
  if (sha256 === undefined || sha256.includes("-") || ChecksumType === "COMPOSITE") return undefined;
  return Buffer.from(sha256, "base64").toString("hex");
}

export async function deleteObjects(
  client: S3Client,
  { bucket, prefix }: PrefixQuery,
): Promise<{ readonly objects: number }> {
  assertFolder(prefix);
  const deleted = new Set<string>();
  for (;;) {
    const page = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, MaxKeys: DELETE_BATCH }),
    );
    for (const { Key } of page.Versions ?? []) if (Key !== undefined) deleted.add(Key);
    const versions = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    if (versions.length === 0) return { objects: deleted.size };
    const Objects = versions.map(({ Key, VersionId }) => ({ Key, VersionId }));
    const { Errors = [] } = await client.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
    );
    const [refused] = Errors;
    if (refused === undefined) continue;
    const message = `S3 refused to delete ${refused.Key}: ${refused.Code}: ${refused.Message}`;
    throw new CloudRuntimeError("cloud_refused", message, { retryable: refused.Code === "InternalError" });
  }
}

function tooLarge(key: string, bytes: number): CloudRuntimeError {
  const message = `Cannot write the object ${key}: it must have at most ${bytes} bytes`;
  return new CloudRuntimeError("cloud_refused", message, { retryable: false });
}

function tooMany(prefix: string): CloudRuntimeError {
  const message = `Cannot list the objects below ${prefix}: there are more than ${MAX_OBJECTS}.`;
  return new CloudRuntimeError("too_many_results", message, { retryable: false });
}
