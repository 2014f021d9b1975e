import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { createLocalCloudRuntime } from "./localCloudRuntime.ts";

it("says that a local cloud which cannot be started is out of reach for now", async () => {
  const cloud = createLocalCloudRuntime({ controlUrl: () => Promise.reject(new Error("the disk is full")) });
  await expect(cloud.listByTag({ region: "eu-west-1", tags: {} })).rejects.toMatchObject({
    code: "cloud_unreachable",
    retryable: true,
    message: expect.stringContaining("the disk is full"),
  });
});

it("asks that an object be new, and tells one that is there from other refusals", async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume().on("end", () => {
      response.writeHead(412, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ code: "object_exists", detail: "there is one" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const cloud = createLocalCloudRuntime({ controlUrl: async () => `http://127.0.0.1:${port}` });
  const object = { region: "eu-west-1", bucket: "trail", key: "one" };
  async function* body() {
    yield Buffer.from("text");
  }
  const refused = { code: "object_exists", retryable: false };
  await expect(cloud.putObject({ ...object, body: body(), onlyNew: true })).rejects.toMatchObject(refused);
  await expect(cloud.putObject({ ...object, body: body() })).rejects.toMatchObject(refused);
  server.close();
  const path = "PUT /v1/s3/object?bucket=trail&key=one";
  expect(asked).toEqual([`${path}&onlyNew=true`, path]);
});
