import { expect, it } from "vitest";
import { EXTERNAL_ID_LIMITS } from "../../contract/externalId.ts";
import {
  externalIdList,
  externalIdRemove,
  externalIdSet,
  externalIdsOf,
  tenantByExternalId,
} from "../../registry/externalId.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantDelete } from "../../registry/tenantLifecycle.ts";
import { tenantList } from "../../registry/tenantList.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

function set(
  registry: Registry,
  tenantId: string,
  system: string,
  externalId: string,
  expectedVersion?: number,
) {
  return registry.change(context, (change) =>
    externalIdSet(change, { tenantId, system }, { externalId }, { expectedVersion }),
  );
}

describeDialects("external ids", (create) => {
  it("lead to their tenant, by the exact letters", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await set(registry, tenantId, "crm", "Cus_0042");
    const found = await registry.read((db) => tenantByExternalId(db, "crm", "Cus_0042"));
    expect(found.tenantId).toBe(tenantId);
    for (const [system, id] of [
      ["crm", "cus_0042"],
      ["billing", "Cus_0042"],
      ["crm", "Cus_004"],
    ] as const) {
      const miss = registry.read((db) => tenantByExternalId(db, system, id));
      await expect(miss).rejects.toMatchObject({ code: "external_id_not_found" });
    }
  });

  it("are one tenant's in a system, and another's in another", async () => {
    const registry = await (await create()).open();
    const one = await addTenant(registry, "one");
    const two = await addTenant(registry, "two");
    await set(registry, one.tenantId, "crm", "42");
    await set(registry, two.tenantId, "billing", "42");
    await expect(set(registry, two.tenantId, "crm", "42")).rejects.toMatchObject({
      code: "duplicate_external_id",
      status: 409,
    });
    expect(await registry.read((db) => externalIdsOf(db, two.tenantId))).toMatchObject([
      { system: "billing" },
    ]);
  });

  it("of two tenants at once go to one of them", async () => {
    const registry = await (await create()).open();
    const tenants = [await addTenant(registry, "one"), await addTenant(registry, "two")];
    const outcomes = await Promise.allSettled(
      tenants.map(({ tenantId }) => set(registry, tenantId, "crm", "42")),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const lost = outcomes.find(({ status }) => status === "rejected") as PromiseRejectedResult;
    expect(lost.reason).toMatchObject({ code: "duplicate_external_id" });
  });

  it("are replaced by version, and the same again writes nothing", async () => {
    const database = await create();
    const registry = await database.open();
    const { tenantId } = await addTenant(registry, "acme");
    const first = await set(registry, tenantId, "crm", "1", 0);
    expect(await set(registry, tenantId, "crm", "1")).toEqual(first);
    expect(await set(registry, tenantId, "crm", "2", 1)).toMatchObject({ externalId: "2", recordVersion: 2 });
    await expect(set(registry, tenantId, "crm", "3", 1)).rejects.toMatchObject({ code: "version_conflict" });
    const rows = await database.raw(
      "select details from audit_events where action = 'external_id.set' order by sequence",
    );
    expect(rows.map(({ details }) => JSON.parse(String(details)))).toMatchObject([
      { system: "crm", from: null, to: "1" },
      { system: "crm", from: "1", to: "2" },
    ]);
  });

  it("are words to search by, until they are removed", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await set(registry, tenantId, "crm", "cus_0042");
    const found = async (search: string) =>
      (await registry.read((db) => tenantList(db, { limit: 5, search }))).items.map(({ slug }) => slug);
    expect(await found("CUS 0042")).toEqual(["acme"]);
    expect(await found("cus 43")).toEqual([]);
    await registry.change(context, (change) => externalIdRemove(change, { tenantId, system: "crm" }));
    expect(await found("cus")).toEqual([]);
    const again = registry.change(context, (change) => externalIdRemove(change, { tenantId, system: "crm" }));
    await expect(again).rejects.toMatchObject({ code: "external_id_not_found" });
  });

  it("are free again when the tenant is deleted", async () => {
    const registry = await (await create()).open();
    const one = await addTenant(registry, "one");
    const two = await addTenant(registry, "two");
    await set(registry, one.tenantId, "crm", "42");
    await registry.change(context, (change) => tenantDelete(change, one.tenantId));
    await set(registry, two.tenantId, "crm", "42");
    const holder = await registry.read((db) => tenantByExternalId(db, "crm", "42"));
    expect(holder.tenantId).toBe(two.tenantId);
  });

  it("are limited in number and listed page by page", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    for (let count = 0; count < EXTERNAL_ID_LIMITS.perTenant; count += 1) {
      await set(registry, tenantId, `system-${count}`, "1");
    }
    await expect(set(registry, tenantId, "more", "1")).rejects.toMatchObject({
      code: "too_many_external_ids",
    });
    const first = await registry.read((db) => externalIdList(db, tenantId, { limit: 12 }));
    const cursor = first.nextCursor ?? "";
    const second = await registry.read((db) => externalIdList(db, tenantId, { limit: 12, cursor }));
    const systems = [...first.items, ...second.items].map(({ system }) => system);
    expect([systems.length, new Set(systems).size, second.nextCursor]).toEqual([20, 20, null]);
  });
});
