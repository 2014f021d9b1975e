import { expect, it } from "vitest";
import type { TenantListQuery } from "../../contract/tenant.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import type { Registry } from "../../registry/registry.ts";
import {
  tenantFind,
  tenantFindBySlug,
  tenantGet,
  tenantUpdate,
  tenantVersionList,
  tenantVersionRestore,
} from "../../registry/tenant.ts";
import { tenantTransitionComplete, tenantTransitionRequest } from "../../registry/tenantLifecycle.ts";
import { tenantList } from "../../registry/tenantList.ts";
import { addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("tenant records", (create) => {
  it("come back as they were written", async () => {
    const registry = await (await create()).open();
    const written = await addTenant(registry, "acme", {
      displayName: "Acme Ltd",
      primaryDomain: "app.acme.example",
      labels: { tier: "gold", "team/owner": "north" },
      planes: ["dev-eu-west-1"],
      config: { settings: { LOG_LEVEL: "info" }, secretRefs: { SMTP: "/dev/tenants/acme/smtp" } },
    });
    expect(await registry.read((db) => tenantGet(db, written.tenantId))).toEqual(written);
    expect(written).toMatchObject({
      status: "draft",
      requestedStatus: "draft",
      recordVersion: 1,
      plan: "starter",
    });
  });

  it("are refused a slug that a living tenant has, and nothing is written", async () => {
    const database = await create();
    const registry = await database.open();
    await addTenant(registry, "acme");
    await expect(addTenant(registry, "acme")).rejects.toMatchObject({
      code: "duplicate_slug",
      status: 409,
      options: { errors: [{ path: "body.slug", value: "acme" }] },
    });
    expect(await database.raw("select slug from tenants")).toEqual([{ slug: "acme" }]);
    expect(await database.raw("select sequence from audit_events")).toHaveLength(1);
  });

  it("are refused a taken slug by the database, too, when the check is passed by", async () => {
    const database = await create();
    const { tenantId } = await addTenant(await database.open(), "acme");
    const copy =
      database.raw(`insert into tenants (tenant_id, slug, display_name, status, requested_status, plan, labels,
      settings, secret_refs, planes, record_version, created_at, updated_at) select 'other', slug, display_name, status,
      requested_status, plan, labels, settings, secret_refs, planes, record_version, created_at, updated_at
      from tenants where tenant_id = '${tenantId}'`);
    await expect(copy).rejects.toThrow(/UNIQUE/i);
  });

  it("may take the slug of a deleted tenant, whose record stays", async () => {
    const registry = await (await create()).open();
    const first = await addTenant(registry, "acme");
    await deleteDraft(registry, first.tenantId);
    const second = await addTenant(registry, "acme");

    expect(second.tenantId).not.toBe(first.tenantId);
    expect(await registry.read((db) => tenantFindBySlug(db, "acme"))).toEqual(second);
    expect(await registry.read((db) => tenantGet(db, first.tenantId))).toMatchObject({ status: "deleted" });
  });

  it("that are not there are a problem with a hint, or undefined", async () => {
    const registry = await (await create()).open();
    const tenantId = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
    expect(await registry.read((db) => tenantFind(db, tenantId))).toBeUndefined();
    await expect(registry.read((db) => tenantGet(db, tenantId))).rejects.toMatchObject({
      code: "tenant_not_found",
      options: { hint: expect.stringContaining("GET /v1/control-plane/tenants") },
    });
  });
});

describeDialects("changes of a tenant's record", (create) => {
  it("write a version each and keep the history", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { tenantId } = await addTenant(registry, "acme");
    clock.advance(1_000);
    const updated = await registry.change(context, (change) =>
      tenantUpdate(change, tenantId, { displayName: "Acme International", labels: { tier: "gold" } }),
    );
    expect(updated).toMatchObject({ recordVersion: 2, displayName: "Acme International" });
    expect(updated.updatedAt > updated.createdAt).toBe(true);

    const versions = await registry.read((db) => tenantVersionList(db, tenantId, { limit: 10 }));
    expect(versions.items.map((version) => [version.recordVersion, version.tenant.displayName])).toEqual([
      [2, "Acme International"],
      [1, "Tenant acme"],
    ]);
    expect(versions.items[0]).toMatchObject({ action: "tenant.updated", actorId: "key-of-ada" });
  });

  it("are audited with old and new, settings by name only", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await registry.change(context, (change) =>
      tenantUpdate(
        change,
        tenantId,
        { plan: "business", config: { settings: { REGION_HINT: "north" } } },
        { reason: "upgrade" },
      ),
    );
    const events = await registry.read((db) => auditEventList(db, { limit: 2, tenantId }));
    expect(events.items[0]).toMatchObject({ action: "entitlement.changed", reason: "upgrade" });
    expect(events.items[1]).toMatchObject({
      action: "tenant.updated",
      reason: "upgrade",
      details: { changed: { plan: { from: "starter", to: "business" }, settings: ["REGION_HINT"] } },
    });
    expect(JSON.stringify(events.items)).not.toContain("north");
  });

  it("write nothing when nothing changes", async () => {
    const database = await create();
    const registry = await database.open();
    const tenant = await addTenant(registry, "acme");
    const again = await registry.change(context, (change) =>
      tenantUpdate(change, tenant.tenantId, { displayName: tenant.displayName }),
    );
    expect(again).toEqual(tenant);
    expect(await database.raw("select sequence from audit_events")).toHaveLength(1);
  });

  it("replace only the part of the configuration that is given", async () => {
    const registry = await (await create()).open();
    const config = { settings: { A: "1" }, secretRefs: { S: "/dev/tenants/acme/s" } };
    const { tenantId } = await addTenant(registry, "acme", { config });
    const updated = await registry.change(context, (change) =>
      tenantUpdate(change, tenantId, { config: { settings: { B: "2" } } }),
    );
    expect(updated.config).toEqual({ settings: { B: "2" }, secretRefs: config.secretRefs });
  });

  it("are refused for another version than the one read", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    const update = (displayName: string) =>
      registry.change(context, (change) =>
        tenantUpdate(change, tenantId, { displayName }, { expectedVersion: 1 }),
      );
    await update("first");
    await expect(update("second")).rejects.toMatchObject({ code: "version_conflict", status: 412 });
    expect((await registry.read((db) => tenantGet(db, tenantId))).displayName).toBe("first");
  });

  it("are refused once the tenant is going or gone", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await deleteDraft(registry, tenantId);
    const update = registry.change(context, (change) => tenantUpdate(change, tenantId, { displayName: "x" }));
    await expect(update).rejects.toMatchObject({
      code: "illegal_transition",
      options: { legalTransitions: [] },
    });
  });

  it("can be taken back to an earlier version, which makes a new one", async () => {
    const registry = await (await create()).open();
    const first = await addTenant(registry, "acme", { labels: { tier: "gold" } });
    const { tenantId } = first;
    await registry.change(context, (change) =>
      tenantUpdate(change, tenantId, { displayName: "Wrong", plan: "enterprise", labels: { tier: "tin" } }),
    );
    const restored = await registry.change(context, (change) =>
      tenantVersionRestore(change, tenantId, 1, { reason: "typed wrongly" }),
    );
    expect(restored).toMatchObject({ recordVersion: 3, displayName: first.displayName, plan: "starter" });
    const gold = await registry.read((db) => tenantList(db, { limit: 10, label: "tier=gold" }));
    expect(gold.items.map((tenant) => tenant.tenantId)).toEqual([tenantId]);
  });

  it("keep the status when an earlier version is restored", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await registry.change(context, (change) => tenantTransitionRequest(change, tenantId, "activate"));
    await registry.change(context, (change) => tenantTransitionComplete(change, tenantId, "activate"));
    await registry.change(context, (change) => tenantUpdate(change, tenantId, { displayName: "x" }));
    const restored = await registry.change(context, (change) => tenantVersionRestore(change, tenantId, 1));
    expect(restored).toMatchObject({ status: "active", displayName: "Tenant acme" });
  });

  it("cannot be taken back to a version that never was", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    const restore = registry.change(context, (change) => tenantVersionRestore(change, tenantId, 7));
    await expect(restore).rejects.toMatchObject({ code: "tenant_version_not_found" });
  });

  it("are listed page by page", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    for (const displayName of ["b", "c", "d"]) {
      await registry.change(context, (change) => tenantUpdate(change, tenantId, { displayName }));
    }
    const first = await registry.read((db) => tenantVersionList(db, tenantId, { limit: 3 }));
    const cursor = first.nextCursor ?? "";
    const second = await registry.read((db) => tenantVersionList(db, tenantId, { limit: 3, cursor }));
    expect(first.items.map((version) => version.recordVersion)).toEqual([4, 3, 2]);
    expect(second.items.map((version) => version.recordVersion)).toEqual([1]);
    expect(second.nextCursor).toBeNull();
  });
});

