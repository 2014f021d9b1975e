import { generateKeyPairSync } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { acceptSnapshot } from "../../router/snapshot.ts";
import { readTrust } from "../../router/trust.ts";
import { folderStore, snapshotFolder } from "../../service/routing/snapshotStore.ts";
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
} from "./harness.ts";

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterEach(() => service.stop());

const trusted = () => readTrust(signerOf({ dataDir: service.dataDir, signingKey: undefined }).publicKey);
const folder = () => snapshotFolder(service.dataDir, plane);
const published = async () => {
  const snapshot = await folderStore(folder()).latest();
  // What is published is what the router takes.
  if (snapshot !== undefined)
    acceptSnapshot(JSON.stringify(snapshot), undefined, { trust: trusted(), planeName: plane });
  return snapshot;
};
const states = async () =>
  Object.fromEntries((await published())?.routes.map(({ host, state }) => [host.split(".")[0], state]) ?? []);

it("follows a tenant through its life", async () => {
  const tenantId = await createTenant(service, "acme");
  expect(await published()).toBeUndefined();
  await run(service, `/tenants/${tenantId}/activate`);
  expect(await states()).toEqual({ acme: "live" });
  await run(service, `/tenants/${tenantId}/suspend`, { reason: "unpaid" });
  expect(await states()).toEqual({ acme: "suspended" });
  await run(service, `/tenants/${tenantId}/reactivate`, { reason: "paid" });
  expect(await states()).toEqual({ acme: "live" });
  expect((await published())?.version).toBe(3);
});

it.each([
  ["is gone", () => rmSync(folder(), { recursive: true })],
  ["is damaged", () => writeFileSync(join(folder(), "latest.json"), "{")],
])("is published again at the next start when it %s", async (_what, damage) => {
  const tenantId = await createTenant(service, "acme");
  await run(service, `/tenants/${tenantId}/activate`);
  const before = await published();
  damage();
  await service.restart();
  expect(await waitFor("the snapshot", () => published())).toEqual(before);
});

const at = (rest = "") => `${controlPlane}/planes/${plane}/routing${rest}`;
const post = (rest: string, body: object = {}) => service.call("POST", at(rest), { body });
const get = (rest = "") => service.call("GET", at(rest));
const active = async (slug: string) => {
  const tenantId = await createTenant(service, slug);
  await run(service, `/tenants/${tenantId}/activate`);
  return tenantId;
};
const reason = { reason: "because of a test" };

it("is put again by itself while the service runs, and at once when asked", async () => {
  await active("acme");
  const before = await published();
  rmSync(folder(), { recursive: true });
  expect((await get("/status")).body).toMatchObject({ newest: { version: 1 }, store: { version: null } });
  expect((await post("/publish")).body).toMatchObject({ changed: false, newest: { version: 1 } });
  expect(await published()).toEqual(before);
  expect((await get("/status")).body.store).toEqual({
    version: 1,
    checksum: before?.checksum,
    problem: null,
  });
});

describe("its versions", () => {
  it("are kept as they were signed, listed, and compared", async () => {
    const acme = await active("acme");
    await active("globex");
    await run(service, `/tenants/${acme}/suspend`, reason);
    const { body: list } = await get("/versions?limit=2");
    expect(list.items.map(({ version }: { version: number }) => version)).toEqual([3, 2]);
    const { body: rest } = await get(`/versions?cursor=${list.nextCursor}`);
    expect(rest).toMatchObject({ items: [{ version: 1, routes: 1, restores: null }], nextCursor: null });
    for (const version of [1, 2, 3]) {
      const { body } = await get(`/versions/${version}`);
      acceptSnapshot(JSON.stringify(body), undefined, { trust: trusted(), planeName: plane });
    }
    expect((await get("")).body).toEqual(await published());
    const { body: diff } = await get("/diff?from=1");
    expect(diff).toMatchObject({ from: 1, to: 3, counts: { added: 1, removed: 0, changed: 1, same: 0 } });
    expect(diff.changed).toMatchObject([{ before: { state: "live" }, after: { state: "suspended" } }]);
    expect((await get("/diff?from=3&to=1")).body.counts).toMatchObject({ removed: 1, changed: 1 });
    expect((await get("/versions/9")).body.code).toBe("routing_version_not_found");
    expect((await get("/versions/0")).status).toBe(422);
  });

  it("do not exist before the first route, and not on a plane that nobody knows", async () => {
    expect((await get("")).body.code).toBe("routing_version_not_found");
    await active("acme");
    const nowhere = `${controlPlane}/planes/prod-eu-west-1/routing`;
    for (const rest of ["", "/status", "/versions", "/diff?from=1"]) {
      expect((await service.call("GET", `${nowhere}${rest}`)).body.code).toBe("plane_not_found");
    }
    expect((await get("/status")).body).toMatchObject({ newest: { version: 1 }, hold: null });
  });

  it("are told apart by their ETag, and waited for", async () => {
    await active("acme");
    const first = await get("");
    const known = { headers: { "if-none-match": first.headers.get("etag") ?? "" } };
    expect((await service.call("GET", at(""), known)).status).toBe(304);
    expect((await service.call("GET", at("?waitMs=50"), known)).status).toBe(304);
    const waiting = service.call("GET", at("?waitMs=20000"), known);
    await active("globex");
    expect(await waiting).toMatchObject({ status: 200, body: { version: 2 } });
    expect((await service.call("GET", at("?waitMs=9999999"), known)).status).toBe(422);
  });
});

