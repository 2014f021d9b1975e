import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_POLICIES } from "../../service/policy/keeper.ts";
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

const folder = mkdtempSync(path.join(tmpdir(), "tenantry-policies-"));
cpSync(DEFAULT_POLICIES, folder, { recursive: true });

let service: TestService;
beforeAll(async () => {
  service = await startTestService(["--policies", folder, "--policies-poll-ms", "50"]);
  await createRelease(service, "1.0.0");
});
afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true });
});

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
const post = (at: string, body: object = {}) => service.call("POST", `${controlPlane}${at}`, { body });
const patch = (tenantId: string, body: object, headers: Record<string, string> = {}) =>
  service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body, headers });
const eventsOf = async (tenantId: string, action: string) =>
  (await get(`/audit/events?tenantId=${tenantId}&action=${action}`)).items;

const placeless = `apiVersion: tenantry.dev/v1
kind: Tenant
metadata: { slug: placeless }
spec: { displayName: Placeless, plan: starter, state: active, planes: [] }
`;

async function metric(name: string): Promise<number> {
  const { body } = await service.call("GET", "/metrics");
  const line = String(body)
    .split("\n")
    .find((one) => one.startsWith(name));
  return Number(line?.split(" ").at(-1) ?? 0);
}

describe("a change", () => {
  it("carries the decision that let it through on its audit events", async () => {
    const tenantId = await createTenant(service, "let-through");
    const { version } = await get("/policy");
    const [created] = await eventsOf(tenantId, "tenant.created");
    expect(created.details.authorization).toEqual({
      ...{ action: "tenantCreate", role: "fleet_admin" },
      ...{ policies: ["role-decides"], policyVersion: version },
    });
    const record = await get(`/policy/versions/${version}`);
    expect(record.files.map(({ name }: { name: string }) => name)).toContain("residency.cedar");
  });

  it("is one decision about its tenant, and a dry run is none", async () => {
    const tenantId = await createTenant(service, "counted");
    await patch(tenantId, { displayName: "Counted" });
    await post("/policy/evaluations", {
      ...{ principal: { role: "auditor" }, action: "tenantUpdate", tenantId },
    });
    expect(await metric(`tenantry_tenant_policy_decisions_total{tenant="${tenantId}"`)).toBe(1);
  });

  it("is timed by what came of it", async () => {
    const timed = (outcome: string) =>
      metric(`tenantry_policy_evaluation_duration_seconds_count{outcome="${outcome}"}`);
    const tenantId = await createTenant(service, "timed", { plan: "enterprise" });
    const before = { allow: await timed("allow"), deny: await timed("deny") };
    expect((await patch(tenantId, { displayName: "Timed" })).status).toBe(200);
    expect((await patch(tenantId, { plan: "starter" })).status).toBe(403);
    expect(await timed("allow")).toBeGreaterThan(before.allow);
    expect(await timed("deny")).toBeGreaterThan(before.deny);
    expect(await metric('tenantry_policy_evaluation_duration_seconds_sum{outcome="allow"}')).toBeGreaterThan(
      0,
    );
  });

  it("that a policy forbids says which, why and what to change, is recorded, and changes nothing", async () => {
    const tenantId = await createTenant(service, "smaller", { plan: "enterprise" });
    const before = await get(`/tenants/${tenantId}`);
    const denied = await patch(tenantId, { plan: "starter" });
    expect(denied).toMatchObject({
      status: 403,
      body: {
        code: "policy_denied",
        reasons: [{ policyId: "downgrade-reason", advice: "Send a reason with the request." }],
      },
    });
    expect(denied.body.detail).toContain("would give the tenant less than it has now");
    expect(await get(`/tenants/${tenantId}`)).toEqual(before);
    const [event] = await eventsOf(tenantId, "access.denied");
    expect(event).toMatchObject({
      outcome: "denied",
      details: {
        action: "tenantUpdate",
        code: "policy_denied",
        authorization: { policies: ["downgrade-reason"] },
      },
    });
    const taken = await patch(tenantId, { plan: "starter", reason: "asked by the customer" });
    expect(taken).toMatchObject({ status: 200, body: { plan: "starter" } });
    const [updated] = await eventsOf(tenantId, "tenant.updated");
    expect(updated.reason).toBe("asked by the customer");
  });

  it("to a smaller plan must fit into it, also by going back to an earlier version", async () => {
    const more = { plan: "enterprise", isolation: "pooled", planes: [] };
    const tenantId = await createTenant(service, "too-large", { ...more, plan: "starter" });
    await patch(tenantId, { plan: "enterprise" });
    await patch(tenantId, { isolation: "hybrid" });
    const back = await post(`/tenants/${tenantId}/versions/1/restore`, { reason: "as it was" });
    expect(back).toMatchObject({ status: 422, body: { code: "isolation_not_in_plan" } });
    const evaluated = await post("/policy/evaluations", {
      ...{ principal: { role: "fleet_admin" }, action: "tenantVersionRestore", tenantId },
      facts: { recordVersion: 1, reason: "as it was" },
    });
    expect(evaluated.body).toMatchObject({
      decision: "deny",
      policies: ["downgrade-fits", "isolation-in-plan"],
      query: { context: { downgrade: true, exceeded: ["isolation"], plan: { key: "starter" } } },
    });
  });

  it("keeps the operation's own refusals where they say more", async () => {
    const wrong = { slug: "wrong", displayName: "x", plan: "starter", isolation: "hybrid" };
    expect(await post("/tenants", wrong)).toMatchObject({
      status: 422,
      body: { code: "isolation_not_in_plan" },
    });
    const tenantId = await createTenant(service, "held");
    await service.call("PUT", `${controlPlane}/tenants/${tenantId}/legal-hold`, {
      body: { reason: "a case" },
    });
    const end = { confirmSlug: "held", reason: "contract ended" };
    expect(await post(`/tenants/${tenantId}/decommission`, end)).toMatchObject({
      body: { code: "legal_hold" },
    });
  });

  it("by a manifest is asked for what it leads to, before anything is written", async () => {
    const text = (plan: string, name: string) =>
      `apiVersion: tenantry.dev/v1\nkind: Tenant\nmetadata:\n  slug: ${name}\nspec:\n  displayName: ${name}\n  plan: ${plan}\n  state: draft\n  planes: []\n`;
    const apply = (query: string, ...documents: string[]) =>
      service.call("POST", `${controlPlane}/manifests/apply${query}`, { body: { documents } });
    expect((await apply("", text("business", "declared"))).status).toBe(200);
    const denied = await apply("", text("starter", "another"), text("starter", "declared"));
    expect(denied).toMatchObject({ status: 403, body: { code: "policy_denied" } });
    expect(denied.body.detail).toMatch(/\(declared\): Cannot do tenantUpdate/);
    expect((await get("/tenants?slugPrefix=another")).items).toEqual([]);
    const reason = `?reason=${encodeURIComponent("asked by the customer")}`;
    expect((await apply(reason, text("starter", "declared"))).status).toBe(200);
  });
});

