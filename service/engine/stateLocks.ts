/**
 * The locks that Pulumi's own state backends keep: small JSON files beside the states, named by a random id, without expiry or
 * heartbeat. The CLI can only remove all of a stack's locks at once, and tells whose they are only by failing. Here they
 * are read one by one, so that just the lock of a process that is known to be dead is removed and nobody else's.
 * Known are `file://`, `postgres://` and `s3://`; of any other backend nothing is known, and the CLI has to do.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { Client } from "pg";
import type { StackTarget } from "./engine.ts";
import { EngineError } from "./errors.ts";

export interface StateLock {
  /** Names the lock to its backend. */
  readonly key: string;
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  /** ISO 8601. */
  readonly timestamp: string;
}

export interface StateLocks {
  list(target: StackTarget): Promise<readonly StateLock[]>;
  /** One that is gone already counts as removed. */
  remove(lock: StateLock): Promise<void>;
  /** Removes what CLIs that were killed while they wrote their lock have left: every later run would stumble over it. */
  removeTorn(target: StackTarget): Promise<void>;
}

const ANSWER_LIMIT_MS = 10_000;
const MOST_LOCKS = 100;
/** A lock that is being written in a folder gets its name at once, unless whoever writes it is dead. */
const TORN_AFTER_MS = 500;

/** Undefined when only the CLI can tell. */
export function stateLocks(backendUrl: string): StateLocks | undefined {
  const home = localHome(backendUrl);
  if (home !== undefined) return folderLocks(home);
  if (/^postgres(ql)?:\/\//.test(backendUrl)) return postgresLocks(backendUrl);
  return backendUrl.startsWith("s3://") ? bucketLocks(backendUrl) : undefined;
}

/** The folder of a `file://` backend, when nothing in its URL changes how it is used. */
export function localHome(backendUrl: string): string | undefined {
  const root = /^file:\/\/(\/[^?~]*)(\?metadata=skip)?$/.exec(backendUrl)?.[1];
  return root === undefined ? undefined : join(root, ".pulumi");
}

function prefixOf({ projectName, stackName }: StackTarget): string {
  return `locks/organization/${projectName}/${stackName}/`;
}

function folderOf(pathname: string): string {
  const folder = pathname.replace(/^\/+|\/+$/g, "");
  return folder === "" ? "" : `${folder}/`;
}

function parseLock(key: string, text: string): StateLock {
  return { ...(JSON.parse(text) as Omit<StateLock, "key">), key };
}

function folderLocks(home: string): StateLocks {
  return {
    async list(target) {
      const folder = join(home, prefixOf(target));
      const names: string[] = await readdir(folder).catch(() => []);
      const keys = names.filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
      const texts = await Promise.all(keys.map((key) => readFile(key, "utf8").catch(() => undefined)));
      // One that is gone since the listing was just released.
      return keys.flatMap((key, place) => {
        const text = texts[place];
        return text === undefined ? [] : [parseLock(key, text)];
      });
    },
    remove: ({ key }) => rm(key, { force: true }),
    async removeTorn(target) {
      const folder = join(home, prefixOf(target));
      const unnamed = async () =>
        (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".tmp"));
      const seen = new Set(await unnamed());
      if (seen.size === 0) return;
      await sleep(TORN_AFTER_MS);
      const torn = (await unnamed()).filter((name) => seen.has(name));
      await Promise.all(torn.map((name) => rm(join(folder, name), { force: true })));
    },
  };
}

/** There a lock is written as a whole or not at all. */
const WHOLE_OR_NOT = async () => {};

/** A table of keys and contents, as the CLI makes it: `data` is `{"data": <base64>}`. */
function postgresLocks(backendUrl: string): StateLocks {
  const url = new URL(backendUrl);
  const table = url.searchParams.get("table") ?? "pulumi_state";
  url.searchParams.delete("table");
  // The CLI takes the URL's path, which is the database's name, for a folder too.
  const root = folderOf(url.pathname);
  const ask = async <T>(question: (client: Client, quoted: string) => Promise<T>): Promise<T> => {
    const client = new Client({
      connectionString: url.href,
      connectionTimeoutMillis: ANSWER_LIMIT_MS,
      query_timeout: ANSWER_LIMIT_MS,
    });
    // When the connection breaks the question fails; unheard, the event would end the process.
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await question(client, client.escapeIdentifier(table));
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  return {
    list: (target) =>
      ask(async (client, quoted) => {
        const { rows } = await client.query<{ key: string; data: { data: string } }>(
          `select key, data from ${quoted} where starts_with(key, $1) limit ${MOST_LOCKS}`,
          [`${root}.pulumi/${prefixOf(target)}`],
        );
        return rows.map(({ key, data }) => parseLock(key, Buffer.from(data.data, "base64").toString()));
      }),
    remove: ({ key }) =>
      ask(async (client, quoted) => {
        await client.query(`delete from ${quoted} where key = $1`, [key]);
      }),
    removeTorn: WHOLE_OR_NOT,
  };
}

/** With the settings that the CLI takes from the URL; the credentials are the process's own, as the CLI's are. */
function bucketLocks(backendUrl: string): StateLocks {
  const { host: bucket, pathname, searchParams } = new URL(backendUrl);
  const root = folderOf(pathname);
  const region = searchParams.get("region");
  const endpoint = searchParams.get("endpoint");
  const forcePathStyle = ["s3ForcePathStyle", "use_path_style"].some(
    (name) => searchParams.get(name) === "true",
  );
  const client = () =>
    new S3Client({
      ...(region && { region }),
      ...(endpoint && { endpoint: /^https?:/.test(endpoint) ? endpoint : `https://${endpoint}` }),
      forcePathStyle,
      requestHandler: { requestTimeout: ANSWER_LIMIT_MS },
    });
  const ask = async <T>(question: (client: S3Client) => Promise<T>): Promise<T> => {
    const s3 = client();
    try {
      return await question(s3);
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      s3.destroy();
    }
  };
  return {
    list: (target) =>
      ask(async (s3) => {
        const Prefix = `${root}.pulumi/${prefixOf(target)}`;
        const listed = await s3.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix, MaxKeys: MOST_LOCKS }),
        );
        const keys = (listed.Contents ?? []).flatMap(({ Key }) => Key ?? []);
        const texts = await Promise.all(keys.map((key) => read(s3, bucket, key)));
        return keys.flatMap((key, place) => {
          const text = texts[place];
          return text === undefined ? [] : [parseLock(key, text)];
        });
      }),
    remove: ({ key }) =>
      ask(async (s3) => {
        await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      }),
    removeTorn: WHOLE_OR_NOT,
  };
}

async function read(s3: S3Client, bucket: string, key: string): Promise<string | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return await Body?.transformToString();
  } catch (thrown) {
    if ((thrown as Error).name === "NoSuchKey") return undefined;
    throw thrown;
  }
}

function unavailable(cause: unknown): EngineError {
  const why = cause instanceof Error ? cause.name : "no answer";
  return new EngineError(
    "state_unavailable",
    `Cannot look at the stack's locks: the state backend must answer, got ${why}. Try again later.`,
    { cause },
  );
}
