import { createHash } from "node:crypto";
import {
  type CloudRuntime,
  CloudRuntimeError,
  type ObjectsDigest,
} from "../../service/cloud/cloudRuntime.ts";
import { objectsDigest } from "../../service/cloud/objectsDigest.ts";
import type { Permit } from "../../service/cloud/permit.ts";
import type {
  DatabaseContents,
  DumpSink,
  DumpSource,
  TenantDatabases,
} from "../../service/database/tenantDatabases.ts";

/** One tenant's database in the fake world: its rows are one text. */
export interface FakeDatabase {
  cause: string;
  content: string;
  login: boolean;
}

/** What engine and stacks know nothing of: databases by tenant id, objects by `bucket/key`, secret values by name. */
export interface FakeData {
  readonly databases: Map<string, FakeDatabase>;
  readonly objects: Map<string, Buffer>;
  readonly secrets: Map<string, string>;
  /** Every call, as `method tenantId` or `method bucket/prefix`. */
  readonly calls: string[];
  /** Calls that no permit came with. */
  readonly unpermitted: string[];
  /** Called before each; throwing breaks the call. */
  onCall: ((call: string) => void) | undefined;
  /** Awaited before each object that is deleted or copied, and in the middle of a dump and a restore. */
  pace: ((call: string, permit: Permit | undefined) => Promise<void>) | undefined;
}

export function createFakeData(): FakeData {
  return {
    ...{ databases: new Map(), objects: new Map(), secrets: new Map(), calls: [], unpermitted: [] },
    ...{ onCall: undefined, pace: undefined },
  };
}

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

/** Like the real ones it asks the permit before it changes anything. The function returned does so again, at its pace. */
function called(data: FakeData, call: string, { permit }: { readonly permit?: Permit | undefined }) {
  permit?.check();
  data.calls.push(call);
  if (permit === undefined) data.unpermitted.push(call);
  data.onCall?.(call);
  return async () => {
    await data.pace?.(call, permit);
    permit?.check();
  };
}

export function fakeDatabases(data: FakeData): TenantDatabases {
  const contentsOf = (content: string): DatabaseContents => {
    const tables = content === "" ? [] : [{ name: "facts", rows: 1, sha256: sha256(content) }];
    return { tables, digest: sha256(JSON.stringify(tables)) };
  };
  const need = (tenantId: string): FakeDatabase => {
    const database = data.databases.get(tenantId);
    if (database === undefined) throw new Error(`there is no database of ${tenantId}`);
    return database;
  };
  return {
    async provision(place, { tenantId }, cause) {
      called(data, `provision ${tenantId}`, place);
      const known = data.databases.get(tenantId);
      const database = known ?? { cause, content: "", login: true };
      data.databases.set(tenantId, { ...database, login: true });
      const created = database.cause === cause;
      return { database: "tenants", schema: `tn_${tenantId}`, created, credentialsWritten: created };
    },
    async unprovision(place, { tenantId }, cause) {
      called(data, `unprovision ${tenantId}`, place);
      if (data.databases.get(tenantId)?.cause !== cause) return { dropped: [] };
      data.databases.delete(tenantId);
      return { dropped: ["schema"] };
    },
    async rotatePassword(place, { tenantId }) {
      called(data, `rotatePassword ${tenantId}`, place);
      return { role: `tn_${tenantId}` };
    },
    async setLogin(place, { tenantId }, allowed) {
      called(data, `setLogin ${tenantId}`, place);
      const database = data.databases.get(tenantId);
      if (database !== undefined) database.login = allowed;
    },
    async dump(place, { tenantId }, sink: DumpSink) {
      const goOn = called(data, `dump ${tenantId}`, place);
      const { content } = need(tenantId);
      await goOn();
      await sink.write("facts", pieces(Buffer.from(content)));
      return contentsOf(content);
    },
    async restore(place, { tenantId }, source: DumpSource) {
      const goOn = called(data, `restore ${tenantId}`, place);
      const content = (await joined(await source.read("facts"))).toString();
      await goOn();
      need(tenantId).content = content;
      return contentsOf(content);
    },
    async contents(_place, { tenantId }) {
      return contentsOf(need(tenantId).content);
    },
    async drop(place, { tenantId }) {
      called(data, `drop ${tenantId}`, place);
      return { dropped: data.databases.delete(tenantId) ? ["schema"] : [] };
    },
    async leftovers(_place, tenantId) {
      return data.databases.has(tenantId) ? ["schema"] : [];
    },
    async verifyDump(source: DumpSource) {
      return contentsOf((await joined(await source.read("facts"))).toString());
    },
  };
}

type DataCalls = Omit<CloudRuntime, "usage" | "serviceHealth" | "listByTag">;

export function fakeDataCalls(data: FakeData): DataCalls {
  const below = (bucket: string, prefix: string) =>
    [...data.objects].filter(([key]) => key.startsWith(`${bucket}/${prefix}`)).sort();
  const digest = (bucket: string, prefix: string): ObjectsDigest =>
    objectsDigest(
      below(bucket, prefix).map(([key, content]) => ({
        key: key.slice(bucket.length + 1 + prefix.length),
        bytes: content.length,
        sha256: sha256(content),
      })),
    );
  return {
    readSecret: async ({ secretId }) => data.secrets.get(secretId),
    putSecretValue: async ({ secretId, value }) => void data.secrets.set(secretId, value),
    async putObject({ bucket, key, body, onlyNew = false, permit }) {
      const content = await joined(body);
      permit?.check();
      if (onlyNew && data.objects.has(`${bucket}/${key}`))
        throw new CloudRuntimeError("object_exists", `there is a ${key}`, { retryable: false });
      data.objects.set(`${bucket}/${key}`, content);
      return { bytes: content.length, sha256: sha256(content) };
    },
    async getObject({ bucket, key }) {
      const content = data.objects.get(`${bucket}/${key}`);
      const refusal = { retryable: false };
      if (content === undefined) throw new CloudRuntimeError("object_not_found", `no ${key}`, refusal);
      return pieces(content);
    },
    listObjects: async ({ bucket, prefix }) =>
      below(bucket, prefix).map(([key, content]) => ({
        key: key.slice(bucket.length + 1),
        bytes: content.length,
      })),
    digestObjects: async ({ bucket, prefix }) => digest(bucket, prefix),
    async copyObjects({ from, to, ...place }) {
      const goOn = called(data, `copyObjects ${from.bucket}/${from.prefix}`, place);
      for (const [key, content] of below(from.bucket, from.prefix)) {
        await goOn();
        data.objects.set(
          `${to.bucket}/${to.prefix}${key.slice(from.bucket.length + 1 + from.prefix.length)}`,
          content,
        );
      }
      return digest(to.bucket, to.prefix);
    },
    async deleteObjects({ bucket, prefix, ...place }) {
      const goOn = called(data, `deleteObjects ${bucket}/${prefix}`, place);
      const found = below(bucket, prefix);
      for (const [key] of found) {
        await goOn();
        data.objects.delete(key);
      }
      return { objects: found.length };
    },
    databaseAddress: async ({ endpoint: host, port }) => ({ host, port, tls: false }),
    async restartServices({ tenantId, ...place }) {
      called(data, `restartServices ${tenantId}`, place);
      return { services: 5 };
    },
  };
}

async function* pieces(content: Buffer): AsyncGenerator<Uint8Array> {
  yield content;
}

async function joined(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}