describe("an attempt across regions", () => {
  it("is refused, recorded on the tenant's chain, told as an event and counted", async () => {
    const counted = await metric('tenantry_security_events_total{kind="cross_region"}');
    const regions = { allowed: ["us-east-1"], preferred: [] };
    const tenantId = await createTenant(service, "us-alone", { planes: [], regions });
    const refused = await post(`/tenants/${tenantId}/activate`, {
      planes: [plane],
      reason: "nearer to them",
    });
    expect(refused).toMatchObject({ status: 409, body: { code: "region_not_allowed" } });
    const [event] = await eventsOf(tenantId, "security.cross_region_denied");
    expect(event).toMatchObject({
      outcome: "denied",
      reason: "nearer to them",
      details: { code: "region_not_allowed" },
    });
    const outbox = await service
      .registry()
      .read((db) => db.selectFrom("outbox").selectAll().where("stream", "=", tenantId).execute());
    expect(outbox.map(({ type }) => type)).toContain("security.cross_region_denied");
    expect(await metric('tenantry_security_events_total{kind="cross_region"}')).toBe(counted + 1);
  });

  it("is one for a tenant that never said where it may be, once it is somewhere", async () => {
    const tenantId = await createTenant(service, "at-home");
    await run(service, `/tenants/${tenantId}/activate`);
    const refused = await post(`/tenants/${tenantId}/deploy`, { planes: ["dev-us-east-1"] });
    expect(refused).toMatchObject({
      status: 403,
      body: { code: "residency_violation", reasons: [{ policyId: "residency-home" }] },
    });
    expect(await eventsOf(tenantId, "security.cross_region_denied")).toHaveLength(1);
    expect(await eventsOf(tenantId, "access.denied")).toHaveLength(1);
  });

  it("has no way by the record: a region is no field, and the allowed ones keep the one it is in", async () => {
    const tenantId = await createTenant(service, "rooted");
    await run(service, `/tenants/${tenantId}/activate`);
    const before = await get(`/tenants/${tenantId}`);
    const [target] = (await get(`/tenants/${tenantId}/targets`)).items;
    const field = await patch(tenantId, { displayName: "Moved", region: "us-east-1" });
    expect(field).toMatchObject({ status: 422, body: { errors: [{ path: "body.region" }] } });
    const elsewhere = await patch(tenantId, { regions: { allowed: ["us-east-1"], preferred: [] } });
    expect(elsewhere).toMatchObject({ status: 409, body: { code: "region_not_allowed" } });
    expect(await get(`/tenants/${tenantId}`)).toEqual(before);
    expect((await get(`/tenants/${tenantId}/targets`)).items).toEqual([target]);
    expect(target).toMatchObject({ region: "eu-west-1", planeName: plane });
  });

  it("is asking for the addresses of a region that is not the tenant's", async () => {
    const tenantId = await createTenant(service, "asking");
    await run(service, `/tenants/${tenantId}/activate`);
    const own = await get(`/tenants/${tenantId}/residency`);
    expect(own).toMatchObject({
      placed: [{ region: "eu-west-1", planeName: plane }],
      regions: [{ region: "eu-west-1" }],
    });
    const kinds = own.regions[0].endpoints.map(({ kind }: { kind: string }) => kind);
    expect(kinds).toEqual(["database", "bucket", "logs"]);
    const other = await service.call("GET", `${controlPlane}/tenants/${tenantId}/residency?region=us-east-1`);
    expect(other).toMatchObject({ status: 403, body: { code: "residency_violation" } });
    expect(await eventsOf(tenantId, "security.cross_region_denied")).toHaveLength(1);
  });
});

