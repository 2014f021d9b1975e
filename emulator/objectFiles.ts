/** The contents of S3 objects, as files of the cloud's folder; which object is in which file the store knows. */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream, linkSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Store } from "./store/store.ts";

export interface ObjectFiles {
  /** There whole or not at all; with `onlyNew`, nothing that is there is written over. */
  put(
    bucket: string,
    key: string,
    body: AsyncIterable<Buffer>,
    onlyNew: boolean,
  ): Promise<{ bytes: number; sha256: string }>;
  get(bucket: string, key: string): { readonly bytes: number; readonly stream: Readable } | undefined;
  /** False when there is no such object. */
  copy(from: { bucket: string; key: string }, to: { bucket: string; key: string }): boolean;
  remove(bucket: string, key: string): void;
}

/** The cloud's folder is on somebody's own disk. */
const OBJECT_BYTES = 5 * 1024 ** 3;

export class ObjectTooLarge extends Error {
  constructor(key: string) {
    super(`Cannot store ${key}: an object must have at most ${OBJECT_BYTES} bytes in the local cloud.`);
  }
}

export class ObjectExists extends Error {
  constructor(key: string) {
    super(`Cannot store ${key}: there is an object with that key, and it must be new.`);
  }
}

/** Removes what a kill left half-written, and the files of buckets that are gone. */
export function openObjectFiles(folder: string, store: Store): ObjectFiles {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { contents } = store;
  for (const file of readdirSync(folder)) if (!contents.isFileInUse(file)) rmSync(join(folder, file));
  const forget = (file: string | undefined) => {
    if (file !== undefined) rmSync(join(folder, file), { force: true });
  };
  return {
    async put(bucket, key, body, onlyNew) {
      const file = randomUUID();
      const hash = createHash("sha256");
      let bytes = 0;
      async function* measured(): AsyncGenerator<Buffer> {
        for await (const chunk of body) {
          hash.update(chunk);
          bytes += chunk.length;
          if (bytes > OBJECT_BYTES) throw new ObjectTooLarge(key);
          yield chunk;
        }
      }
      let before: string | undefined;
      try {
        await pipeline(Readable.from(measured()), createWriteStream(join(folder, file), { mode: 0o600 }));
        const sha256 = hash.digest("hex");
        before = store.transaction(() => {
          // Looked at once it is whole: of two at the same time the later is refused.
          if (onlyNew && contents.object(bucket, key) !== undefined) throw new ObjectExists(key);
          return contents.setObject(bucket, { key, bytes, sha256, file });
        });
        return { bytes, sha256 };
      } catch (cause) {
        forget(file);
        throw cause;
      } finally {
        forget(before);
      }
    },
    get(bucket, key) {
      const found = contents.object(bucket, key);
      if (found === undefined) return undefined;
      return { bytes: found.bytes, stream: createReadStream(join(folder, found.file)) };
    },
    copy(from, to) {
      const found = contents.object(from.bucket, from.key);
      if (found === undefined) return false;
      const file = randomUUID();
      // A file is never written twice, so two objects can share one on the disk.
      linkSync(join(folder, found.file), join(folder, file));
      forget(store.transaction(() => contents.setObject(to.bucket, { ...found, key: to.key, file })));
      return true;
    },
    remove(bucket, key) {
      const found = contents.object(bucket, key);
      store.transaction(() => contents.removeObject(bucket, key));
      forget(found?.file);
    },
  };
}
