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
import { brokenOff, type Permit, sending } from "./permit.ts";
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

type Place = Pick<ObjectQuery, "bucket" | "key" | "permit">;

export async function putObject(
  client: S3Client,
  { bucket, key, body, onlyNew = false, permit }: Omit<PutQuery, "region">,
): Promise<StoredObject> {
  const hash = createHash("sha256");
  const parts = inParts(body, (chunk) => hash.update(chunk));
  const first = await parts.next();
  const start = first.done === true ? Buffer.alloc(0) : first.value;
  const Bucket = bucket;
  const Key = key;
  if (start.length < PART_BYTES) {
    const whole = { Bucket, Key, Body: start, ChecksumAlgorithm: "SHA256" } as const;
    await client.send(new PutObjectCommand({ ...whole, ...conditionOf(onlyNew) }), sending(permit));
    return { bytes: start.length, sha256: hash.digest("hex") };
  }
  const bytes = await multipart(client, { bucket, key, onlyNew, permit }, async (UploadId) => {
    const done: CompletedPart[] = [];
    let size = 0;
    for (
      let Body: Buffer | undefined = start;
      Body !== undefined;
      Body = (await parts.next()).value ?? undefined
    ) {
      const PartNumber = done.length + 1;
      if (PartNumber > MAX_PARTS) throw tooLarge(key, MAX_PARTS * PART_BYTES);
      const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body });
      const { ETag } = await client.send(part, sending(permit));
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

/** A failed one leaves no parts behind, whether or not it may go on: nobody else knows its parts. */
async function multipart<T>(
  client: S3Client,
  { bucket, key, onlyNew = false, permit }: Place & { readonly onlyNew?: boolean },
  upload: (uploadId: string) => Promise<{ readonly done: CompletedPart[]; readonly result: T }>,
): Promise<T> {
  const Bucket = bucket;
  const Key = key;
  const begin = new CreateMultipartUploadCommand({ Bucket, Key });
  const { UploadId = "" } = await client.send(begin, sending(permit));
  try {
    const { done: Parts, result } = await upload(UploadId);
    await client.send(
      new CompleteMultipartUploadCommand({
        ...{ Bucket, Key, UploadId, MultipartUpload: { Parts } },
        ...conditionOf(onlyNew),
      }),
      sending(permit),
    );
    return result;
  } catch (thrown) {
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => undefined);
    throw thrown;
  }
}

export async function getObject(
  client: S3Client,
  { bucket, key, permit }: Place,
): Promise<AsyncIterable<Uint8Array>> {
  const get = new GetObjectCommand({ Bucket: bucket, Key: key });
  const { Body } = await client.send(get, sending(permit));
  // In Node the SDK gives a Readable, typed for browsers, too.
  return reading(key, (Body ?? []) as AsyncIterable<Uint8Array>, permit);
}

/** A connection that breaks in the middle is worth another try. */
async function* reading(
  key: string,
  body: AsyncIterable<Uint8Array>,
  permit: Permit | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) {
      permit?.check();
      yield chunk;
    }
  } catch (cause) {
    const message = `Cannot read the object ${key}: the connection broke`;
    brokenOff(permit, new CloudRuntimeError("cloud_unreachable", message, { retryable: true, cause }));
  }
}

export async function listObjects(
  client: S3Client,
  { bucket, prefix, permit }: Pick<PrefixQuery, "bucket" | "prefix" | "permit">,
): Promise<readonly ObjectFacts[]> {
  assertFolder(prefix);
  const found: ObjectFacts[] = [];
  const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix }, sending(permit));
  for await (const page of pages) {
    permit?.check();
    for (const { Key, Size = 0 } of page.Contents ?? [])
      if (Key !== undefined) found.push({ key: Key, bytes: Size });
    if (found.length > MAX_OBJECTS) throw tooMany(prefix);
  }
  return found.sort(byKey);
}

