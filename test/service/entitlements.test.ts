import { afterAll, beforeAll, expect, it } from "vitest";
import { judgeBundle } from "../../examples/entitlements/bundle.ts";
import { createEntitlementReader } from "../../examples/entitlements/reader.ts";
import { controlPlane, createTenant, startTestService, type TestService, waitFor } from "./harness.ts";

/** Change to verified reader, at most, as the service is set by default. */
const BOUND_MS = 60_000;

let service: TestService;
let tenantId = "";
beforeAll(async () => {
  service = await startTestService();
  tenantId = await createTenant(service, "acme");
});
afterAll(() => service.stop());

const at = (id = tenantId) => `${controlPlane}/tenants/${id}/entitlements`;
const set = (body: object, headers: Record<string, string> = {}) =>
  service.call("POST", at(), { body: { reason: "for a test", ...body }, headers });
const bundle = (headers: Record<string, string> = {}, query = "") =>
  service.call("GET", `${at()}/bundle${query}`, { headers });

async function publicKey(): Promise<string> {
  const { body } = await service.call("GET", `${controlPlane}/signing-keys`);
  return body.items[0].publicKey;
}

async function events(type: string) {
  const { items } = (
    await service.call("GET", `${controlPlane}/audit/events?tenantId=${tenantId}&action=${type}`)
  ).body;
  return items;
}

it("shows what the plan allows, and why", async () => {
  const { body, headers } = await service.call("GET", at());
  expect(headers.get("etag")).toBe('"1"');
  expect(body).toMatchObject({ tenantId, plan: "starter", planVersion: 1, recordVersion: 1 });
  expect(body.entitlements[0]).toMatchObject({
    ...{ capabilityKey: "api-access", enabled: true, source: "plan", onStale: "open" },
    ...{ reason: null, expiresAt: null, updatedBy: "controller" },
  });
});

it("sets, lists and removes overrides, each a version of the bundle", async () => {
  const made = await set({ capabilityKey: "audit-export", enabled: true });
  expect(made).toMatchObject({
    status: 200,
    body: { enabled: true, source: "override", onStale: "closed", reason: "for a test", expiresAt: null },
  });
  const listed = await service.call("GET", `${at()}?source=override`);
  expect(listed.body).toMatchObject({ recordVersion: 2, entitlements: [{ capabilityKey: "audit-export" }] });
  expect((await bundle()).body).toMatchObject({
    version: 2,
    entitlements: { "audit-export": { enabled: true } },
  });

  const again = { capabilityKey: "audit-export", enabled: true, reason: "for another test" };
  expect(await set(again, { "if-match": '"2"' })).toMatchObject({
    status: 200,
    body: { reason: again.reason },
  });
  const unseen = await set({ ...again, reason: "for a third" }, { "if-match": '"2"' });
  expect(unseen).toMatchObject({ status: 412, body: { code: "version_conflict" } });
  expect((await service.call("GET", at())).body.recordVersion).toBe(3);

  const stale = await set({ capabilityKey: "audit-export", enabled: false }, { "if-match": '"1"' });
  expect(stale).toMatchObject({ status: 412, body: { code: "version_conflict" } });
  const removed = await service.call("DELETE", `${at()}/audit-export?reason=over`, {
    headers: { "if-match": '"3"' },
  });
  expect(removed).toMatchObject({ status: 200, body: { recordVersion: 4 } });
  expect((await service.call("DELETE", `${at()}/audit-export`)).body.code).toBe(
    "entitlement_override_not_found",
  );
  const [event] = await events("entitlement.changed");
  expect(event.details).toMatchObject({ version: 4, changed: { "audit-export": { from: true, to: false } } });
});

it.each([
  [{ capabilityKey: "audit-exprt", enabled: true }, 422, "unknown_capability"],
  [{ capabilityKey: "No Key", enabled: true }, 422, "invalid_request"],
  [{ capabilityKey: "audit-export", enabled: "yes" }, 422, "invalid_request"],
  [
    { capabilityKey: "audit-export", enabled: true, expiresAt: "2020-01-01T00:00:00Z" },
    422,
    "invalid_request",
  ],
  [{ capabilityKey: "audit-export", enabled: true, reason: "" }, 422, "invalid_request"],
])("refuses the override %j", async (body, status, code) => {
  expect(await set(body)).toMatchObject({ status, body: { code } });
});