describe("the map of regions", () => {
  it("comes from the planes, and is completed and corrected by hand", async () => {
    const at = `${controlPlane}/residency/regions/eu-west-1`;
    const set = await service.call("PUT", `${at}/endpoints/cache`, {
      body: { address: "cache.internal.example:6379", reason: "the new cluster" },
    });
    expect(set).toMatchObject({ status: 200, body: { kind: "cache", updatedAt: expect.any(String) } });
    const bad = { address: "redis://user:secret@host:6379", reason: "the new cluster" };
    expect((await service.call("PUT", `${at}/endpoints/cache`, { body: bad })).status).toBe(422);
    const { items } = await get("/residency/regions");
    expect(items).toMatchObject([
      { region: "eu-west-1", planes: [{ planeName: plane, environment: "dev" }] },
    ]);
    const cache = items[0].endpoints.filter(({ kind }: { kind: string }) => kind === "cache");
    expect(cache).toEqual([
      { kind: "cache", address: "cache.internal.example:6379", planeName: null, source: "declared" },
    ]);
    const reason = encodeURIComponent("gone again");
    expect((await service.call("DELETE", `${at}/endpoints/cache?reason=${reason}`)).status).toBe(200);
    expect((await service.call("DELETE", `${at}/endpoints/cache?reason=${reason}`)).status).toBe(404);
    expect((await service.call("GET", `${controlPlane}/residency/regions/ap-south-9`)).body.code).toBe(
      "region_not_found",
    );
  });
});

