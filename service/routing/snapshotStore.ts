import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RoutingSnapshot, routingSnapshotSchema } from "../../contract/routingSnapshot.ts";
import { type CloudPlace, type CloudRuntime, CloudRuntimeError } from "../cloud/cloudRuntime.ts";

/** Where a plane's router reads its snapshot from. */
export interface SnapshotStore {
  /** All or nothing: a reader sees the old snapshot or the new one. */
  put(snapshot: RoutingSnapshot): Promise<void>;
  /** Undefined when there is none, or none that can be read. */
  latest(): Promise<RoutingSnapshot | undefined>;
}

export const LATEST = "latest.json";

export function snapshotFolder(dataDir: string, planeName: string): string {
  return join(dataDir, "snapshots", planeName);
}

/** A folder that the router sees too: on one machine, or on a shared file system. */
export function folderStore(folder: string): SnapshotStore {
  const file = join(folder, LATEST);
  return {
    async put(snapshot) {
      await mkdir(folder, { recursive: true });
      // Two operations may write the same version at once.
      const draft = `${file}.${randomUUID()}`;
      await writeFile(draft, snapshotBytes(snapshot));
      await rename(draft, file);
    },
    async latest() {
      try {
        return readSnapshot(await readFile(file, "utf8"));
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw thrown;
      }
    },
  };
}

export interface BucketLocation {
  readonly place: CloudPlace;
  readonly bucket: string;
  readonly prefix: string;
}

/** The plane's snapshot bucket, which keeps older versions of the object by itself. */
export function bucketStore(cloud: CloudRuntime, { place, bucket, prefix }: BucketLocation): SnapshotStore {
  const object = { ...place, bucket, key: `${prefix}${LATEST}` };
  return {
    async put(snapshot) {
      await cloud.putObject({ ...object, body: once(Buffer.from(snapshotBytes(snapshot))) });
    },
    async latest() {
      try {
        const parts: Uint8Array[] = [];
        for await (const part of await cloud.getObject(object)) parts.push(part);
        return readSnapshot(Buffer.concat(parts).toString("utf8"));
      } catch (thrown) {
        if (thrown instanceof CloudRuntimeError && thrown.code === "object_not_found") return undefined;
        throw thrown;
      }
    },
  };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

export function snapshotBytes(snapshot: RoutingSnapshot): string {
  return `${JSON.stringify(snapshot)}\n`;
}

export function readSnapshot(text: string): RoutingSnapshot | undefined {
  try {
    return routingSnapshotSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