it("answers 404 for a tenant that is not there", async () => {
  const nobody = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
  for (const path of ["", "/bundle"]) {
    expect((await service.call("GET", `${at(nobody)}${path}`)).body.code).toBe("tenant_not_found");
  }
});

it("signs the bundle with a listed key, and says 304 to whoever has it", async () => {
  const { body, headers } = await bundle();
  const trust = { tenantId, keys: [await publicKey()], skewMs: 30_000 };
  expect(judgeBundle(body, trust, Date.now())).toEqual({ ok: true, bundle: body });
  const etag = headers.get("etag") ?? "";
  expect(etag).toBe(`W/"${body.version}"`);
  expect((await bundle({ "if-none-match": etag })).status).toBe(304);
  expect((await bundle({ "if-none-match": 'W/"1"' })).body.version).toBe(body.version);
  // Young enough to be given out again; another version never is.
  expect((await bundle()).body).toEqual(body);
  // Nothing changes, so it is held for as long as was asked.
  expect((await bundle({ "if-none-match": etag }, "?waitMs=50")).status).toBe(304);
});

it("ends an override by itself: the version moves, an event tells, and the bundle had said so", async () => {
  const expiresAt = new Date(Date.now() + 1_500).toISOString();
  await set({ capabilityKey: "premium-connectors", enabled: true, expiresAt });
  const before = (await bundle()).body;
  expect(before.entitlements["premium-connectors"]).toMatchObject({
    enabled: true,
    expiresAt,
    thenEnabled: false,
  });
  // Nobody asks for the tenant's entitlements: it is not a look that ends it.
  const [event] = await waitFor("the end of the override", async () => {
    const found = await events("entitlement.override_expired");
    return found.length > 0 ? found : undefined;
  });
  expect(event.details).toMatchObject({ capabilityKey: "premium-connectors" });
  expect((await bundle()).body).toMatchObject({
    version: before.version + 1,
    entitlements: { "premium-connectors": { enabled: false, source: "plan" } },
  });
  const told = await service
    .registry()
    .read((db) =>
      db
        .selectFrom("outbox")
        .selectAll()
        .where("stream", "=", tenantId)
        .where("type", "=", "entitlement.changed")
        .execute(),
    );
  expect(JSON.parse(told.at(-1)?.payload ?? "{}")).toMatchObject({ version: before.version + 1 });
});

it("ends an override though an earlier one cannot be ended", async () => {
  const broken = await createTenant(service, "broken");
  const boundTo = (planVersion: number) =>
    service
      .registry()
      .change(
        { actor: { kind: "system", id: "test", name: "test" }, requestId: "r", correlationId: "r" },
        async (change) => {
          await change.db
            .updateTable("tenants")
            .set({ planVersion })
            .where("tenantId", "=", broken)
            .execute();
          await change.audit({
            action: "test.bound",
            target: { type: "tenant", id: broken },
            tenantId: broken,
          });
        },
      );
  const soon = Date.now() + 1_000;
  const wish = { capabilityKey: "custom-domains", enabled: true, reason: "trial" };
  const first = await service.call("POST", at(broken), {
    body: { ...wish, expiresAt: new Date(soon).toISOString() },
  });
  expect(first.status).toBe(200);
  await boundTo(999);
  try {
    await set({ ...wish, expiresAt: new Date(soon + 100).toISOString() });
    await waitFor("the end of the later override", async () => {
      const ended = await events("entitlement.override_expired");
      return ended.find(
        (one: { details: object }) =>
          "capabilityKey" in one.details && one.details.capabilityKey === wish.capabilityKey,
      );
    });
  } finally {
    await boundTo(1);
  }
});