describeDialects("lists of tenants", (create) => {
  it("filter by plan, status, label and the beginning of the slug", async () => {
    const registry = await (await create()).open();
    await addTenant(registry, "acme", { labels: { tier: "gold" } });
    await addTenant(registry, "acorn", { plan: "business", labels: { tier: "a=b" } });
    const gone = await addTenant(registry, "bolt");
    await deleteDraft(registry, gone.tenantId);
    const slugs = async (query: Partial<TenantListQuery>) => {
      const page = await registry.read((db) => tenantList(db, { limit: 10, ...query }));
      return page.items.map((tenant) => tenant.slug).sort();
    };
    expect(await slugs({})).toEqual(["acme", "acorn"]);
    expect(await slugs({ plan: "business" })).toEqual(["acorn"]);
    expect(await slugs({ status: "deleted" })).toEqual(["bolt"]);
    expect(await slugs({ status: "draft", plan: "starter" })).toEqual(["acme"]);
    expect(await slugs({ label: "tier=gold" })).toEqual(["acme"]);
    expect(await slugs({ label: "tier=a=b" })).toEqual(["acorn"]);
    expect(await slugs({ label: "tier=go" })).toEqual([]);
    expect(await slugs({ slugPrefix: "ac" })).toEqual(["acme", "acorn"]);
    expect(await slugs({ slugPrefix: "acm" })).toEqual(["acme"]);
    expect(await slugs({ slugPrefix: "zz" })).toEqual([]);
  });

  it("show each tenant once while others come and go between pages", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const slugs = Array.from({ length: 25 }, (_, place) => `tenant-${String(place).padStart(2, "0")}`);
    for (const slug of slugs) {
      await addTenant(registry, slug);
      // Several in one millisecond: the id breaks the tie.
      if (slug.endsWith("5")) clock.advance(1);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await registry.read((db) => tenantList(db, { limit: 4, cursor }));
      seen.push(...page.items.map((tenant) => tenant.slug));
      clock.advance(1);
      await addTenant(registry, `newer-${seen.length}`);
      const [shown] = page.items;
      if (shown) await deleteDraft(registry, shown.tenantId);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect([...seen].sort()).toEqual(slugs);
  });

  it("refuse a cursor that is none", async () => {
    const registry = await (await create()).open();
    const list = registry.read((db) => tenantList(db, { limit: 4, cursor: "bm90IGEgY3Vyc29y" }));
    await expect(list).rejects.toMatchObject({ code: "invalid_request", status: 422 });
  });
});

async function deleteDraft(registry: Registry, tenantId: string): Promise<void> {
  await registry.change(context, async (change) => {
    await tenantTransitionRequest(change, tenantId, "decommission", { reason: "made by mistake" });
    await tenantTransitionComplete(change, tenantId, "decommission");
  });
}