describe("a rollback", () => {
  it("is a newer version with the older content, which later changes do not undo", async () => {
    await active("acme");
    const globex = await active("globex");
    const { body } = await post("/rollback", { toVersion: 1, ...reason });
    expect(body).toMatchObject({
      newest: { version: 3, restores: 1, routes: 1 },
      hold: { version: 1, reason: reason.reason },
      leftOut: [],
    });
    expect(await states()).toEqual({ acme: "live" });

    const initech = await active("initech");
    await run(service, `/tenants/${globex}/deploy`, { releaseNumber: 1 });
    expect((await post("/publish")).body).toMatchObject({ changed: false, hold: { version: 1 } });
    await service.restart();
    expect(await states()).toEqual({ acme: "live" });
    const told = await service
      .registry()
      .read((db) =>
        db
          .selectFrom("operationJournal")
          .select("message")
          .where("message", "like", "%is held at version 1%")
          .execute(),
      );
    expect(told.length).toBeGreaterThan(0);

    const released = await post("/release", reason);
    expect(released.body).toMatchObject({ hold: null, newest: { version: 4, restores: null, routes: 3 } });
    expect(await states()).toEqual({ acme: "live", globex: "live", initech: "live" });
    expect((await post("/release", reason)).body.code).toBe("routing_not_held");
    expect(initech).toBeTruthy();
  });

  it("keeps no door open: who is suspended or gone meanwhile is not answered for", async () => {
    const acme = await active("acme");
    const globex = await active("globex");
    await run(service, `/tenants/${acme}/suspend`, reason);
    // Version 2 had both live, and acme sleeps by now.
    expect((await post("/rollback", { toVersion: 2, ...reason })).body).toMatchObject({ leftOut: [] });
    expect(await states()).toEqual({ acme: "suspended", globex: "live" });
    await run(service, `/tenants/${globex}/suspend`, reason);
    expect(await states()).toEqual({ acme: "suspended", globex: "suspended" });
    await run(service, `/tenants/${acme}/reactivate`, reason);
    expect(await states()).toEqual({ acme: "live", globex: "suspended" });
    const confirmation = { confirmSlug: "globex", immediately: true, ...reason };
    await run(service, `/tenants/${globex}/decommission`, confirmation);
    expect(await states()).toEqual({ acme: "live" });
    const { body } = await post("/rollback", { toVersion: 2, ...reason });
    expect(body.leftOut).toMatchObject([{ why: "the target is no longer there" }]);
    expect(await states()).toEqual({ acme: "live" });
  });

  it("is refused for a version that never was, and for whoever may only read", async () => {
    await active("acme");
    const { body } = await post("/rollback", { toVersion: 7, ...reason });
    expect(body.code).toBe("routing_version_not_found");
    expect((await post("/rollback", { toVersion: 1 })).body.code).toBe("invalid_request");
    const key = await service.call("POST", `${controlPlane}/api-keys`, {
      body: { name: "reader", role: "auditor" },
    });
    const asReader = { key: key.body.secret as string, body: { toVersion: 1, ...reason } };
    expect((await service.call("POST", at("/rollback"), asReader)).body.code).toBe("forbidden");
    expect((await service.call("GET", at(""), { key: asReader.key })).status).toBe(200);
    expect((await get("/status")).body.hold).toBeNull();
  });

  it("is on record, with its reason, for whoever looks and whoever listens", async () => {
    await active("acme");
    await post("/rollback", { toVersion: 1, ...reason });
    await post("/release", reason);
    const events = await service.registry().read(async (db) => {
      const rows = await db.selectFrom("auditEvents").select(["action", "reason"]).execute();
      const sent = await db.selectFrom("outbox").select("type").execute();
      return { audited: rows, sent: sent.map(({ type }) => type) };
    });
    for (const action of ["routing.rolled_back", "routing.released"]) {
      expect(events.audited).toContainEqual({ action, reason: reason.reason });
      expect(events.sent).toContain(action);
    }
    expect(events.sent.filter((type) => type === "routing.published")).toHaveLength(3);
  });
});

it("is signed anew when the service has another key, so that the old one need not be trusted any more", async () => {
  await active("acme");
  const before = await published();
  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await service.restart([`--signing-key=${pem}`]);
  const stored = await waitFor("the new signature", async () => {
    const found = await folderStore(folder()).latest();
    return found?.version === 2 ? found : undefined;
  });
  const { publicKey } = signerOf({ dataDir: service.dataDir, signingKey: pem });
  acceptSnapshot(JSON.stringify(stored), undefined, { trust: readTrust(publicKey), planeName: plane });
  expect(stored.routes).toEqual(before?.routes);
  expect((await service.call("GET", `${controlPlane}/signing-keys`)).body.items).toHaveLength(2);
});

it("goes past what routers have seen when the registry was set back", async () => {
  const acme = await active("acme");
  await run(service, `/tenants/${acme}/suspend`, reason);
  expect((await published())?.version).toBe(2);
  const actor = { kind: "system", id: "test", name: "test" } as const;
  await service.registry().change({ actor, requestId: "r", correlationId: "c" }, async (change) => {
    await change.db.deleteFrom("routingEntries").where("fromVersion", "=", 2).execute();
    await change.db.updateTable("routingEntries").set({ untilVersion: null }).execute();
    await change.db.deleteFrom("routingSnapshots").where("version", "=", 2).execute();
    await change.db.updateTable("routingVersions").set({ version: 1 }).execute();
    await change.db.updateTable("routes").set({ state: "live" }).execute();
    await change.audit({ action: "test.restored", target: { type: "registry", id: "test" } });
  });
  await service.restart();
  const now = await waitFor("a newer version", async () => {
    const found = await published();
    return found !== undefined && found.version > 2 ? found : undefined;
  });
  expect(now).toMatchObject({ version: 3, routes: [{ state: "live" }] });
  expect((await get("/versions/1")).body.routes).toHaveLength(1);
  expect((await get("/versions/2")).body.code).toBe("routing_version_not_found");
});