it("brings a change to a verified reader within the bound, whatever caused it, and measures it", async () => {
  const reader = createEntitlementReader({
    ...{ url: service.url(), apiKey: service.adminKey, tenantId, keys: [await publicKey()] },
  });
  const following = reader.follow();
  try {
    await waitFor("the first bundle", async () => reader.bundle, BOUND_MS);
    const arrival = async (what: string, change: () => Promise<unknown>, isThere: () => boolean) => {
      const changedAt = Date.now();
      await change();
      await waitFor(what, async () => (isThere() ? true : undefined), BOUND_MS);
      expect(Date.now() - changedAt).toBeLessThan(BOUND_MS);
    };
    await arrival(
      "an override",
      () => set({ capabilityKey: "audit-export", enabled: true }),
      () => reader.isEnabled("audit-export"),
    );
    // Of this nobody is nudged: the record is changed, as a rollout or a manifest changes it.
    await arrival(
      "a plan",
      () => service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body: { plan: "business" } }),
      () => reader.isEnabled("single-sign-on"),
    );
    const figures = await waitFor("the measure", async () => {
      const { body } = await service.call("GET", "/metrics");
      const count = /^tenantry_entitlement_propagation_seconds_count (\d+)/m.exec(body)?.[1];
      return Number(count) >= 2 ? String(body) : undefined;
    });
    expect(figures).toMatch(/^tenantry_entitlement_propagation_seconds_bucket\{le="60"\} [1-9]/m);
    expect(figures).toMatch(/^tenantry_entitlement_propagation_bound_seconds 60$/m);
    expect(figures).toMatch(/^tenantry_entitlement_readers_waiting [01]$/m);
  } finally {
    reader.stop();
    await following;
  }
});

it("evaluates what was never evaluated when it is asked for", async () => {
  const restored = await createTenant(service, "restored");
  await service
    .registry()
    .change(
      { actor: { kind: "system", id: "test", name: "test" }, requestId: "r", correlationId: "r" },
      async (change) => {
        await change.db.deleteFrom("entitlementBundles").where("tenantId", "=", restored).execute();
        await change.audit({
          action: "test.lost",
          target: { type: "tenant", id: restored },
          tenantId: restored,
        });
      },
    );
  const { status, body } = await service.call("GET", `${at(restored)}/bundle`);
  expect([status, body.version, body.entitlements["api-access"].enabled]).toEqual([200, 1, true]);
});

it("answers who waits when the service stops", async () => {
  const etag = (await bundle()).headers.get("etag") ?? "";
  const held = bundle({ "if-none-match": etag }, "?waitMs=30000");
  await waitFor("the request to be held", async () => {
    const { body } = await service.call("GET", "/metrics");
    return /^tenantry_entitlement_readers_waiting 1$/m.test(body) ? true : undefined;
  });
  await service.restart();
  expect((await held).status).toBe(304);
});

it("tells readers to ask twice as often as changes must reach them, as the service is set", async () => {
  expect((await bundle()).body.refreshAfterMs).toBe(30_000);
  await service.restart(["--entitlement-propagation-ms", "20000"]);
  const { body } = await bundle();
  expect(body.refreshAfterMs).toBe(10_000);
  const trust = { tenantId, keys: [await publicKey()], skewMs: 30_000 };
  expect(judgeBundle(body, trust, Date.now())).toMatchObject({ ok: true });
  const metrics = await service.call("GET", "/metrics");
  expect(metrics.body).toMatch(/^tenantry_entitlement_propagation_bound_seconds 20$/m);
});

it("changes nothing for a tenant that is gone", async () => {
  const gone = await createTenant(service, "gone");
  await service.call("DELETE", `${controlPlane}/tenants/${gone}?reason=test`);
  const answer = await service.call("POST", at(gone), {
    body: { capabilityKey: "audit-export", enabled: true, reason: "late" },
  });
  expect(answer).toMatchObject({ status: 409, body: { code: "illegal_transition" } });
});

it("issues no bundle for a tenant that is deleted, whoever waits and whatever they have", async () => {
  const deleted = await createTenant(service, "deleted");
  const ask = (headers: Record<string, string> = {}, query = "") =>
    service.call("GET", `${at(deleted)}/bundle${query}`, { headers });
  const etag = (await ask()).headers.get("etag") ?? "";
  const held = ask({ "if-none-match": etag }, "?waitMs=1000");
  await service.call("DELETE", `${controlPlane}/tenants/${deleted}?reason=test`);
  const refused = { status: 410, body: { code: "tenant_deleted" } };
  expect(await ask()).toMatchObject(refused);
  expect(await ask({ "if-none-match": etag })).toMatchObject(refused);
  expect(await held).toMatchObject(refused);
  expect((await service.call("GET", at(deleted))).status).toBe(200);

  const reader = createEntitlementReader({
    ...{ url: service.url(), apiKey: service.adminKey, tenantId: deleted, keys: [await publicKey()] },
  });
  expect([await reader.refresh(), reader.gone]).toEqual([false, true]);
});
