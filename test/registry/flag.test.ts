import { expect, it } from "vitest";
import { flagCreateSchema } from "../../contract/flag.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import { flagArchive, flagCreate, flagGet, flagList, flagsLive, flagUpdate } from "../../registry/flag.ts";
import {
  flagOverrideFind,
  flagOverrideList,
  flagOverrideRemove,
  flagOverrideSet,
  flagOverridesOfTenant,
} from "../../registry/flagOverride.ts";
import type { Registry } from "../../registry/registry.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const make = (registry: Registry, flagKey = "new-view", more: object = {}) =>
  registry.change(context, (change) => flagCreate(change, flagCreateSchema.parse({ flagKey, ...more })));

describeDialects("flags", (create) => {
  it("come back as they were made, and their keys are used once for ever", async () => {
    const registry = await (await create()).open();
    const rules = [{ cohort: { plans: ["starter"] }, enabled: true, percentage: 12.5 }];
    const flag = await make(registry, "new-view", { rules, percentage: 3, description: "of spring" });
    expect(await registry.read((db) => flagGet(db, "new-view"))).toEqual(flag);
    expect(flag).toMatchObject({ rules, percentage: 3, defaultEnabled: false, recordVersion: 1 });
    await registry.change(context, (change) => flagArchive(change, "new-view", "done"));
    await expect(make(registry)).rejects.toMatchObject({ code: "duplicate_flag" });
    expect(await registry.read(flagsLive)).toEqual([]);
    const listed = await registry.read((db) => flagList(db, { limit: 5, archived: true }));
    expect(listed.items).toMatchObject([{ flagKey: "new-view", archivedAt: expect.any(String) }]);
  });

  it("change by one version with each edit, and not on another version than was read", async () => {
    const registry = await (await create()).open();
    await make(registry);
    const update = (percentage: number, expectedVersion?: number) =>
      registry.change(context, (change) =>
        flagUpdate(change, "new-view", { percentage, reason: "step" }, { expectedVersion }),
      );
    expect(await update(10, 1)).toMatchObject({ percentage: 10, recordVersion: 2 });
    await expect(update(20, 1)).rejects.toMatchObject({ code: "version_conflict" });
    await expect(
      registry.change(context, (change) => flagUpdate(change, "other", { percentage: 1 })),
    ).rejects.toMatchObject({ code: "flag_not_found" });
    const events = await registry.read((db) => auditEventList(db, { limit: 1, action: "flag.updated" }));
    expect(events.items[0]).toMatchObject({
      reason: "step",
      details: { changed: { percentage: { from: 0, to: 10 } } },
    });
  });

  it("have overrides by tenant, which expire, are replaced and removed on the tenant's chain", async () => {
    const registry = await (await create()).open();
    await make(registry);
    const { tenantId } = await addTenant(registry, "acme");
    const set = (enabled: boolean, expiresAt: string | null = null) =>
      registry.change(
        context,
        (change) =>
          flagOverrideSet(change, "new-view", tenantId, enabled, { reason: "asked for", expiresAt }),
        { tenantId },
      );
    await set(true);
    const second = await set(false, "2030-01-01T00:00:00.000Z");
    const at = (now: string) => registry.read((db) => flagOverridesOfTenant(db, tenantId, now));
    expect((await at("2029-12-31T00:00:00.000Z")).get("new-view")).toEqual(second);
    expect((await at("2030-01-01T00:00:00.000Z")).size).toBe(0);
    const listed = await registry.read((db) =>
      flagOverrideList(db, "new-view", { limit: 5 }, "2030-01-01T00:00:00.000Z"),
    );
    expect(listed.items).toMatchObject([{ tenantId, enabled: false, expired: true }]);

    const remove = () =>
      registry.change(context, async (change) => {
        const removed = await flagOverrideRemove(change, "new-view", tenantId, "over");
        if (removed === undefined)
          await change.audit({ action: "test.noted", target: { type: "test", id: "1" } });
        return removed;
      });
    expect(await remove()).toMatchObject({ enabled: false });
    expect(await remove()).toBeUndefined();
    expect(await registry.read((db) => flagOverrideFind(db, "new-view", tenantId))).toBeUndefined();
    const events = await registry.read((db) => auditEventList(db, { limit: 5, chain: tenantId }));
    expect(events.items.map(({ action }) => action)).toEqual([
      ...["tenant.created", "flag.override_set", "flag.override_set", "flag.override_removed"],
    ]);
  });
});
