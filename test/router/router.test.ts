import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Routing, startRouting } from "../../router/routing.ts";
import { type Router, startRouter } from "../../router/server.ts";
import { fileSource } from "../../router/source.ts";
import { folderStore, snapshotFolder } from "../../service/routing/snapshotStore.ts";
import { waitFor } from "../service/harness.ts";
import { acceptance, type Hosts, PLANE, signer, snapshot, stranger } from "./snapshots.ts";
import { type Echo, echo, startUpstream, type Upstream } from "./upstreams.ts";

let dataDir = "";
let router: Router;
let routing: Routing;
const upstreams: Upstream[] = [];
const children: ChildProcess[] = [];
const names = new Map<string, number>();
const file = () => join(snapshotFolder(dataDir, PLANE), "latest.json");
const publish = (version: number, hosts: Hosts, plane = PLANE) =>
  folderStore(snapshotFolder(dataDir, PLANE)).put(snapshot(version, hosts, { planeName: plane }));
const version = (wanted: number) =>
  waitFor(`version ${wanted}`, async () => (routing.current()?.version === wanted ? true : undefined));

async function service(name: string, listener: Parameters<typeof startUpstream>[0]): Promise<Upstream> {
  const upstream = await startUpstream(listener);
  upstreams.push(upstream);
  names.set(name, upstream.port);
  return upstream;
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "tenantry-router-"));
  await publish(1, { acme: "live", asleep: "suspended" });
  const log = pino({ level: "silent" });
  routing = await startRouting({ source: fileSource(file()), ...acceptance, reloadMs: 50, log });
  router = await startRouter({
    ...{ host: "127.0.0.1", port: 0, healthPath: "/healthz", maxConnections: 100, routing, log },
    // A port nobody listens on stands for a service that is not there.
    resolve: (name) => ({ host: "127.0.0.1", port: names.get(name) ?? 1 }),
  });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await router.stop(0);
  await routing.stop();
  for (const upstream of upstreams.splice(0)) await upstream.close();
  names.clear();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string;
}

async function ask(host: string, path: string, { method = "GET", headers = {}, body }: Ask = {}) {
  const request = httpRequest(`${router.url}${path}`, {
    method,
    headers: { host, ...headers },
    agent: false,
  });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const content = await text(response);
  return { status: response.statusCode, headers: response.headers, text: content };
}
const told = (answer: { text: string }) => JSON.parse(answer.text) as Echo;