describe("a dry run", () => {
  it("answers as a request would be answered, and changes and records nothing", async () => {
    const ask = async (body: object) => (await post("/policy/evaluations", body)).body;
    const asked = { action: "tenantCreate", newTenant: { plan: "starter", isolation: "dedicated" } };
    expect(await ask({ principal: { role: "fleet_operator" }, ...asked })).toMatchObject({
      ...{
        decision: "deny",
        policies: ["isolation-in-plan"],
        role: { needed: "fleet_operator", suffices: true },
      },
      reasons: [{ advice: "Choose an isolation that the plan offers, or a plan that offers this one." }],
    });
    const auditor = {
      principal: { role: "auditor" },
      action: "tenantCreate",
      newTenant: { plan: "starter" },
    };
    expect(await ask(auditor)).toMatchObject({ decision: "deny", role: { suffices: false } });
    const ofDev = { role: "fleet_operator", environments: ["dev"] };
    const elsewhere = { plan: "starter", planes: ["prod-eu-west-1"] };
    expect(await ask({ principal: ofDev, action: "tenantCreate", newTenant: elsewhere })).toMatchObject({
      decision: "deny",
      environments: { reaches: ["prod"], suffices: false },
    });
    const there = { plan: "starter", planes: ["dev-eu-west-1"] };
    expect(await ask({ principal: ofDev, action: "tenantCreate", newTenant: there })).toMatchObject({
      decision: "allow",
      environments: { reaches: ["dev"], suffices: true },
    });
    const unknown = await post("/policy/evaluations", {
      principal: { role: "auditor" },
      action: "tenantDestroy",
    });
    expect(unknown).toMatchObject({ status: 422, body: { code: "invalid_request" } });
  });

  it("looks at the time that is named", async () => {
    const tenantId = await createTenant(service, "later");
    await run(service, `/tenants/${tenantId}/activate`);
    const freeze = { fromAt: "2031-12-20T00:00:00.000Z", untilAt: "2032-01-02T00:00:00.000Z" };
    await post("/windows", { effect: "deny", tenantId, reason: "holidays", ...freeze });
    const at = async (time: string) =>
      (
        await post("/policy/evaluations", {
          ...{ principal: { role: "fleet_admin" }, action: "tenantDeploy", tenantId, at: time },
        })
      ).body;
    expect(await at("2031-12-24T12:00:00.000Z")).toMatchObject({
      decision: "deny",
      policies: ["window-closed"],
    });
    expect(await at("2032-01-03T12:00:00.000Z")).toMatchObject({ decision: "allow" });
  });
});

