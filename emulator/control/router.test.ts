import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createRouter } from "./router.ts";

const router = createRouter({
  "GET /v1/things/:id": ({ parameters }) => ({ id: parameters.id }),
  "POST /v1/things": async (request) => request.body(z.strictObject({ size: z.number() })),
  "DELETE /v1/things/:id": () => undefined,
  "GET /v1/broken": () => {
    throw new Error("boom");
  },
});
const server = createServer(router);
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});

async function ask(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

describe("the control API's router", () => {
  it("routes by method and path and decodes parameters", async () => {
    expect(await ask("GET", "/v1/things/a%2Fb")).toEqual({ status: 200, body: { id: "a/b" } });
    expect(await ask("DELETE", "/v1/things/a")).toEqual({ status: 204, body: undefined });
  });

  it("answers what it cannot do with a problem", async () => {
    expect(await ask("GET", "/nothing")).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(await ask("PUT", "/v1/things/a")).toMatchObject({
      status: 405,
      body: { code: "method_not_allowed" },
    });
    expect(await ask("POST", "/v1/things", "{")).toMatchObject({ status: 400, body: { code: "bad_json" } });
    expect(await ask("POST", "/v1/things", '{"size":"x"}')).toMatchObject({
      status: 422,
      body: { code: "invalid", errors: [{ path: "size" }] },
    });
    expect(await ask("POST", "/v1/things", `"${"x".repeat(1_100_000)}"`)).toMatchObject({ status: 413 });
    expect(await ask("GET", "/v1/broken")).toMatchObject({ status: 500, body: { code: "internal" } });
  });

  it("does not obey web pages", async () => {
    const answer = await ask("GET", "/v1/things/a", undefined, { origin: "https://evil.example" });
    expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });
});
