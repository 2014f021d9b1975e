import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startRouting } from "../../router/routing.ts";
import { type Router, startRouter } from "../../router/server.ts";
import { acceptSnapshot } from "../../router/snapshot.ts";
import { fileSource } from "../../router/source.ts";
import { folderStore, LATEST } from "../../service/routing/snapshotStore.ts";
import { waitFor } from "../service/harness.ts";
import { acceptance, snapshot } from "./snapshots.ts";

/** One router is for all tenants of a plane: neither a service nor a client that breaks the rules may cost the others theirs. */
let router: Router;
let service: Server;
let answer = "";
let isCut = false;
const clients: Socket[] = [];
const logged: Record<string, unknown>[] = [];
const ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const UPGRADE = "connection: upgrade\r\nupgrade: echo\r\n";
const MOST_CONNECTIONS = 4;

beforeEach(async () => {
  answer = ANSWER;
  isCut = false;
  logged.length = 0;
  service = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => socket.write(answer, () => isCut && socket.destroy()));
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  const { port } = service.address() as AddressInfo;
  const table = acceptSnapshot(JSON.stringify(snapshot(1, { acme: "live" })), undefined, acceptance);
  router = await startRouter({
    ...{ host: "127.0.0.1", port: 0, healthPath: "/healthz", maxConnections: MOST_CONNECTIONS },
    routing: { current: () => table, source: () => "good", stop: async () => {} },
    resolve: () => ({ host: "127.0.0.1", port }),
    log: pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) }),
  });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await router.stop(0);
  service.close();
});

/** Keeps its own end open whatever the router does with the other. */
function ask(
  more: string,
  host = "acme.example.com",
): { readonly got: () => string; readonly ended: () => boolean } {
  const client = connect({ port: Number(new URL(router.url).port), host: "127.0.0.1", allowHalfOpen: true });
  clients.push(client);
  let got = "";
  let ended = false;
  client.on("data", (data: Buffer) => {
    got += data.toString();
  });
  client.on("end", () => {
    ended = true;
  });
  client.on("close", () => {
    ended = true;
  });
  client.on("error", () => {});
  client.write(`GET /iam-service/x HTTP/1.1\r\nhost: ${host}\r\n${more}\r\n`);
  return { got: () => got, ended: () => ended };
}

async function answered(more: string, host?: string): Promise<string> {
  const asked = ask(more, host);
  await waitFor("the end of the answer", async () => (asked.ended() ? true : undefined));
  return asked.got();
}

describe("a service", () => {
  it.each([
    ["a status that is none", "HTTP/1.1 000 Nothing\r\ncontent-length: 0\r\n\r\n"],
    ["another protocol that nobody asked for", `HTTP/1.1 101 Switching\r\n${UPGRADE}\r\n`],
  ])("that answers with %s is told of, and the router goes on", async (_what, bad) => {
    answer = bad;
    expect(await answered("connection: close\r\n")).toMatch(/^HTTP\/1\.1 502 [\s\S]*upstream_unreachable/);
    answer = ANSWER;
    expect(await answered("connection: close\r\n")).toMatch(/^HTTP\/1\.1 200 [\s\S]*ok$/);
  });

  it("that answers an upgrade with a status that is none is told of", async () => {
    answer = "HTTP/1.1 000 Nothing\r\ncontent-length: 0\r\n\r\n";
    expect(await answered(UPGRADE)).toMatch(/^HTTP\/1\.1 502 [\s\S]*upstream_unreachable/);
  });

  it("that breaks off its refusal of an upgrade leaves nobody waiting for the rest", async () => {
    answer = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    isCut = true;
    expect(await answered(UPGRADE)).toContain("half");
  });
});

it("lets go of clients that are refused another protocol and keep their end open", async () => {
  const refused = Array.from({ length: MOST_CONNECTIONS }, () => ask(UPGRADE, "nobody.example.com"));
  for (const { got } of refused)
    await waitFor("the refusal", async () => (got().includes("unknown_host") ? true : undefined));
  await waitFor("room for others", async () =>
    (await answered("connection: close\r\n")).endsWith("ok") ? true : undefined,
  );
});

it("says in its log who was joined to a service or refused, and for how long", async () => {
  await answered(UPGRADE, "nobody.example.com");
  const line = () => waitFor("the line", async () => logged.find(({ msg }) => msg === "upgrade"));
  expect(await line()).toMatchObject({ host: "nobody.example.com", code: "unknown_host", upgrade: "echo" });
  expect((await line()).ms).toBeGreaterThanOrEqual(0);
});

it("does not take a snapshot that is gone for a plane that is new", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tenantry-router-"));
  const store = folderStore(folder);
  await store.put(snapshot(1, { acme: "live" }));
  const source = fileSource(join(folder, LATEST));
  const routing = await startRouting({ source, ...acceptance, reloadMs: 20, log: pino({ level: "silent" }) });
  const state = (wanted: string) =>
    waitFor(wanted, async () => (routing.source() === wanted ? true : undefined));
  await state("good");
  rmSync(join(folder, LATEST));
  await state("unreachable");
  expect(routing.current()?.version).toBe(1);
  await store.put(snapshot(1, { acme: "live" }));
  await state("good");
  await routing.stop();
  rmSync(folder, { recursive: true, force: true });
});
