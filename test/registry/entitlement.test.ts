import { expect, it } from "vitest";
import { type EntitlementSet, entitlementSetSchema } from "../../contract/entitlement.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import { bundleFind, bundlesDue, entitlementsRefresh } from "../../registry/entitlement.ts";
import {
  entitlementOverrideRemove,
  entitlementOverrideSet,
  entitlementOverrides,
  entitlementOverridesExpire,
} from "../../registry/entitlementOverride.ts";
import { outboxPending } from "../../registry/outbox.ts";
import { planGet, planVersionCreate } from "../../registry/plan.ts";
import type { Change, Registry } from "../../registry/registry.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { specOf } from "../../service/plans/compare.ts";
import { addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const wish = (more: object = {}): EntitlementSet =>
  entitlementSetSchema.parse({ capabilityKey: "audit-export", enabled: true, reason: "trial", ...more });

async function after(change: Change, tenantId: string, because = "test"): Promise<number> {
  return entitlementsRefresh(change, await tenantGet(change.db, tenantId), because);
}

function set(registry: Registry, tenantId: string, more: object = {}): Promise<number> {
  return registry.change(context, async (change) => {
    await entitlementOverrideSet(change, tenantId, wish(more));
    return after(change, tenantId);
  });
}

describeDialects("entitlements", (create) => {
  it("are evaluated with the tenant, and again with what changes them", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    const bundle = () => registry.read((db) => bundleFind(db, tenantId));
    expect(await bundle()).toMatchObject({ version: 1, nextChangeAt: null });
    expect((await bundle())?.content.entitlements["audit-export"]).toMatchObject({
      enabled: false,
      source: "plan",
    });

    expect(await set(registry, tenantId)).toBe(2);
    expect((await bundle())?.content.entitlements["audit-export"]).toMatchObject({
      enabled: true,
      source: "override",
    });
    // The same again: neither a version nor an event.
    await registry.change(context, async (change) => {
      await entitlementOverrideSet(change, tenantId, wish());
      expect(await after(change, tenantId)).toBe(2);
      await change.audit({ action: "test.nothing", target: { type: "tenant", id: tenantId }, tenantId });
    });
    // Another reason is kept, and is no other entitlement.
    expect(await set(registry, tenantId, { reason: "bought" })).toBe(2);
    await registry.change(context, async (change) => {
      await entitlementOverrideRemove(change, tenantId, "audit-export", "over");
      expect(await after(change, tenantId)).toBe(3);
    });
    const events = (await registry.read((db) => outboxPending(db, 100))).filter(
      ({ type }) => type === "entitlement.changed",
    );
    expect(events.map(({ payload }) => [payload.version, payload.changed])).toEqual([
      [2, { "audit-export": { from: false, to: true, source: "override" } }],
      [3, { "audit-export": { from: true, to: false, source: "plan" } }],
    ]);
    const audited = await registry.read((db) => auditEventList(db, { limit: 50, tenantId }));
    expect(
      audited.items.map(({ action }) => action).filter((action) => action.startsWith("entitlement")),
    ).toEqual([
      ...["entitlement.changed", "entitlement.override_removed", "entitlement.override_set"],
      ...["entitlement.changed", "entitlement.override_set"],
    ]);
  });

  it("end by themselves when their override does", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { tenantId } = await addTenant(registry, "acme");
    await addTenant(registry, "bystander");
    const expiresAt = new Date(clock.now().getTime() + 60_000).toISOString();
    await set(registry, tenantId, { expiresAt });
    const due = () => registry.read((db) => bundlesDue(db, clock.now().toISOString(), 10));
    expect(await due()).toEqual([]);
    clock.advance(60_000);
    expect(await due()).toEqual([tenantId]);
    await registry.change(context, async (change) => {
      await entitlementOverridesExpire(change, tenantId);
      await after(change, tenantId, "an override has ended");
    });
    expect(await due()).toEqual([]);
    expect(await registry.read((db) => entitlementOverrides(db, tenantId))).toEqual([]);
    expect(await registry.read((db) => bundleFind(db, tenantId))).toMatchObject({
      ...{ version: 3, nextChangeAt: null },
      content: { entitlements: { "audit-export": { enabled: false, source: "plan" } } },
    });
    const audited = await registry.read((db) =>
      auditEventList(db, { limit: 5, tenantId, action: "entitlement.override_expired" }),
    );
    expect(audited.items[0]).toMatchObject({ reason: "trial", details: { capabilityKey: "audit-export" } });
  });

  it("name only capabilities that a plan has named", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await expect(set(registry, tenantId, { capabilityKey: "teleport" })).rejects.toThrow();
    expect(await registry.read((db) => entitlementOverrides(db, tenantId))).toEqual([]);
  });

  it("may be called as what every object has", async () => {
    const registry = await (await create()).open();
    const { tenantId, plan, planVersion } = await addTenant(registry, "acme");
    await registry.change(context, async (change) => {
      const { features, ...spec } = specOf(await planGet(change.db, plan, planVersion));
      const feature = { enabled: true, onStale: "closed" } as const;
      const next = { ...spec, features: { ...features, constructor: feature } };
      const { version } = await planVersionCreate(change, plan, next);
      await entitlementsRefresh(change, { tenantId, plan, planVersion: version }, "test");
    });
    const told = (await registry.read((db) => outboxPending(db, 100))).find(
      ({ type }) => type === "entitlement.changed",
    );
    expect(told?.payload.changed).toEqual({ constructor: { from: null, to: true, source: "plan" } });
  });
});
