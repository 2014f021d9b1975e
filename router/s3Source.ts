import { GetObjectCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { limits } from "./settings.ts";
import { type SnapshotSource, tooLarge } from "./source.ts";

export interface S3Location {
  readonly bucket: string;
  readonly key: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
}

const NOT_MODIFIED = 304;

/** With the task's own credentials. An unchanged object costs a conditional request and no body. */
export function s3Source({ bucket, key, region, endpoint }: S3Location): SnapshotSource {
  const client = new S3Client({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    maxAttempts: 2,
  });
  const name = `s3://${bucket}/${key}`;
  let etag: string | undefined;
  return {
    name,
    async read() {
      try {
        const answer = await client.send(
          new GetObjectCommand({
            Bucket: bucket,
            Key: key,
            ...(etag === undefined ? {} : { IfNoneMatch: etag }),
          }),
          { abortSignal: AbortSignal.timeout(limits.snapshotReadMs) },
        );
        if ((answer.ContentLength ?? 0) > limits.snapshotBytes) throw tooLarge(name);
        const text = (await answer.Body?.transformToString("utf8")) ?? "";
        etag = answer.ETag;
        return { kind: "text", text };
      } catch (thrown) {
        if (!(thrown instanceof S3ServiceException)) throw thrown;
        if (thrown.$metadata.httpStatusCode === NOT_MODIFIED) return { kind: "same" };
        // Told apart from a bucket that is not there, as the router may list what it may read.
        if (thrown.name === "NoSuchKey") {
          etag = undefined;
          return { kind: "none" };
        }
        throw thrown;
      }
    },
  };
}
