/** Real router processes beside a real control service: what they do while it, its store or their own disk lets them down. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { RoutingSnapshot } from "../../contract/routingSnapshot.ts";
import { sealed } from "../../registry/routingContent.ts";
import { snapshotFolder } from "../../service/routing/snapshotStore.ts";
import { signerOf } from "../../service/signing/signer.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "../service/harness.ts";
import { stranger } from "./snapshots.ts";

let service: TestService;
let folder = "";
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tenantry-router-"));
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface RouterProcess {
  readonly url: string;
  readonly said: () => string;
  stop(): Promise<void>;
}

const trusted = () => signerOf({ dataDir: service.dataDir, signingKey: undefined }).publicKey;
const latest = () => join(snapshotFolder(service.dataDir, plane), "latest.json");

async function startRouter(environment: Record<string, string>): Promise<RouterProcess> {
  const env = {
    ...{ PATH: process.env.PATH, PORT: "0", HOST: "127.0.0.1", PLANE_NAME: plane, RELOAD_MS: "100" },
    ...{ TRUSTED_KEYS: trusted(), CACHE_FILE: join(folder, "cache/routing.json"), ...environment },
  };
  const entry = new URL("../../router/main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [entry], { env, stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  let said = "";
  child.stdout.on("data", (data: Buffer) => {
    said += data.toString();
  });
  const url = await waitFor("the router", async () => /"url":"([^"]+)"/.exec(said)?.[1]);
  const stop = async () => {
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  return { url, said: () => said, stop };
}

async function ask(router: RouterProcess, host: string, path = "/iam-service/x") {
  const request = httpRequest(`${router.url}${path}`, { headers: { host }, agent: false });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const body = JSON.parse(await text(response)) as { code?: string; version?: number; status: unknown };
  return { ...body, status: response.statusCode, health: body.status };
}
const version = (router: RouterProcess, wanted: number) =>
  waitFor(`version ${wanted}`, async () =>
    (await ask(router, "127.0.0.1", "/healthz")).version === wanted ? true : undefined,
  );
/** A live tenant's service is not there in this test: being forwarded to nowhere is what tells it from the rest. */
const codeOf = async (router: RouterProcess, slug: string) =>
  (await ask(router, `${slug}.dev.tenantry.example`)).code;
const active = async (slug: string) => {
  const tenantId = await createTenant(service, slug);
  await run(service, `/tenants/${tenantId}/activate`);
  return tenantId;
};
const routing = `${controlPlane}/planes/${plane}/routing`;

it("follows the service's own route by a long poll, and goes on when the service is gone", async () => {
  const acme = await active("acme");
  const source = { SNAPSHOT_URL: `${service.url()}${routing}`, SNAPSHOT_TOKEN: service.adminKey };
  const router = await startRouter({ ...source, SNAPSHOT_WAIT_MS: "25000" });
  expect(await codeOf(router, "acme")).toBe("upstream_unreachable");
  await run(service, `/tenants/${acme}/suspend`, { reason: "unpaid" });
  await version(router, 2);
  expect(await codeOf(router, "acme")).toBe("tenant_suspended");

  await service.stop();
  expect(await codeOf(router, "acme")).toBe("tenant_suspended");
  await router.stop();
  const again = await startRouter(source);
  expect(again.said()).toContain('"source":"cache"');
  expect(await codeOf(again, "acme")).toBe("tenant_suspended");
  expect(await ask(again, "127.0.0.1", "/healthz")).toMatchObject({ status: 200, source: "unreachable" });
  await service.restart();
});

it("takes a rollback, as that is a newer version, and nothing older that lies in its store", async () => {
  const acme = await active("acme");
  const router = await startRouter({ SNAPSHOT_FILE: latest() });
  const first = readFileSync(latest());
  await run(service, `/tenants/${acme}/suspend`, { reason: "unpaid" });
  await active("globex");
  await version(router, 3);
  writeFileSync(latest(), first);
  await waitFor("the refusal", async () =>
    router.said().includes("must be 3 or newer, got 1") ? true : undefined,
  );
  expect(await codeOf(router, "globex")).toBe("upstream_unreachable");

  const body = { toVersion: 1, reason: "globex came too early" };
  expect((await service.call("POST", `${routing}/rollback`, { body })).status).toBe(200);
  await version(router, 4);
  expect(await codeOf(router, "globex")).toBe("unknown_host");
  expect(await ask(router, "127.0.0.1", "/healthz")).toMatchObject({ restores: 1 });
});

it("takes nothing that the service has not signed, from its store or its own disk", async () => {
  await active("acme");
  const router = await startRouter({ SNAPSHOT_FILE: latest() });
  const good = JSON.parse(readFileSync(latest(), "utf8")) as RoutingSnapshot;
  const { checksum: _checksum, keyId: _keyId, signature: _signature, ...body } = good;
  const forged = JSON.stringify(sealed({ ...body, version: 99, routes: [] }, stranger));
  writeFileSync(`${latest()}.draft`, forged);
  renameSync(`${latest()}.draft`, latest());
  await waitFor("the refusal", async () =>
    router.said().includes("the key must be one that is trusted here") ? true : undefined,
  );
  expect(await codeOf(router, "acme")).toBe("upstream_unreachable");
  await router.stop();

  writeFileSync(join(folder, "cache/routing.json"), forged);
  const fooled = await startRouter({ SNAPSHOT_FILE: latest() });
  expect(await codeOf(fooled, "acme")).toBe("routing_unavailable");
  expect(await ask(fooled, "127.0.0.1", "/healthz")).toMatchObject({ status: 503, source: "refused" });
});

it("is ready on a plane where nothing was ever published, and not where its store is away", async () => {
  await active("acme");
  const folderOfStore = snapshotFolder(service.dataDir, plane);
  rmSync(latest());
  const early = await startRouter({ SNAPSHOT_FILE: latest(), CACHE_FILE: join(folder, "early.json") });
  expect(await ask(early, "127.0.0.1", "/healthz")).toMatchObject({ status: 200, health: "empty" });
  await service.call("POST", `${routing}/publish`);
  await version(early, 1);
  await early.stop();
  rmSync(folderOfStore, { recursive: true });
  const lost = await startRouter({ SNAPSHOT_FILE: latest(), CACHE_FILE: join(folder, "lost.json") });
  expect(await ask(lost, "127.0.0.1", "/healthz")).toMatchObject({ status: 503, health: "no_routing" });
});

it("tells its figures on a port of their own", async () => {
  await active("acme");
  const router = await startRouter({ SNAPSHOT_FILE: latest(), METRICS_PORT: "0" });
  await codeOf(router, "acme");
  await codeOf(router, "nobody");
  const port = await waitFor("the port", async () => /"metricsPort":(\d+)/.exec(router.said())?.[1]);
  const figures = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(figures).toContain("tenantry_router_routing_version 1\n");
  expect(figures).toContain("tenantry_router_source_good 1\n");
  expect(figures).toContain('tenantry_router_requests_total{outcome="forwarded",status="502"} 1');
  expect(figures).toContain('tenantry_router_requests_total{outcome="unknown_host",status="404"} 1');
  expect(figures).not.toContain("acme");
  expect(await codeOf(router, "acme")).toBe("upstream_unreachable");
});
