import { z } from "zod";
import {
  type CloudPlace,
  type CloudRuntime,
  CloudRuntimeError,
  type ObjectFacts,
  type ObjectsDigest,
  type PrefixQuery,
} from "./cloudRuntime.ts";
import type { LocalControl } from "./localControl.ts";
import { type DigestedObject, objectsDigest } from "./objectsDigest.ts";
import { assertFolder } from "./prefix.ts";

const MAX_OBJECTS = 1_000_000;
/** A PostgreSQL that starts for the first time makes its files. */
const START_TIMEOUT_MS = 60_000;

const Secret = z.object({ value: z.string().nullable() });
const Stored = z.object({ bytes: z.number(), sha256: z.string() });
const Listed = z.object({ key: z.string(), bytes: z.number(), sha256: z.string() });
const ObjectPage = z.object({ objects: z.array(Listed), nextAfter: z.string().optional() });
const Address = z.object({ host: z.string(), port: z.number() });

type DataCalls = Omit<CloudRuntime, "usage" | "serviceHealth" | "listByTag" | "restartServices">;

/** Secrets, objects and databases of the local cloud. */
export function localDataCalls(control: LocalControl): DataCalls {
  const list = (query: PrefixQuery) => listBelow(control, query);
  const digest = async (query: PrefixQuery): Promise<ObjectsDigest> => {
    const found = await list(query);
    return objectsDigest(found.map((object) => ({ ...object, key: object.key.slice(query.prefix.length) })));
  };
  return {
    async readSecret(query) {
      const { secretId: id, region, permit } = query;
      const question = { path: "/v1/secrets/value", query: { id, region, account: query.accountId }, permit };
      return (await control.ask(question, Secret)).value ?? undefined;
    },
    async putSecretValue({ secretId: id, region, accountId: account, permit, value }) {
      const path = "/v1/secrets/value";
      await control.ask(
        { method: "PUT", path, query: { id, region, account }, body: { value }, permit },
        z.undefined(),
      );
    },
    putObject({ body, onlyNew, ...object }) {
      const { query, ...question } = objectQuestion(object);
      const put = { ...question, query: { ...query, ...(onlyNew === true ? { onlyNew: "true" } : {}) } };
      return control.send(put, body, Stored);
    },
    getObject: (query) => control.open(objectQuestion(query)),
    async listObjects(query) {
      return (await list(query)).map(({ key, bytes }): ObjectFacts => ({ key, bytes }));
    },
    digestObjects: digest,
    async copyObjects({ from, to, ...place }) {
      assertFolder(to.prefix);
      const found = await list({ ...place, ...from });
      for (const { key } of found) {
        const target = { bucket: to.bucket, key: `${to.prefix}${key.slice(from.prefix.length)}` };
        const body = { from: { bucket: from.bucket, key }, to: target };
        const query = { account: place.accountId };
        const { permit } = place;
        await control.ask({ method: "POST", path: "/v1/s3/copy", query, body, permit }, z.unknown());
      }
      return objectsDigest(found.map((object) => ({ ...object, key: object.key.slice(from.prefix.length) })));
    },
    async deleteObjects(query) {
      const found = await list(query);
      for (const { key } of found) {
        const question = objectQuestion({ ...query, key });
        await control.ask({ ...question, method: "DELETE" }, z.undefined());
      }
      return { objects: found.length };
    },
    async databaseAddress({ clusterIdentifier, region, accountId: account, permit }) {
      const path = `/v1/rds/clusters/${encodeURIComponent(clusterIdentifier)}/start`;
      const timeoutMs = START_TIMEOUT_MS;
      const { host, port } = await control.ask(
        { method: "POST", path, query: { region, account }, timeoutMs, permit },
        Address,
      );
      return { host, port, tls: false };
    },
  };
}

function objectQuestion({
  bucket,
  key,
  accountId: account,
  permit,
}: CloudPlace & { readonly bucket: string; readonly key: string }) {
  return { path: "/v1/s3/object", query: { bucket, key, account }, permit };
}

async function listBelow(control: LocalControl, query: PrefixQuery): Promise<readonly DigestedObject[]> {
  const { bucket, prefix, accountId: account, permit } = query;
  assertFolder(prefix);
  const found: DigestedObject[] = [];
  for (let after: string | undefined = ""; after !== undefined; ) {
    const question = { path: "/v1/s3/objects", query: { bucket, prefix, after, account }, permit };
    const page: z.output<typeof ObjectPage> = await control.ask(question, ObjectPage);
    found.push(...page.objects);
    if (found.length > MAX_OBJECTS) throw tooMany(prefix);
    after = page.nextAfter;
  }
  return found;
}

function tooMany(prefix: string): CloudRuntimeError {
  const message = `Cannot list the objects below ${prefix}: there are more than ${MAX_OBJECTS}.`;
  return new CloudRuntimeError("too_many_results", message, { retryable: false });
}
