import { createReadStream } from "node:fs";
import { mkdir, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ServiceContext } from "../app/context.ts";
import { CloudRuntimeError } from "../cloud/cloudRuntime.ts";
import { limits } from "../config/limits.ts";

/**
 * Where checkpoints are kept outside: a folder (of another machine), an S3 prefix (with object lock), or an address that takes PUT.
 * Nothing that is there is written over. What is there and is the same was written before a crash could note it, or by
 * another process at the same time: it is done.
 */
export interface AnchorStore {
  /** As it is told and listed; holds no password. */
  readonly place: string;
  /** Throws AnchorConflict when something else is there with that name. */
  put(name: string, text: string): Promise<void>;
}

export class AnchorConflict extends Error {
  constructor(name: string, place: string) {
    super(
      `Cannot write ${name} to ${place}: there must be nothing, and there is something else. Find out who wrote it, and leave it there.`,
    );
    this.name = "AnchorConflict";
  }
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
      const file = join(folder, name);
      try {
        await writeNew(file, text);
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
        const found = await compared(createReadStream(file), text);
        if (found === "same") return;
        if (found === "other" || !(await isBeingWritten(file))) throw new AnchorConflict(name, folder);
        throw new Error(`${file} is half written`);
      }
    },
  };
}

/** Leaves nothing half written when there is no room. */
async function writeNew(file: string, text: string): Promise<void> {
  const handle = await open(file, "wx");
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (thrown) {
    await rm(file, { force: true });
    throw thrown;
  } finally {
    await handle.close();
  }
}

/** By another process. Else it was killed while it did, or somebody has put it there to stop what comes. */
async function isBeingWritten(file: string): Promise<boolean> {
  const { mtimeMs } = await stat(file);
  return Date.now() - mtimeMs < limits.auditAnchorMs;
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
  const address = `s3://${bucket}/${prefix}`;
  return {
    place: address,
    async put(name, text) {
      const object = { ...place, bucket, key: `${prefix}${name}` };
      try {
        await cloud.putObject({ ...object, body: once(Buffer.from(text)), onlyNew: true });
      } catch (thrown) {
        if (!(thrown instanceof CloudRuntimeError && thrown.code === "object_exists")) throw thrown;
        const found = await compared(await cloud.getObject(object), text);
        if (found !== "same") throw new AnchorConflict(name, address);
      }
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
  const secret = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  const authorization = username === "" ? {} : { authorization: `Basic ${secret.toString("base64")}` };
  const ask = (name: string, init: RequestInit, headers: Record<string, string> = {}) =>
    fetch(new URL(name, base), {
      ...init,
      redirect: "error",
      signal: AbortSignal.timeout(limits.auditAnchorMs),
      headers: { ...headers, ...authorization },
    });
  return {
    place: base,
    async put(name, text) {
      // Asks the server not to write over what is there.
      const headers = { "content-type": "application/x-ndjson", "if-none-match": "*" };
      const response = await ask(name, { method: "PUT", body: text }, headers);
      await response.body?.cancel();
      if (response.ok) return;
      if (response.status !== 412) throw new Error(`the anchor answered ${response.status}`);
      const there = await ask(name, { method: "GET" });
      if (WRITE_ONLY.has(there.status)) return void (await there.body?.cancel());
      if (!there.ok) {
        await there.body?.cancel();
        throw new Error(`the anchor has ${name} and answered ${there.status} when it was read`);
      }
      const found = await compared(there.body ?? [], text);
      if (found !== "same") throw new AnchorConflict(name, base);
    },
  };
}

/** From an address that lets nobody read, or nobody who writes: that it is there is all that can be known. */
const WRITE_ONLY: ReadonlySet<number> = new Set([401, 403, 404, 405]);

/** Reads no further than it is the same. */
async function compared(
  found: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  text: string,
): Promise<"same" | "beginning" | "other"> {
  const wanted = Buffer.from(text);
  let at = 0;
  for await (const part of found) {
    const end = at + part.length;
    if (!wanted.subarray(at, end).equals(part)) return "other";
    at = end;
  }
  return at === wanted.length ? "same" : "beginning";
}
