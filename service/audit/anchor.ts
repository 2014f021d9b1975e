import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { anchorNote, checkpointGet, checkpointsToAnchor } from "../../registry/auditCheckpointStore.ts";
import { checkpointLines } from "../../registry/auditExport.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";

/**
 * Writes each checkpoint with its heads outside of the registry: whoever can rewrite the registry should not be able to
 * rewrite this. A folder (of another machine), an S3 prefix (with object lock), or an address that takes PUT. Nothing that is
 * there is written over. What could not be written is tried again with the next.
 */
export interface AnchorStore {
  /** As it is told and listed; holds no password. */
  readonly place: string;
  put(name: string, text: string): Promise<void>;
}

export async function anchorCheckpoints(
  { registry, log, metrics }: Pick<ServiceContext, "registry" | "log" | "metrics">,
  store: AnchorStore,
): Promise<void> {
  const waiting = await registry.read((db) => checkpointsToAnchor(db, store.place));
  for (const number of waiting) {
    const lines = await registry.read(async (db) => {
      const { statement, keyId, signature } = await checkpointGet(db, number);
      return checkpointLines(db, { statement, keyId, signature });
    });
    if (lines === undefined) continue;
    try {
      await store.put(anchorName(number), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    } catch (thrown) {
      metrics.auditAnchorFailures.inc();
      log.error({ err: thrown, number, place: store.place }, "cannot write a checkpoint to its anchor");
      return;
    }
    await registry.record((record) => anchorNote(record, number, store.place));
  }
}

export function anchorName(number: number): string {
  return `audit-checkpoint-${String(number).padStart(9, "0")}.ndjson`;
}

/** `s3://bucket/prefix?region=…`, `https://…` or a folder. */
export function anchorStore(setting: string, { cloud }: Pick<ServiceContext, "cloud">): AnchorStore {
  if (setting.startsWith("s3://")) return bucketAnchor(new URL(setting), cloud);
  if (/^https?:\/\//.test(setting)) return addressAnchor(new URL(setting));
  return folderAnchor(setting);
}

function folderAnchor(folder: string): AnchorStore {
  return {
    place: folder,
    async put(name, text) {
      await mkdir(folder, { recursive: true });
      try {
        await writeFile(join(folder, name), text, { flag: "wx", flush: true });
      } catch (thrown) {
        // Written before a crash could note it; whether it is the same is for the one who verifies.
        if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
      }
    },
  };
}

function bucketAnchor(
  { hostname: bucket, pathname, searchParams }: URL,
  cloud: ServiceContext["cloud"],
): AnchorStore {
  const folder = pathname.replace(/^\/|\/$/g, "");
  const prefix = folder === "" ? "" : `${folder}/`;
  const accountId = searchParams.get("account");
  const place = {
    region: searchParams.get("region") ?? "us-east-1",
    ...(accountId === null ? {} : { accountId }),
  };
  return {
    place: `s3://${bucket}/${prefix}`,
    async put(name, text) {
      await cloud.putObject({ ...place, bucket, key: `${prefix}${name}`, body: once(Buffer.from(text)) });
    },
  };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

function addressAnchor(address: URL): AnchorStore {
  const { username, password } = address;
  const plain = new URL(address);
  plain.username = "";
  plain.password = "";
  const base = plain.href.replace(/\/?$/, "/");
  const secret = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString(
    "base64",
  );
  return {
    place: base,
    async put(name, text) {
      const response = await fetch(new URL(name, base), {
        method: "PUT",
        body: text,
        redirect: "error",
        signal: AbortSignal.timeout(limits.auditAnchorMs),
        headers: {
          "content-type": "application/x-ndjson",
          // Asks the server not to write over what is there.
          "if-none-match": "*",
          ...(username === "" ? {} : { authorization: `Basic ${secret}` }),
        },
      });
      await response.body?.cancel();
      // 412: it is there already.
      if (!response.ok && response.status !== 412) throw new Error(`the anchor answered ${response.status}`);
    },
  };
}
