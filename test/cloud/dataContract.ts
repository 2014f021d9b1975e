import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CloudRuntime, ObjectFacts } from "../../service/cloud/cloudRuntime.ts";
import type { CloudWorld } from "./contract.ts";
import { endedPermit, testPermit } from "./testPermit.ts";

/** A world with two empty buckets, a secret without a value, a tenant's services and a database cluster. */
export interface DataWorld extends CloudWorld {
  readonly bucket: string;
  readonly archiveBucket: string;
  readonly emptySecret: string;
  readonly databaseCluster: string;
  /** What a place in the world's account is, beside the region. */
  readonly accountId: string;
}

const LARGE_BYTES = 40 * 1024 * 1024;
const TWO_PARTS_BYTES = 17 * 1024 * 1024;

/** What every CloudRuntime promises of secrets, objects, databases and restarts. */
export function describeCloudData(name: string, open: () => Promise<DataWorld>): void {
  describe(`CloudRuntime's data on ${name}`, () => {
    let world: DataWorld;
    let runtime: CloudRuntime;
    let place: { region: string; accountId: string };
    beforeAll(async () => {
      world = await open();
      ({ runtime } = world);
      place = { region: world.region, accountId: world.accountId };
    });
    afterAll(() => world?.close());

    const at = (key: string) => ({ ...place, bucket: world.bucket, key });
    const below = (prefix: string, bucket = world.bucket) => ({ ...place, bucket, prefix });
    const put = (key: string, ...parts: (string | Uint8Array)[]) =>
      runtime.putObject({ ...at(key), body: pieces(parts) });
    const read = async (key: string) => Buffer.concat(await collected(await runtime.getObject(at(key))));

    it("tells a secret without a value from one that is not there, and gives back what was put", async () => {
      const secretId = world.emptySecret;
      expect(await runtime.readSecret({ ...place, secretId })).toBeUndefined();
      for (const value of ["first ü", JSON.stringify({ password: "second" }), "third"]) {
        await runtime.putSecretValue({ ...place, secretId, value });
        expect(await runtime.readSecret({ ...place, secretId })).toBe(value);
      }
      const missing = { ...place, secretId: "no/such/secret" };
      await expect(runtime.readSecret(missing)).rejects.toMatchObject({ code: "secret_not_found" });
      const refused = await runtime
        .putSecretValue({ ...missing, value: "not for logs" })
        .catch((error) => error);
      expect(refused).toMatchObject({ code: "secret_not_found", retryable: false });
      expect(everything(refused)).not.toContain("not for logs");
    });

    it("never lists a secret's value", async () => {
      const listed = await runtime.listByTag({ ...place, tags: { "tenantry:tenant-id": world.tenantId } });
      expect(JSON.stringify(listed)).not.toContain("third");
    });

    it("stores an object whole, says its checksum, replaces it, and reads it back", async () => {
      const stored = await put("objects/größe + a%20b.txt", "one, ", "two");
      expect(stored).toEqual({ bytes: 8, sha256: sha256("one, two") });
      expect((await read("objects/größe + a%20b.txt")).toString()).toBe("one, two");
      await put("objects/größe + a%20b.txt", "three");
      expect((await read("objects/größe + a%20b.txt")).toString()).toBe("three");
      expect(await put("objects/empty")).toEqual({ bytes: 0, sha256: sha256("") });
      expect((await read("objects/empty")).length).toBe(0);
    });

    it("writes over nothing where it is asked not to", async () => {
      const once = (text: string | Uint8Array) =>
        runtime.putObject({ ...at(`once/${text.length}`), body: pieces([text]), onlyNew: true });
      expect(await once("first")).toEqual({ bytes: 5, sha256: sha256("first") });
      const refused = once("other");
      await expect(refused).rejects.toMatchObject({ code: "object_exists", retryable: false });
      expect((await read("once/5")).toString()).toBe("first");
      const large = randomBytes(TWO_PARTS_BYTES);
      await once(large);
      await expect(once(randomBytes(TWO_PARTS_BYTES))).rejects.toMatchObject({ code: "object_exists" });
      expect((await read(`once/${TWO_PARTS_BYTES}`)).equals(large)).toBe(true);
    });

    it("stores what is larger than one part", async () => {
      const part = randomBytes(1024 * 1024 + 7);
      const parts = Array.from({ length: Math.ceil(LARGE_BYTES / part.length) }, () => part);
      const whole = Buffer.concat(parts);
      expect(await put("large/one", ...parts)).toEqual({ bytes: whole.length, sha256: sha256(whole) });
      expect((await read("large/one")).equals(whole)).toBe(true);
      const { digest } = await runtime.digestObjects(below("large/"));
      const to = { bucket: world.archiveBucket, prefix: "large/" };
      const copied = await runtime.copyObjects({
        ...place,
        from: { bucket: world.bucket, prefix: "large/" },
        to,
      });
      expect(copied).toEqual({ objects: 1, bytes: whole.length, digest });
    });

    it("leaves nothing of an object whose source breaks, and passes the source's error on", async () => {
      const failure = Object.assign(new Error("the source broke"), { code: "database_unreachable" });
      async function* broken() {
        yield Buffer.from("half");
        throw failure;
      }
      const asked = runtime.putObject({ ...at("objects/broken"), body: broken() });
      await expect(asked).rejects.toBe(failure);
      await expect(runtime.getObject(at("objects/broken"))).rejects.toMatchObject({
        code: "object_not_found",
      });
    });

    it("lists all below a prefix by the bytes of the keys, and nothing beside it", async () => {
      const names = ["a", "a/b", "B", "é", "z", "10", "9"];
      for (const key of names) await put(`listed/${key}`, key);
      await put("listed-not/x", "x");
      const keys = keysOf(await runtime.listObjects(below("listed/")));
      const sorted = names.map((key) => Buffer.from(`listed/${key}`)).sort(Buffer.compare);
      expect(keys).toEqual(sorted.map(String));
      expect(await runtime.listObjects(below("nothing-here/"))).toEqual([]);
      const bytes = (await runtime.listObjects(below("listed/"))).reduce(
        (sum, object) => sum + object.bytes,
        0,
      );
      expect(bytes).toBe(Buffer.byteLength(names.join("")));
    });

    it("copies with a digest of the copies, the same again when repeated", async () => {
      await put("copied/one", "1");
      await put("copied/deep/t w+o", "2");
      const from = { bucket: world.bucket, prefix: "copied/" };
      const to = { bucket: world.archiveBucket, prefix: "archives/x/objects/" };
      const copied = await runtime.copyObjects({ ...place, from, to });
      expect(copied).toMatchObject({ objects: 2, bytes: 2 });
      expect(await runtime.copyObjects({ ...place, from, to })).toEqual(copied);
      expect(await runtime.digestObjects({ ...place, ...from })).toEqual(copied);
      expect(await runtime.digestObjects({ ...place, ...to })).toEqual(copied);
      await put("copied/one", "another 1");
      expect((await runtime.digestObjects({ ...place, ...from })).digest).not.toBe(copied.digest);
      expect(await runtime.digestObjects({ ...place, ...to })).toEqual(copied);
    });

    it("deletes all below a prefix and nothing beside it, as often as it is asked", async () => {
      await put("doomed/one", "1");
      await put("doomed/one", "2");
      await put("doomed/two", "3");
      await put("doomed-not/x", "4");
      expect(await runtime.deleteObjects(below("doomed/"))).toEqual({ objects: 2 });
      expect(await runtime.deleteObjects(below("doomed/"))).toEqual({ objects: 0 });
      expect(await runtime.listObjects(below("doomed/"))).toEqual([]);
      expect((await read("doomed-not/x")).toString()).toBe("4");
    });

    it.each(["", "/", "tenants", "/tenants/"])("refuses to work on everything below %j", async (prefix) => {
      await expect(runtime.deleteObjects(below(prefix))).rejects.toThrow("must end in a slash");
      const from = { bucket: world.bucket, prefix };
      const to = { bucket: world.archiveBucket, prefix: "x/" };
      await expect(runtime.copyObjects({ ...place, from, to })).rejects.toThrow("must end in a slash");
    });

    it("changes nothing once the permit that it works with has ended", async () => {
      await put("permitted/one", "1");
      const { permit, endSilently } = testPermit();
      endSilently();
      const over = { ...place, permit };
      const prefix = { bucket: world.bucket, prefix: "permitted/" };
      const to = { bucket: world.bucket, prefix: "permitted/copies/" };
      const { cluster, tenantId, emptySecret: secretId } = world;
      const before = await runtime.readSecret({ ...place, secretId });
      const changes = await Promise.allSettled([
        runtime.deleteObjects({ ...over, ...prefix }),
        runtime.copyObjects({ ...over, from: prefix, to }),
        runtime.putObject({ ...at("permitted/two"), permit, body: pieces(["2"]) }),
        runtime.putSecretValue({ ...over, secretId, value: "another" }),
        runtime.restartServices({ ...over, cluster, tenantId }),
      ]);
      const refused = { status: "rejected", reason: endedPermit };
      expect(changes).toEqual(changes.map(() => refused));
      expect(keysOf(await runtime.listObjects(below("permitted/")))).toEqual(["permitted/one"]);
      expect(await runtime.readSecret({ ...place, secretId })).toBe(before);
    });

    it.each([
      ["a small object", 10],
      ["an object of two parts", TWO_PARTS_BYTES],
    ])("leaves nothing of %s whose permit ends while it is written", async (_, bytes) => {
      const { permit, end } = testPermit();
      async function* body() {
        yield randomBytes(bytes);
        end();
        yield randomBytes(1);
      }
      const key = `permitted/broken-${bytes}`;
      await expect(runtime.putObject({ ...at(key), permit, body: body() })).rejects.toBe(endedPermit);
      await expect(runtime.getObject(at(key))).rejects.toMatchObject({ code: "object_not_found" });
    });

    it("says which object or bucket is missing", async () => {
      await expect(runtime.getObject(at("missing"))).rejects.toMatchObject({ code: "object_not_found" });
      const listed = runtime.listObjects(below("x/", "no-such-bucket-anywhere"));
      await expect(listed).rejects.toMatchObject({ code: "bucket_not_found", retryable: false });
    });

    it("restarts one tenant's services and nobody else's", async () => {
      const { cluster, tenantId } = world;
      expect(await runtime.restartServices({ ...place, cluster, tenantId })).toEqual({ services: 2 });
      const nobody = "3f0d3a52-0000-4000-8000-00000000ffff";
      expect(await runtime.restartServices({ ...place, cluster, tenantId: nobody })).toEqual({ services: 0 });
    });
  });
}

async function* pieces(parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function collected(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return parts;
}

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");
const keysOf = (objects: readonly ObjectFacts[]) => objects.map(({ key }) => key);

/** An error as a log would have it, with its causes. */
function everything(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return `${thrown.message} ${thrown.stack} ${JSON.stringify(thrown)} ${everything(thrown.cause)}`;
}
