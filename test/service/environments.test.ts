import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MANIFEST_API_VERSION } from "../../contract/manifest.ts";
import { isMutation, type Route } from "../../contract/route.ts";
import { type OperationId, routes } from "../../contract/routes.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantGet, tenantUpdate } from "../../registry/tenant.ts";
import { scopeRuleOf } from "../../service/app/environmentScope.ts";
import { addPlane, context, newTarget } from "../registry/fixtures.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  dump,
  plane,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

/** A key for dev alone, against what is in dev, in prod and in both. */
const PROD = "prod-eu-west-1";
let service: TestService;
let key: string;
let adminOfDev: string;
const ids: Record<"dev" | "prod" | "both" | "once", string> = { dev: "", prod: "", both: "", once: "" };

beforeAll(async () => {
  service = await startTestService(["--reconcile", "off"]);
  await createRelease(service, "1.0.0");
  const prod = await addPlane(service.registry(), "prod");
  ids.dev = await createTenant(service, "in-dev", { planes: [plane] });
  ids.prod = await createTenant(service, "in-prod", { planes: [PROD] });
  ids.both = await createTenant(service, "in-both", { planes: [plane, PROD] });
  const there = await run(service, `/tenants/${ids.both}/activate`, { planes: [plane] });
  expect(there).toMatchObject([{ status: "succeeded" }]);
  await service.registry().change(context, async (change) => {
    await newTarget(change, await tenantGet(change.db, ids.both), prod);
  });
  ids.once = await createTenant(service, "once-in-prod", { planes: [PROD] });
  await service.call("PATCH", `${controlPlane}/tenants/${ids.once}`, { body: { planes: [plane] } });
  key = await make("fleet_operator");
  adminOfDev = await make("fleet_admin");
  // Its first use is written down; here it would look like a change.
  await send("GET", "/tenants");
});
afterAll(() => service.stop());

async function make(role: string): Promise<string> {
  const body = { name: `dev ${role}`, role, environments: ["dev"] };
  return (await service.call("POST", `${controlPlane}/api-keys`, { body })).body.secret;
}

function send(method: string, path: string, body?: object, as = key) {
  return service.call(method, `${controlPlane}${path}`, { key: as, ...(body && { body }) });
}

const moving: Record<string, string> = {};
const refused = { status: 403, body: { code: "forbidden" } };
const cohort = (planes: string[]) => ({ planes });

