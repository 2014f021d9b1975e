import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, describe, expect, it } from "vitest";
import { s3Source } from "../../router/s3Source.ts";
import { acceptSnapshot } from "../../router/snapshot.ts";
import { type SnapshotSource, urlSource } from "../../router/source.ts";
import { createAwsCloudRuntime } from "../../service/cloud/awsCloudRuntime.ts";
import { bucketStore } from "../../service/routing/snapshotStore.ts";
import { startMoto } from "../cloud/motoServer.ts";
import { acceptance, snapshot } from "./snapshots.ts";

const REGION = "eu-west-1";
const credentials = { accessKeyId: "test", secretAccessKey: "test" };
const moto = await startMoto();

async function textOf(source: SnapshotSource): Promise<string> {
  const found = await source.read();
  if (found.kind !== "text") throw new Error(`expected a snapshot, got ${found.kind}`);
  return found.text;
}

if ("unavailable" in moto) {
  it("a snapshot in a bucket", ({ skip }) => skip(moto.unavailable));
} else {
  afterAll(() => moto.close());

  it("a snapshot in a bucket is read by the router as the service put it, and again only when it has changed", async () => {
    const s3 = new S3Client({ region: REGION, endpoint: moto.endpoint, credentials, forcePathStyle: true });
    const CreateBucketConfiguration = { LocationConstraint: REGION } as const;
    await s3.send(new CreateBucketCommand({ Bucket: "snapshots", CreateBucketConfiguration }));
    const place = { place: { region: REGION }, bucket: "snapshots", prefix: "routing/" };
    const store = bucketStore(createAwsCloudRuntime({ endpoint: moto.endpoint, credentials }), place);
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" });
    const location = { bucket: "snapshots", key: "routing/latest.json", region: REGION };
    const source = s3Source({ ...location, endpoint: moto.endpoint });

    const nowhere = s3Source({ ...location, bucket: "nobody-has-it", endpoint: moto.endpoint });
    await expect(nowhere.read()).rejects.toThrow();
    expect(await store.latest()).toBeUndefined();
    expect(await source.read()).toEqual({ kind: "none" });
    await store.put(snapshot(1, { acme: "live" }));
    const first = acceptSnapshot(await textOf(source), undefined, acceptance);
    expect(first.version).toBe(1);
    expect(await source.read()).toEqual({ kind: "same" });
    await store.put(snapshot(2, { acme: "suspended" }));
    const second = acceptSnapshot(await textOf(source), first, acceptance);
    expect(second.hosts.get("acme.example.com")?.state).toBe("suspended");
    expect(await store.latest()).toEqual(snapshot(2, { acme: "suspended" }));
  });
}

describe("a snapshot behind a URL", () => {
  it("is asked for with its ETag, and an error is no snapshot", async () => {
    const asked: (string | undefined)[] = [];
    let status = 200;
    const server = createServer((request, response) => {
      asked.push(request.headers["if-none-match"]);
      const unchanged = request.headers["if-none-match"] === '"1"';
      response.writeHead(unchanged ? 304 : status, { etag: '"1"' });
      response.end(unchanged ? undefined : JSON.stringify(snapshot(1, { acme: "live" })));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/latest.json`;
    const source = urlSource(url);
    expect(acceptSnapshot(await textOf(source), undefined, acceptance).version).toBe(1);
    expect(await source.read()).toEqual({ kind: "same" });
    expect(asked).toEqual([undefined, '"1"']);
    status = 404;
    expect(await urlSource(url).read()).toEqual({ kind: "none" });
    status = 503;
    await expect(urlSource(url).read()).rejects.toThrow(/must answer 200, got 503/);
    server.close();
    server.closeAllConnections();
  });
});