export async function digestObjects(client: S3Client, query: PrefixQuery): Promise<ObjectsDigest> {
  const { bucket, prefix, permit } = query;
  return eachObject(client, query, async ({ key, bytes }) => ({
    ...{ key: key.slice(prefix.length), bytes },
    sha256: await sha256Of(client, { bucket, key, permit }),
  }));
}

export async function copyObjects(client: S3Client, query: CopyQuery): Promise<ObjectsDigest> {
  const { from, to, permit } = query;
  assertFolder(to.prefix);
  return eachObject(client, { ...query, ...from }, async ({ key, bytes }) => {
    const name = key.slice(from.prefix.length);
    const target = { bucket: to.bucket, key: `${to.prefix}${name}`, permit };
    const sha256 = await copyObject(client, { bucket: from.bucket, key }, target, bytes);
    return { key: name, bytes, sha256 };
  });
}

/** When one fails no other begins, and none is under way any more when this rejects: the caller may undo it next. */
async function eachObject(
  client: S3Client,
  query: PrefixQuery,
  work: (object: ObjectFacts) => Promise<DigestedObject>,
): Promise<ObjectsDigest> {
  const limit = pLimit(CONCURRENCY);
  const failures: unknown[] = [];
  const done: DigestedObject[] = [];
  const one = async (object: ObjectFacts) => {
    if (failures.length > 0) return;
    await work(object).then(
      (digested) => done.push(digested),
      (thrown: unknown) => failures.push(thrown),
    );
  };
  const found = await listObjects(client, query);
  await Promise.all(found.map((object) => limit(() => one(object))));
  if (failures.length > 0) throw failures[0];
  return objectsDigest(done);
}

/** S3 computes the checksum of the copy; where it does not, the copy is read. */
async function copyObject(client: S3Client, from: Place, to: Place, bytes: number): Promise<string> {
  const { bucket: Bucket, key: Key, permit } = to;
  const CopySource = `${from.bucket}/${from.key.split("/").map(encodeURIComponent).join("/")}`;
  if (bytes <= COPY_BYTES) {
    const copy = new CopyObjectCommand({ Bucket, Key, CopySource, ChecksumAlgorithm: "SHA256" });
    const { CopyObjectResult: copied } = await client.send(copy, sending(permit));
    return wholeSha256(copied) ?? sha256Of(client, to);
  }
  await multipart(client, to, async (UploadId) => {
    const done: CompletedPart[] = [];
    for (let start = 0; start < bytes; start += COPY_PART_BYTES) {
      const PartNumber = done.length + 1;
      const CopySourceRange = `bytes=${start}-${Math.min(start + COPY_PART_BYTES, bytes) - 1}`;
      const part = { Bucket, Key, CopySource, CopySourceRange, UploadId, PartNumber };
      const { CopyPartResult } = await client.send(new UploadPartCopyCommand(part), sending(permit));
      done.push({ ETag: CopyPartResult?.ETag, PartNumber });
    }
    return { done, result: undefined };
  });
  return sha256Of(client, to);
}

async function sha256Of(client: S3Client, object: Place): Promise<string> {
  const { bucket, key, permit } = object;
  const look = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" });
  const head = await client.send(look, sending(permit));
  const known = wholeSha256(head);
  if (known !== undefined) return known;
  const hash = createHash("sha256");
  for await (const chunk of await getObject(client, object)) hash.update(chunk);
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
  { bucket, prefix, permit }: PrefixQuery,
): Promise<{ readonly objects: number }> {
  assertFolder(prefix);
  const deleted = new Set<string>();
  for (;;) {
    const list = new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, MaxKeys: DELETE_BATCH });
    const page = await client.send(list, sending(permit));
    for (const { Key } of page.Versions ?? []) if (Key !== undefined) deleted.add(Key);
    const versions = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    if (versions.length === 0) return { objects: deleted.size };
    const Objects = versions.map(({ Key, VersionId }) => ({ Key, VersionId }));
    const remove = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } });
    const { Errors = [] } = await client.send(remove, sending(permit));
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
