import { expect, it } from "vitest";
import type { PlanSpec } from "../../contract/plan.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import { bundleFind } from "../../registry/entitlement.ts";
import { migrations } from "../../registry/migrations/index.ts";
import {
  capabilityKeys,
  planDigest,
  planFind,
  planGet,
  planList,
  planVersionCreate,
  planVersionList,
} from "../../registry/plan.ts";
import { planBind, requireIsolationInPlan } from "../../registry/planBinding.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantGet, tenantUpdate, tenantVersionRestore } from "../../registry/tenant.ts";
import { tenantList } from "../../registry/tenantList.ts";
import { catalogPlan, catalogPlans } from "../support/plans.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const starter = catalogPlan("starter");
const bigger: PlanSpec = {
  ...starter,
  features: { ...starter.features, sso: { enabled: true, onStale: "open" } },
};

const make = (registry: Registry, spec: PlanSpec, key = "starter") =>
  registry.change(context, (change) => planVersionCreate(change, key, spec, "spring"));

describeDialects("plans", (create) => {
  it("begin as the catalog's file has them", async () => {
    const registry = await (await create()).open();
    const { items } = await registry.read((db) => planList(db, { limit: 10 }));
    expect(items.map(({ plan, latestVersion }) => [plan, latestVersion])).toEqual([
      ["business", 1],
      ["enterprise", 1],
      ["starter", 1],
    ]);
    for (const { metadata, spec } of catalogPlans) {
      const kept = await registry.read((db) => planGet(db, metadata.key));
      expect(kept, metadata.key).toMatchObject(spec);
      expect(kept.digest).toBe(planDigest(spec));
    }
    const known = await registry.read(capabilityKeys);
    expect(known).toEqual(Object.keys(starter.features).sort());
  });

  it("get a next version when they say something new, and none when they say the same", async () => {
    const registry = await (await create()).open();
    expect((await make(registry, starter)).version).toBe(1);
    expect(await make(registry, bigger)).toMatchObject({ plan: "starter", version: 2 });
    expect((await make(registry, bigger)).version).toBe(2);
    expect((await make(registry, starter)).version).toBe(3);
    expect(await registry.read((db) => planFind(db, "starter", 2))).toMatchObject(bigger);
    const page = await registry.read((db) => planVersionList(db, "starter", { limit: 2 }));
    expect(page.items.map(({ version }) => version)).toEqual([3, 2]);
    const cursor = page.nextCursor ?? "";
    const rest = await registry.read((db) => planVersionList(db, "starter", { limit: 2, cursor }));
    expect(rest.items.map(({ version }) => version)).toEqual([1]);
    const audited = await registry.read((db) =>
      auditEventList(db, { limit: 10, action: "plan.version_created" }),
    );
    expect(audited.items.map(({ details }) => details.version)).toEqual([3, 2]);
    expect(audited.items[0]).toMatchObject({ reason: "spring", target: { type: "plan", id: "starter" } });
  });

  it("are never rewritten", async () => {
    const database = await create();
    await (await database.open()).close();
    await expect(database.raw("update plan_versions set spec = '{}'")).rejects.toThrow();
    await expect(database.raw("delete from plan_versions")).rejects.toThrow();
  });

  it("are refused by name when they are not there, saying which are", async () => {
    const registry = await (await create()).open();
    await expect(registry.read((db) => planGet(db, "platinum"))).rejects.toMatchObject({
      code: "unknown_plan",
      message: expect.stringContaining("business, enterprise, starter"),
    });
    await expect(registry.read((db) => planGet(db, "starter", 7))).rejects.toMatchObject({
      code: "unknown_plan",
      message: expect.stringContaining("its version must be 1 to 1, got 7"),
    });
    const binding = { plan: "starter", planVersion: 1 };
    await expect(
      registry.read((db) => requireIsolationInPlan(db, binding, "dedicated")),
    ).rejects.toMatchObject({
      code: "isolation_not_in_plan",
      options: { hint: expect.stringMatching(/enterprise/) },
    });
  });

  it("bind tenants to a version: a new one changes nobody until they are bound to it", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await make(registry, bigger);
    const update = (change: Parameters<typeof tenantUpdate>[2]) =>
      registry.change(context, (open) => tenantUpdate(open, tenantId, change));

    expect(await registry.read((db) => tenantGet(db, tenantId))).toMatchObject({
      planVersion: 1,
      recordVersion: 1,
    });
    expect(await update({ plan: "starter", displayName: "Acme II" })).toMatchObject({
      ...{ displayName: "Acme II", planVersion: 1 },
    });
    expect((await addTenant(registry, "newcomer")).planVersion).toBe(2);
    const boundTo = async (planVersion: number) => {
      const query = { limit: 10, plan: "starter", planVersion };
      return (await registry.read((db) => tenantList(db, query))).items.map(({ slug }) => slug);
    };
    expect([await boundTo(1), await boundTo(2), await boundTo(3)]).toEqual([["acme"], ["newcomer"], []]);

    expect(await update({ planVersion: 2 })).toMatchObject({ plan: "starter", planVersion: 2 });
    const bundle = await registry.read((db) => bundleFind(db, tenantId));
    expect(bundle).toMatchObject({ version: 2, content: { planVersion: 2 } });
    expect(bundle?.content.entitlements.sso).toEqual({ enabled: true, source: "plan", onStale: "open" });

    expect(await update({ plan: "business" })).toMatchObject({ plan: "business", planVersion: 1 });
    await expect(update({ plan: "starter", planVersion: 9 })).rejects.toMatchObject({ code: "unknown_plan" });
    // Back to the record's version of before: the exact binding, not the newest of that plan.
    const restored = await registry.change(context, (change) =>
      tenantVersionRestore(change, tenantId, 1, { reason: "back" }),
    );
    expect(restored).toMatchObject({ plan: "starter", planVersion: 1 });
    expect(await registry.read((db) => bundleFind(db, tenantId))).toMatchObject({ version: 4 });
  });

  it("bind as wished: a named version, else the newest of a plan that is new, else what is", async () => {
    const registry = await (await create()).open();
    await make(registry, bigger);
    const before = { plan: "starter", planVersion: 1 };
    const bind = (wish: Parameters<typeof planBind>[2], from: typeof before | undefined = before) =>
      registry.read((db) => planBind(db, from, wish));
    expect(await bind({})).toEqual(before);
    expect(await bind({ plan: "starter" })).toEqual(before);
    expect(await bind({ planVersion: 2 })).toEqual({ plan: "starter", planVersion: 2 });
    expect(await bind({ plan: "business" })).toEqual({ plan: "business", planVersion: 1 });
    expect(await bind({ plan: "starter" }, { plan: "business", planVersion: 1 })).toEqual({
      ...{ plan: "starter", planVersion: 2 },
    });
  });

  it("come to a registry of before with every tenant bound to what it had, and its entitlements evaluated", async () => {
    const database = await create({ empty: true });
    await database.migrate(
      migrations.slice(
        0,
        migrations.findIndex(({ name }) => name === "0017_plans"),
      ),
    );
    const at = "2026-01-01T00:00:00.000Z";
    const row = (slug: string, plan: string) =>
      `insert into tenants (tenant_id, slug, display_name, status, requested_status, plan, labels, settings, secret_refs, planes,
        isolation, regions, suspension_mode, data_classification, managed_by, record_version, created_at, updated_at)
       values ('${slug}', '${slug}', 'x', 'active', 'active', '${plan}', '{}', '{}', '{}', '[]',
        'pooled', '{"allowed":[],"preferred":[]}', 'workloads', 'confidential', 'api', 1, '${at}', '${at}')`;
    await database.raw(row("old-starter", "starter"), row("old-business", "business"));
    const registry = await database.open();
    for (const plan of ["starter", "business"]) {
      const tenant = await registry.read((db) => tenantGet(db, `old-${plan}`));
      expect(tenant).toMatchObject({ plan, planVersion: 1 });
      const fresh = await addTenant(registry, `new-${plan}`, { plan });
      const [old, made] = await registry.read((db) =>
        Promise.all([bundleFind(db, tenant.tenantId), bundleFind(db, fresh.tenantId)]),
      );
      expect(old).toMatchObject({ version: 1, changedAt: at, nextChangeAt: null });
      expect(old?.content).toEqual(made?.content);
    }
  });
});
