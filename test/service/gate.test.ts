import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { healthGateSchema } from "../../contract/rolloutStrategy.ts";
import type { Target } from "../../contract/target.ts";
import { readSettings } from "../../service/config.ts";
import { filled, numberIn, whyUnwell } from "../../service/rollout/gate/gate.ts";
import { askGate, isPrivate } from "../../service/rollout/gate/gateHttp.ts";
import { createFakeWorld } from "./fakes.ts";

let server: Server;
let origin = "";
const asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    if (pathname === "/slow") return;
    if (pathname === "/away") return void response.writeHead(302, { location: `${origin}/well` }).end();
    if (pathname === "/long") return void response.end("x".repeat(200_000));
    if (pathname === "/metric") {
      const value = searchParams.get("query")?.includes("bad") ? "7" : "0.5";
      const result = [{ metric: {}, value: [1, value] }];
      return void response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
    }
    response.statusCode = pathname.startsWith("/well") ? 200 : 503;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const target = {
  tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11",
  planeName: "dev-eu-west-1",
  region: "eu-west-1",
  environment: "dev",
  publicName: "acme.dev.example",
  serviceNamespace: null,
  clusterName: null,
} as Target;

function unwell(gate: object, hosts = "127.0.0.1") {
  const settings = readSettings(["--gate-hosts", hosts], {});
  const { cloud } = createFakeWorld();
  const service = { cloud, settings, registry: undefined as never };
  return whyUnwell(service, target, { slug: "acme" }, healthGateSchema.parse({ cloud: false, ...gate }));
}

describe("a health gate", () => {
  it("asks with the tenant's own fields and holds the answer against what is expected", async () => {
    expect(await unwell({ http: { url: `${origin}/well/{slug}?t={tenantId}` } })).toBeUndefined();
    expect(asked.at(-1)).toBe(`/well/acme?t=${target.tenantId}`);
    expect(await unwell({ http: { url: `${origin}/ill` } })).toContain("must answer 200, got 503");
    expect(await unwell({ http: { url: `${origin}/ill`, expectStatus: 503 } })).toBeUndefined();
    expect(await unwell({ http: { url: `${origin}/well`, expectText: "green" } })).toContain(
      "the text expected",
    );
    expect(await unwell({ http: { url: "https://[none" } })).toContain("cannot be read");
  });

  it("follows no redirect and waits and reads no longer than its bounds", async () => {
    expect(await unwell({ http: { url: `${origin}/away` } })).toContain("got 302");
    expect(await unwell({ http: { url: `${origin}/slow`, timeoutMs: 100 } })).toContain("within 100 ms");
    expect(await unwell({ http: { url: `${origin}/long` } })).toContain("longer than 65536 bytes");
  });

  it("holds a metric against its bounds", async () => {
    const metric = { url: `${origin}/metric`, query: 'errors{tenant="{slug}"}', max: 1 };
    expect(await unwell({ metric })).toBeUndefined();
    expect(asked.at(-1)).toContain(encodeURIComponent('{tenant="acme"}').replaceAll("%20", "+"));
    expect(await unwell({ metric: { ...metric, query: "bad" } })).toBe("the metric must be at most 1, got 7");
    expect(await unwell({ metric: { ...metric, min: 0.6 } })).toContain("at least 0.6, got 0.5");
    expect(await unwell({ metric: { url: `${origin}/well`, query: "up", max: 1 } })).toContain("one number");
  });

  it("reaches no private address unless the settings list it, and nothing else without TLS", async () => {
    expect(await unwell({ http: { url: `${origin}/well` } }, "")).toContain("over https");
    const literal = { http: { url: "https://169.254.169.254/latest/meta-data" } };
    expect(await unwell(literal, "other.example")).toContain("must have a public address");
    expect(await unwell({ http: { url: "https://localhost/" } }, "")).toContain("must have a public address");
    expect(await unwell({ http: { url: "https://[::1]/" } }, "")).toContain("must have a public address");
    const withPort = origin.replace("http://", "");
    expect(await unwell({ http: { url: `${origin}/well` } }, withPort)).toBeUndefined();
    const url = new URL("https://user:word@example.com");
    await expect(askGate({ url, timeoutMs: 10, maxBytes: 1, allowed: [] })).rejects.toThrow("password");
  });

  it("tells private addresses from public ones", () => {
    const hidden = ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"];
    const hidden6 = ["::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "::ffff:7f00:1", "64:ff9b::a00:1"];
    for (const address of [...hidden, ...hidden6]) expect(isPrivate(address), address).toBe(true);
    for (const address of ["8.8.8.8", "172.32.0.1", "2606:4700::1111"])
      expect(isPrivate(address), address).toBe(false);
  });

  it("reads one number and nothing that only looks like it", () => {
    expect(numberIn("3.5")).toBe(3.5);
    expect(numberIn('{"data":{"resultType":"scalar","result":[1,"2"]}}')).toBe(2);
    expect(numberIn('{"data":{"resultType":"vector","result":[]}}')).toBeUndefined();
    expect(numberIn('{"data":{"resultType":"scalar","result":[1,"NaN"]}}')).toBeUndefined();
    expect(numberIn("null")).toBeUndefined();
    expect(filled("{slug}/{other}/{constructor}", { slug: "a b" })).toBe("a%20b/{other}/{constructor}");
  });
});
