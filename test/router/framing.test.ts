import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Routing, startRouting } from "../../router/routing.ts";
import { type Router, startRouter } from "../../router/server.ts";
import { fileSource } from "../../router/source.ts";
import { folderStore, LATEST } from "../../service/routing/snapshotStore.ts";
import { acceptance, snapshot } from "./snapshots.ts";
import { echo, startUpstream, type Upstream } from "./upstreams.ts";

/** One connection to a service carries many users' requests: where one ends must never be the sender's to say twice. */
let folder = "";
let router: Router;
let routing: Routing;
let upstream: Upstream;
const seen: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tenantry-router-"));
  await folderStore(folder).put(snapshot(1, { acme: "live" }));
  seen.length = 0;
  upstream = await startUpstream((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    if (request.headers["x-unread"] === undefined) return echo(request, response);
    response.end("at once");
  });
  const log = pino({ level: "silent" });
  const source = fileSource(join(folder, LATEST));
  routing = await startRouting({ source, ...acceptance, reloadMs: 50, log });
  router = await startRouter({
    ...{ host: "127.0.0.1", port: 0, healthPath: "/healthz", maxConnections: 100, routing, log },
    resolve: () => ({ host: "127.0.0.1", port: upstream.port }),
  });
});
afterEach(async () => {
  await router.stop(0);
  await routing.stop();
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes the lines as they are; the answer up to the given text, or all of it. */
async function raw(lines: readonly string[], body: string): Promise<string> {
  const socket = connect(Number(new URL(router.url).port), "127.0.0.1");
  socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks).toString();
}

const HOST = "host: acme.example.com";
const SECOND = "GET /second HTTP/1.1\r\nhost: acme.internal\r\n\r\n";

describe("a request's end", () => {
  it("is where its length says, whatever else Connection names", async () => {
    const answer = await raw(
      [
        "GET /iam-service/first HTTP/1.1",
        HOST,
        "connection: close, content-length, host",
        `content-length: ${SECOND.length}`,
      ],
      SECOND,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
    expect(answer).toContain(JSON.stringify(SECOND));
    expect(answer).toContain('"host":"acme.example.com"');
    expect(seen).toEqual(["GET /first"]);
  });

  it("comes before another protocol begins", async () => {
    const lines = [
      "GET /iam-service/first HTTP/1.1",
      HOST,
      "connection: upgrade",
      "upgrade: echo",
      "x-unread: 1",
    ];
    const refused = await raw([...lines, "content-length: 400"], "");
    expect(refused).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"bad_upgrade"/);
    const chunked = await raw([...lines, "transfer-encoding: chunked"], "");
    expect(chunked).toMatch(/^HTTP\/1\.1 400 /);
    const next = await raw(["GET /iam-service/next HTTP/1.1", HOST, "connection: close"], "");
    expect(next).toMatch(/^HTTP\/1\.1 200/);
    expect(seen).toEqual(["GET /next"]);
  });

  it("carries no sender's word on whom it comes from or goes to", async () => {
    const answer = await raw(
      [
        "GET /iam-service/first HTTP/1.1",
        HOST,
        "connection: close",
        "forwarded: for=10.0.0.1;host=other.example.com",
        "x-tenantry-target: other",
      ],
      "",
    );
    expect(answer).not.toContain("other");
  });
});