describe("other policies", () => {
  const own = path.join(folder, "own.cedar");
  const version = async () => (await get("/policy")).version as string;
  const settled = (what: string, ready: (set: { version: string; problem: unknown }) => boolean) =>
    waitFor(what, async () => {
      const set = await get("/policy");
      return ready(set) ? set : undefined;
    });

  it("hold as soon as they are written, and a refusal by them is not kept for the Idempotency-Key", async () => {
    const tenantId = await createTenant(service, "frozen");
    const before = await version();
    writeFileSync(
      own,
      `@id("change-ticket") @reason("A change needs its ticket.") @advice("Write CHG- and its number into the reason.")
       forbid (principal, action == Tenantry::Action::"tenantUpdate", resource)
       unless { context.reason like "CHG-*" };`,
    );
    await settled("the new policy", (set) => set.version !== before);
    const key = { "idempotency-key": "once-more" };
    const denied = await patch(tenantId, { displayName: "Frozen" }, key);
    expect(denied.body).toMatchObject({ code: "policy_denied", reasons: [{ policyId: "change-ticket" }] });
    expect((await patch(tenantId, { displayName: "Frozen", reason: "CHG-4711" })).status).toBe(200);
    const [loaded] = (await get("/audit/events?action=policy.loaded")).items;
    expect(loaded.details).toMatchObject({ before, version: await version() });
    rmSync(own);
    await settled("the old policies", (set) => set.version === before);
    expect((await patch(tenantId, { displayName: "Frozen again" }, key)).status).toBe(200);
  });

  it("see whose something is that is named by its own id alone", async () => {
    const tenantId = await createTenant(service, "sealed", { labels: { sealed: "yes" } });
    const [{ operationId }] = await run(service, `/tenants/${tenantId}/activate`);
    const made = async (at: string, body: object) => (await post(at, { tenantId, ...body })).body;
    const reason = "a reason";
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const { pinId } = await made("/pins", { reason });
    const times = { fromAt: "2031-12-20T00:00:00.000Z", untilAt: "2032-01-02T00:00:00.000Z" };
    const { windowId } = await made("/windows", { effect: "deny", reason, ...times });
    const limit = { kind: "quota", quota: "eventsPerDay", value: 5 };
    const { overrideId } = await made("/limit-overrides", { limit, reason, expiresAt: soon });
    const crm = `${controlPlane}/tenants/${tenantId}/external-ids/crm`;
    expect((await service.call("PUT", crm, { body: { externalId: "4711" } })).status).toBeLessThan(300);
    const before = await version();
    writeFileSync(
      own,
      `@id("sealed") @reason("Nobody touches it.") forbid (principal, action, resource is Tenantry::Tenant)
       when { resource.hasTag("sealed") } unless { action == Tenantry::Action::"auditEventList" };`,
    );
    await settled("the new policy", (set) => set.version !== before);

    type Call = [method: string, at: (id: string) => string, id: string, body?: object];
    const writes: Record<string, Call> = {
      pinRelease: ["POST", (id) => `/pins/${id}/release`, pinId, { reason }],
      windowDelete: ["DELETE", (id) => `/windows/${id}?reason=over`, windowId],
      limitOverrideEnd: ["POST", (id) => `/limit-overrides/${id}/end`, overrideId, { reason }],
      operationCancel: ["POST", (id) => `/operations/${id}/cancel`, operationId, {}],
      operationRetry: ["POST", (id) => `/operations/${id}/retry`, operationId, {}],
      manifestRelease: ["POST", (id) => `/manifests/tenants/${id}/release`, "sealed", { reason }],
    };
    const reads: Record<string, Call> = {
      windowGet: ["GET", (id) => `/windows/${id}`, windowId],
      limitOverrideGet: ["GET", (id) => `/limit-overrides/${id}`, overrideId],
      operationGet: ["GET", (id) => `/operations/${id}`, operationId],
      operationEvents: ["GET", (id) => `/operations/${id}/events`, operationId],
      manifestExport: ["GET", (id) => `/manifests/tenants/${id}`, "sealed"],
      tenantByExternalId: ["GET", (id) => `/tenants/by-external-id/crm/${id}`, "4711"],
    };
    const auditor = (await post("/api-keys", { name: "looks", role: "auditor" })).body.secret;
    for (const [action, [method, at, id, body]] of Object.entries({ ...writes, ...reads })) {
      const send = (path: string, key?: string) =>
        service.call(method, `${controlPlane}${path}`, { ...(body && { body }), ...(key && { key }) });
      expect(await send(at(id)), action).toMatchObject({
        ...{ status: 403, body: { code: "policy_denied", reasons: [{ policyId: "sealed" }] } },
      });
      const [event] = await eventsOf(tenantId, "access.denied");
      expect(event).toMatchObject({ outcome: "denied", details: { action, code: "policy_denied" } });
      const nobodys = id.length === 36 ? "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11" : "nobodys";
      expect(await send(at(nobodys)), action).toMatchObject({ status: 404 });
      if (action in writes)
        expect(await send(at(nobodys), auditor), action).toMatchObject({ body: { code: "forbidden" } });
    }
    rmSync(own);
    await settled("the old policies", (set) => set.version === before);
    expect((await post(`/pins/${pinId}/release`, { reason })).status).toBe(200);
  });

  it("and a key's environments see the plane that is chosen for who names none", async () => {
    const before = await version();
    const draft = { planes: [] };
    const [tenantId, other] = [
      await createTenant(service, "to-be-placed", draft),
      await createTenant(service, "placed-by-prod", draft),
    ];
    const ofProd = { name: "of prod", role: "fleet_operator", environments: ["prod"] };
    const { secret } = (await post("/api-keys", ofProd)).body;
    const asked = { key: secret, body: {} };
    const refused = await service.call("POST", `${controlPlane}/tenants/${other}/activate`, asked);
    expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } });
    const applied = (key?: string) =>
      service.call("POST", `${controlPlane}/manifests/apply`, {
        body: { documents: [placeless] },
        ...(key && { key }),
      });
    expect(await applied(secret)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    writeFileSync(
      own,
      `@id("not-there") @reason("Nothing starts in dev.")
       forbid (principal, action == Tenantry::Action::"tenantActivate", resource)
       when { context.wanted.environments.contains("dev") };`,
    );
    await settled("the new policy", (set) => set.version !== before);
    const denied = { status: 403, body: { code: "policy_denied", reasons: [{ policyId: "not-there" }] } };
    expect(await post(`/tenants/${tenantId}/activate`)).toMatchObject(denied);
    expect(await applied()).toMatchObject(denied);
    rmSync(own);
    await settled("the old policies", (set) => set.version === before);
    expect(await run(service, `/tenants/${tenantId}/activate`)).toMatchObject([{ status: "succeeded" }]);
  });

  it("are not taken when they do not fit; the last good ones hold, and it is said", async () => {
    const before = await version();
    writeFileSync(
      own,
      '@id("typo") @reason("x") forbid (principal, action, resource) when { context.reson == "" };',
    );
    const set = await settled("the problem", ({ problem }) => problem !== null);
    expect(set).toMatchObject({
      version: before,
      problem: { messages: [expect.stringMatching(/`reson` .* other operations/)] },
    });
    expect(await metric("tenantry_policy_stale")).toBe(1);
    expect((await service.call("GET", "/readiness")).body.checks).toContainEqual(
      expect.objectContaining({ name: "policies", ok: false }),
    );
    await createTenant(service, "still-works");
    await service.restart();
    expect(await version()).toBe(before);
    await createTenant(service, "works-after-a-restart");
    rmSync(own);
    await settled("the end of the problem", ({ problem }) => problem === null);
    expect(await metric("tenantry_policy_stale")).toBe(0);
  });

  it("may deny reading, which then is decided on as well", async () => {
    writeFileSync(
      own,
      `@id("no-lists") @reason("Nobody lists tenants here.")
       forbid (principal, action == Tenantry::Action::"tenantList", resource);`,
    );
    await settled("the new policy", (set) => (set as unknown as { governsReads: boolean }).governsReads);
    expect((await service.call("GET", `${controlPlane}/tenants`)).body.code).toBe("policy_denied");
    rmSync(own);
  });

  it("must be good at the first start", async () => {
    const empty = mkdtempSync(path.join(tmpdir(), "tenantry-no-policies-"));
    await expect(startTestService(["--policies", empty])).rejects.toThrow(
      /must parse and fit the schema.*no file/,
    );
    rmSync(empty, { recursive: true });
  });
});
