import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { endedPermit, testPermit } from "../../test/cloud/testPermit.ts";
import type { CloudRuntime } from "./cloudRuntime.ts";
import { createLocalCloudRuntime } from "./localCloudRuntime.ts";
import type { Permit } from "./permit.ts";

/** A local cloud of which every change stands still until it is let go. */
let server: Server;
let cloud: CloudRuntime;
let changes: string[];
let letGo: (() => void)[];
let arrived: (() => void) | undefined;

const names = ["one", "three", "two"];
const listing = { objects: names.map((name) => ({ key: `t/${name}`, bytes: 1, sha256: "00" })) };

beforeEach(async () => {
  [changes, letGo] = [[], []];
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://local");
    if (pathname === "/v1/s3/objects") return void response.end(JSON.stringify(listing));
    changes.push(`${request.method} ${pathname} ${searchParams.get("key") ?? ""}`.trim());
    letGo.push(() => response.end("{}"));
    arrived?.();
    drained(request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  cloud = createLocalCloudRuntime({ controlUrl: async () => `http://127.0.0.1:${port}` });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const drained = (request: IncomingMessage) => void request.resume().on("error", () => undefined);

function firstChange(): Promise<void> {
  return new Promise((resolve) => {
    arrived = resolve;
  });
}

const place = { region: "eu-west-1", accountId: "123456789012" };
const data = { bucket: "data", prefix: "t/" };
const archive = { bucket: "archive", prefix: "a/" };

it.each<[string, (permit: Permit) => Promise<unknown>]>([
  ["deleting", (permit) => cloud.deleteObjects({ ...place, permit, ...data })],
  ["copying", (permit) => cloud.copyObjects({ ...place, permit, from: data, to: archive })],
])("goes no further with %s when its permit ends in the middle", async (_, work) => {
  const { permit, end } = testPermit();
  const first = firstChange();
  const working = work(permit);
  await first;
  end();
  // The answer that stood still is not waited for.
  await expect(working).rejects.toBe(endedPermit);
  expect(changes).toHaveLength(1);
});

it("sends nothing once the permit has ended, although no signal says so", async () => {
  const { permit, endSilently } = testPermit();
  const first = firstChange();
  const working = cloud.deleteObjects({ ...place, permit, ...data });
  await first;
  endSilently();
  letGo[0]?.();
  await expect(working).rejects.toBe(endedPermit);
  expect(changes).toEqual(["DELETE /v1/s3/object t/one"]);
  await expect(cloud.putSecretValue({ ...place, permit, secretId: "s", value: "v" })).rejects.toBe(
    endedPermit,
  );
  expect(changes).toHaveLength(1);
});

it("breaks an upload off at the end of its body, before the object is whole", async () => {
  const { permit, endSilently } = testPermit();
  const [begun, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let isWhole = false;
  server.removeAllListeners("request");
  server.on("request", (request, response) => {
    request.once("data", () => begun.resolve());
    request.on("end", () => {
      isWhole = true;
      response.end(JSON.stringify({ bytes: 4, sha256: "00" }));
    });
    request.on("error", () => undefined).on("close", () => over.resolve());
  });
  async function* body() {
    yield Buffer.from("rows");
    await begun.promise;
    endSilently();
  }
  const put = cloud.putObject({ ...place, permit, bucket: "archive", key: "a/rows", body: body() });
  await expect(put).rejects.toBe(endedPermit);
  await over.promise;
  expect(isWhole).toBe(false);
});