describe("a live tenant", () => {
  it("is served by the service its path names, without the segment, under its own host", async () => {
    await service("iam-service.acme.internal", echo);
    const answer = await ask("ACME.example.com:443", "/iam-service/v1/users?x=%2F", {
      method: "POST",
      body: "hello",
      headers: { "x-request-id": "given-1", "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https" },
    });
    expect(answer).toMatchObject({ status: 200, headers: { "x-request-id": "given-1" } });
    const { method, url, body, headers } = told(answer);
    expect({ method, url, body }).toEqual({ method: "POST", url: "/v1/users?x=%2F", body: "hello" });
    expect(headers).toMatchObject({
      host: "ACME.example.com:443",
      "x-forwarded-for": "203.0.113.9, 127.0.0.1",
      "x-forwarded-proto": "https",
      "x-forwarded-prefix": "/iam-service",
      "x-request-id": "given-1",
      "x-tenantry-target": "target-of-acme",
    });
  });

  it("gets no header of a single connection, in either direction", async () => {
    await service("iam-service.acme.internal", echo);
    const answer = await ask("acme.example.com", "/iam-service/", {
      headers: {
        connection: "close, x-secret-hop",
        "x-secret-hop": "1",
        "proxy-authorization": "Basic x",
        te: "trailers",
        "x-kept": "yes",
      },
    });
    const { headers } = told(answer);
    expect(headers).toMatchObject({ "x-kept": "yes" });
    for (const name of ["x-secret-hop", "proxy-authorization", "te"])
      expect(headers).not.toHaveProperty(name);
    expect(answer.headers).not.toHaveProperty("x-hop");
  });

  it("keeps a body's framing for methods that rarely have one", async () => {
    await service("iam-service.acme.internal", echo);
    const headers = { "transfer-encoding": "chunked" };
    const answer = await ask("acme.example.com", "/iam-service/x", {
      method: "DELETE",
      headers,
      body: "really",
    });
    expect(told(answer)).toMatchObject({ method: "DELETE", body: "really", url: "/x" });
    // The connection to the service is used again: what was badly framed would now be read as a request.
    expect(told(await ask("acme.example.com", "/iam-service/next"))).toMatchObject({
      url: "/next",
      body: "",
    });
  });

  it("streams: the first part of an answer arrives before the last is written", async () => {
    let finish = () => {};
    await service("iam-service.acme.internal", (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\n\n");
      finish = () => void response.end("data: 2\n\n");
    });
    const request = httpRequest(`${router.url}/iam-service/events`, {
      headers: { host: "acme.example.com" },
    });
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const [first] = (await once(response, "data")) as [Buffer];
    expect(first.toString()).toBe("data: 1\n\n");
    finish();
    expect((await buffer(response)).toString()).toBe("data: 2\n\n");
  });

  it("is told when its service cannot be reached, in words that name no address", async () => {
    const answer = await ask("acme.example.com", "/audit-service/x");
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.text)).toMatchObject({ code: "upstream_unreachable", status: 502 });
    expect(answer.text).not.toContain("127.0.0.1");
  });

  it("loses the connection when its service breaks off half-way", async () => {
    await service("iam-service.acme.internal", (_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => response.destroy());
    });
    await expect(ask("acme.example.com", "/iam-service/x")).rejects.toThrow(/aborted|hang up|reset/i);
  });

  it("can speak WebSocket", async () => {
    const upstream = await service("iam-service.acme.internal", echo);
    upstream.server.on("upgrade", (request, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${request.headers.upgrade}\r\n\r\n`,
      );
      socket.on("end", () => socket.end());
      socket.on("data", (data) => socket.write(`${request.url} heard ${data}`));
    });
    const { port } = new URL(router.url);
    const socket = connect(Number(port), "127.0.0.1");
    const lines = [
      "GET /iam-service/live HTTP/1.1",
      "host: acme.example.com",
      "connection: upgrade",
      "upgrade: echo",
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    const [head] = (await once(socket, "data")) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1\.1 101 [\s\S]*upgrade: echo/i);
    socket.write("hello");
    const [said] = (await once(socket, "data")) as [Buffer];
    expect(said.toString()).toBe("/live heard hello");
    socket.destroy();
  });
});

describe("the shared host", () => {
  it.each([
    ["its path", "/acme/iam-service/v1?x=1", {}, "/acme/iam-service"],
    ["the header", "/iam-service/v1?x=1", { "x-tenantry-tenant": "acme" }, "/iam-service"],
  ])("leads to a tenant's service by %s", async (_what, path, headers, prefix) => {
    await service("iam-service.acme.internal", echo);
    const answer = await ask("go.example.com", path, { headers });
    expect(told(answer)).toMatchObject({
      url: "/v1?x=1",
      headers: {
        host: "go.example.com",
        "x-forwarded-prefix": prefix,
        "x-tenantry-target": "target-of-acme",
      },
    });
  });

  it("leads to nobody by two headers, and to no suspended tenant", async () => {
    await service("iam-service.acme.internal", echo);
    const two = { "x-tenantry-tenant": ["acme", "asleep"] };
    expect((await ask("go.example.com", "/iam-service/x", { headers: two })).status).toBe(404);
    expect((await ask("go.example.com", "/asleep/iam-service/x")).status).toBe(503);
  });
});

describe("what the router answers itself", () => {
  it("says 503 tenant_suspended for a suspended tenant, and forwards nothing", async () => {
    let asked = 0;
    await service("iam-service.asleep.internal", (_request, response) => {
      asked += 1;
      response.end();
    });
    const headers = { "x-request-id": "r1" };
    const answer = await ask("asleep.example.com", "/iam-service/x", { method: "POST", body: "x", headers });
    expect(answer).toMatchObject({
      status: 503,
      headers: {
        "content-type": "application/problem+json",
        "retry-after": "300",
        "cache-control": "no-store",
      },
    });
    expect(JSON.parse(answer.text)).toEqual({
      type: "urn:tenantry:problem:tenant_suspended",
      title: "The tenant is suspended",
      status: 503,
      detail: "The tenant is suspended; its data is kept. Ask its operator.",
      code: "tenant_suspended",
      requestId: "r1",
    });
    expect(asked).toBe(0);
  });

  it.each([
    ["nobody.example.com", "/iam-service/x", 404, "unknown_host"],
    ["acme.example.com", "/discovery-worker/x", 404, "unknown_service"],
    ["[::1]", "/iam-service/x", 400, "bad_host"],
  ])("refuses %s%s with %i %s", async (host, path, status, code) => {
    const answer = await ask(host, path);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ code });
  });

  it("refuses headers over the limit and requests framed in two ways", async () => {
    expect((await ask("acme.example.com", "/", { headers: { "x-long": "x".repeat(20_000) } })).status).toBe(
      431,
    );
    const { port } = new URL(router.url);
    const socket = connect(Number(port), "127.0.0.1");
    const lines = [
      "POST / HTTP/1.1",
      "host: acme.example.com",
      "content-length: 3",
      "transfer-encoding: chunked",
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n0\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("is healthy while it has a routing, and says which", async () => {
    const answer = await ask("10.0.0.7:8080", "/healthz");
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({
      status: "ready",
      planeName: PLANE,
      version: 1,
      hosts: 2,
    });
  });
});

describe("a new snapshot", () => {
  it("is in force without a restart", async () => {
    await service("iam-service.acme.internal", echo);
    await publish(2, { acme: "suspended", fresh: "live" });
    await version(2);
    expect((await ask("acme.example.com", "/iam-service/x")).status).toBe(503);
    await publish(3, { acme: "live" });
    await version(3);
    expect((await ask("acme.example.com", "/iam-service/x")).status).toBe(200);
    expect((await ask("fresh.example.com", "/iam-service/x")).status).toBe(404);
  });

  it.each([
    ["older", () => JSON.stringify(snapshot(1, { acme: "suspended" }))],
    [
      "of another plane",
      () => JSON.stringify(snapshot(9, { acme: "suspended" }, { planeName: "prod-eu-west-1" })),
    ],
    ["damaged", () => JSON.stringify(snapshot(9, { acme: "live" })).replace('"live"', '"suspended"')],
    ["of a stranger", () => JSON.stringify(snapshot(9, { acme: "suspended" }, { signer: stranger }))],
    ["cut off", () => JSON.stringify(snapshot(9, { acme: "suspended" })).slice(0, 100)],
  ])("that is %s leaves the last good one in force", async (_what, bad) => {
    await service("iam-service.acme.internal", echo);
    await publish(2, { acme: "live" });
    await version(2);
    writeFileSync(file(), bad());
    // A good one after it shows that the bad one has been looked at.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(routing.current()?.version).toBe(2);
    expect((await ask("acme.example.com", "/iam-service/x")).status).toBe(200);
    await publish(10, { acme: "suspended" });
    await version(10);
  });

  it("that is taken away leaves the last good one in force", async () => {
    await service("iam-service.acme.internal", echo);
    rmSync(file());
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await ask("acme.example.com", "/iam-service/x")).status).toBe(200);
  });
});

describe("the program", () => {
  const entry = new URL("../../router/main.ts", import.meta.url).pathname;

  it("serves from its environment, drains on SIGTERM and ends with 0", async () => {
    let finish: (() => void) | undefined;
    const slow = await service("iam-service.acme.internal", (request, response) => {
      if (request.url !== "/slow") return void response.end("quick");
      finish = () => void response.end("done");
    });
    const env = {
      ...{ PATH: process.env.PATH, PORT: "0", HOST: "127.0.0.1", PLANE_NAME: PLANE, SNAPSHOT_FILE: file() },
      TRUSTED_KEYS: signer.publicKey,
      RESOLVE: `iam-service.acme.internal=127.0.0.1:${slow.port}`,
    };
    const child = spawn(process.execPath, [entry], { env, stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    let said = "";
    child.stdout.on("data", (data: Buffer) => {
      said += data.toString();
    });
    const url = await waitFor("the router", async () => /"url":"([^"]+)"/.exec(said)?.[1]);
    const get = (path: string) => {
      const request = httpRequest(`${url}${path}`, { headers: { host: "acme.example.com" }, agent: false });
      request.end();
      return once(request, "response") as Promise<[IncomingMessage]>;
    };
    const [quick] = await get("/iam-service/quick");
    expect(await text(quick)).toBe("quick");
    const pending = get("/iam-service/slow");
    const end = await waitFor("the slow request", async () => finish);
    child.kill("SIGTERM");
    await waitFor("stopping", async () => (said.includes('"stopping"') ? true : undefined));
    end();
    const [answer] = await pending;
    expect(await text(answer)).toBe("done");
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("says what its environment lacks", async () => {
    const env = { PATH: process.env.PATH, PORT: "70000", RESOLVE: "nonsense" };
    const child = spawn(process.execPath, [entry], { env, stdio: ["ignore", "ignore", "pipe"] });
    const message = await text(child.stderr);
    expect(message).toMatch(/Cannot start the router:[\s\S]*PORT/);
    expect(message).toContain('RESOLVE: must be name=host:port, got "nonsense"');
    expect(child.exitCode ?? (await once(child, "exit"))[0]).toBe(1);
  });
});