describe("a key for some environments", () => {
  it("changes what lies in them", async () => {
    const edit = { displayName: "Edited" };
    expect(await send("PATCH", `/tenants/${ids.dev}`, edit)).toMatchObject({ status: 200 });
    expect(
      await send("POST", "/tenants", { slug: "new-dev", displayName: "n", plan: "starter", planes: [plane] }),
    ).toMatchObject({ status: 201 });
    expect(await send("POST", "/drift/scans", cohort([plane]))).toMatchObject({ status: 202 });
    const [operation] = await run(service, `/tenants/${ids.dev}/activate`);
    expect(operation.status).toBe("succeeded");
    expect((await send("POST", `/tenants/${ids.dev}/deploy`, { force: true })).status).toBe(202);
    expect((await send("POST", `/tenants/${ids.both}/deploy`, { planes: [plane] })).status).toBe(202);
    expect(
      (await send("POST", "/pins", { tenantId: ids.both, planeName: plane, reason: "held" })).status,
    ).toBe(201);
  });

  it.each<[string, string, string, object | undefined]>([
    ["the record of a tenant elsewhere", "PATCH", "/tenants/{prod}", { displayName: "x" }],
    ["the record of a tenant that is elsewhere too", "PATCH", "/tenants/{both}", { displayName: "x" }],
    ["where a tenant is, to elsewhere", "PATCH", "/tenants/{dev}", { planes: [plane, PROD] }],
    [
      "a new tenant elsewhere",
      "POST",
      "/tenants",
      { slug: "new", displayName: "n", plan: "starter", planes: [PROD] },
    ],
    ["a deployment elsewhere", "POST", "/tenants/{both}/deploy", { planes: [PROD] }],
    ["a deployment everywhere", "POST", "/tenants/{both}/deploy", {}],
    ["a suspension of the whole tenant", "POST", "/tenants/{both}/suspend", { reason: "unpaid" }],
    ["a deletion", "DELETE", "/tenants/{prod}?reason=gone", undefined],
    ["a domain elsewhere", "POST", "/tenants/{dev}/domains", { domain: "acme.test", planeName: PROD }],
    ["a pin elsewhere", "POST", "/pins", { tenantId: "{both}", planeName: PROD, reason: "held" }],
    [
      "a freeze elsewhere",
      "POST",
      "/windows",
      {
        effect: "deny",
        planeName: PROD,
        fromAt: "2030-01-01T00:00:00Z",
        untilAt: "2030-01-02T00:00:00Z",
        reason: "rest",
      },
    ],
    ["a rollout to the whole fleet", "POST", "/rollouts", { change: { kind: "release", releaseNumber: 1 } }],
    [
      "what the tenants of a plane share with elsewhere, in waves",
      "POST",
      "/rollouts",
      { change: { kind: "field", field: "settings.LOG_LEVEL", value: "debug" }, scope: { planes: [plane] } },
    ],
    [
      "where a tenant is, by reconfiguring",
      "POST",
      "/tenants/{dev}/reconfigure",
      { change: { planes: [PROD] } },
    ],
    [
      "where a tenant is, by going back to what it was",
      "POST",
      "/tenants/{once}/versions/1/restore",
      { reason: "as it was" },
    ],
    ["a scan of planes elsewhere", "POST", "/drift/scans", { planes: [plane, PROD] }],
    ["a scan of the whole fleet", "POST", "/drift/scans", {}],
    ["a repair elsewhere", "POST", "/drift/repairs", { tenantIds: ["{prod}"] }],
    ["a flag of the whole fleet", "POST", "/flags", { flagKey: "beta", description: "b" }],
    ["a flag of a tenant elsewhere", "PUT", "/flags/beta/overrides/{prod}", { enabled: true, reason: "try" }],
    ["a plane elsewhere", "POST", "/planes", { environment: "prod" }],
    ["a breaker elsewhere", "POST", `/breakers/plane%2F${PROD}/reset`, {}],
    ["manifests of elsewhere", "POST", "/manifests/apply", { documents: [manifest("from-text", PROD)] }],
    [
      "manifests of a tenant that is elsewhere now",
      "POST",
      "/manifests/apply",
      { documents: [manifest("in-prod", plane)] },
    ],
  ])("does not change %s, and leaves a trace", async (_what, method, path, body) => {
    const fill = (text: string) =>
      text.replace(/\{(dev|prod|both|once)\}/g, (_all, name: keyof typeof ids) => ids[name]);
    const before = await withoutTrail();
    const sent = body === undefined ? undefined : JSON.parse(fill(JSON.stringify(body)));
    expect(await send(method, fill(path), sent)).toMatchObject(refused);
    expect(await withoutTrail()).toEqual(before);
    const { items } = (await service.call("GET", `${controlPlane}/audit/events?action=access.denied&limit=1`))
      .body;
    expect(items[0]).toMatchObject({ outcome: "denied", details: { held: ["dev"] } });
  });

  it.each<[string, (slug: string) => Parameters<typeof send>]>([
    ["edit", (slug) => ["PATCH", `/tenants/${moving[slug]}`, { displayName: "Edited" }]],
    ["manifest", (slug) => ["POST", "/manifests/apply", { documents: [manifest(slug, plane)] }]],
    ["scan", (slug) => ["POST", "/drift/scans", { tenantIds: [moving[slug]] }]],
  ])("makes no %s of what is put elsewhere between its question and the change", async (what, request) => {
    const slug = `moving-${what}`;
    const tenantId = await createTenant(service, slug, { planes: [plane] });
    moving[slug] = tenantId;
    const registry = service.registry() as { change: Registry["change"] };
    const { change } = registry;
    registry.change = async <T>(...asked: Parameters<typeof change>) => {
      registry.change = change;
      await change(context, (move) => tenantUpdate(move, tenantId, { planes: [PROD] }));
      return change(...asked) as Promise<T>;
    };
    expect(await send(...request(slug))).toMatchObject(refused);
    expect(registry.change).toBe(change);
    const { displayName, planes, managedBy } = (await send("GET", `/tenants/${tenantId}`)).body;
    expect([displayName, planes, managedBy]).toEqual([slug, [PROD], "api"]);
    const { items } = (await service.call("GET", `${controlPlane}/audit/events?action=access.denied&limit=1`))
      .body;
    expect(items[0]).toMatchObject({ outcome: "denied", details: { held: ["dev"] } });
    expect(items[0].details.reaches).toContain("prod");
    expect((await send(...request(slug))).status).toBe(403);
  });

  it("overrides no limit of a tenant elsewhere, nor ends such an override", async () => {
    const limit = { kind: "quota", quota: "eventsPerDay", value: 5 };
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const body = (tenantId: string) => ({ tenantId, limit, expiresAt, reason: "black week" });
    const end = (overrideId: string) =>
      send("POST", `/limit-overrides/${overrideId}/end`, { reason: "over" }, adminOfDev);
    const elsewhere = (
      await service.call("POST", `${controlPlane}/limit-overrides`, { body: body(ids.prod) })
    ).body;
    expect(await send("POST", "/limit-overrides", body(ids.prod), adminOfDev)).toMatchObject(refused);
    expect(await end(elsewhere.overrideId)).toMatchObject(refused);
    const own = await send("POST", "/limit-overrides", body(ids.dev), adminOfDev);
    expect(own.status).toBe(201);
    expect(await end(own.body.overrideId)).toMatchObject({ status: 200 });
    expect((await end("0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11")).status).toBe(404);
  });

  it("makes, rotates and revokes no key for more than it has itself", async () => {
    const as = adminOfDev;
    const body = (environments: string[] | null) => ({
      name: "another",
      role: "fleet_operator",
      environments,
    });
    expect(await send("POST", "/api-keys", body(null), as)).toMatchObject(refused);
    expect(await send("POST", "/api-keys", body(["dev", "prod"]), as)).toMatchObject(refused);
    const made = await send("POST", "/api-keys", body(["dev"]), as);
    expect(made).toMatchObject({ status: 201, body: { environments: ["dev"] } });
    const own = `/api-keys/${made.body.keyId}`;
    const rotated = await send("POST", `${own}/rotate`, { overlapMinutes: 5 }, as);
    expect(rotated).toMatchObject({ status: 200, body: { keyId: made.body.keyId } });
    expect(rotated.body.secret).not.toBe(made.body.secret);
    for (const secret of [made.body.secret, rotated.body.secret])
      expect((await send("GET", "/tenants", undefined, secret)).status).toBe(200);
    const [, all = ""] = /^tk_(\w{12})_/.exec(service.adminKey) ?? [];
    expect(await send("POST", `/api-keys/${all}/rotate`, {}, as)).toMatchObject(refused);
    expect(await send("DELETE", `/api-keys/${all}`, undefined, as)).toMatchObject(refused);
  });

  it("reads the whole fleet", async () => {
    const { body } = await send("GET", "/tenants");
    const slugs = body.items.map(({ slug }: { slug: string }) => slug);
    expect(slugs).toEqual(expect.arrayContaining(["in-dev", "in-prod", "in-both"]));
    expect((await send("GET", `/tenants/${ids.prod}`)).status).toBe(200);
  });

  const fleetWide = Object.entries(routes as Readonly<Record<string, Route>>).filter(
    ([operationId, route]) =>
      isMutation(route) && scopeRuleOf(operationId as OperationId, route) === "all environments",
  );
  it.each(fleetWide)("is never let through to %s, which reaches every environment", async (_id, route) => {
    const path = route.path.replaceAll(/:\w+/g, "0").replace(controlPlane, "");
    const answer = await send(route.method.toUpperCase(), path, {}, adminOfDev);
    // What is not well-formed is told so before anything is looked up.
    expect([403, 422]).toContain(answer.status);
  });
});

function manifest(slug: string, planeName: string): string {
  return JSON.stringify({
    apiVersion: MANIFEST_API_VERSION,
    kind: "Tenant",
    metadata: { slug },
    spec: { displayName: slug, plan: "starter", state: "active", planes: [planeName] },
  });
}

async function withoutTrail(): Promise<unknown[]> {
  const rows = JSON.parse(await dump(service)) as [string, unknown][];
  const trail = ["auditEvents", "auditHeads", "operations", "operationJournal", "outbox", "targets"];
  const busy = [
    "targetObservations",
    "driftScans",
    "driftScanTargets",
    "stackLeases",
    "queueTurns",
    "routes",
  ];
  return rows.filter(([table]) => ![...trail, ...busy, "routingVersions"].includes(table));
}
