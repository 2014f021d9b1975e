import { expect, it } from "vitest";
import { WINDOW_LIMITS } from "../../contract/window.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import type { Registry } from "../../registry/registry.ts";
import { windowCreate, windowEnd, windowList, windowListQuery, windowsOf } from "../../registry/window.ts";
import { addPlane, addTenant, context, newTarget } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

type Facts = Parameters<typeof windowCreate>[1];
const nightly = {
  ...{ effect: "allow", tenantId: null, planeName: "dev-eu-west-1", cron: "0 2 * * *", timeZone: "UTC" },
  ...{ durationMs: 3_600_000, fromAt: null, untilAt: null, reason: "at night" },
} as const satisfies Facts;

const make = (registry: Registry, more: Partial<Facts> = {}) =>
  registry.change(context, (change) => windowCreate(change, { ...nightly, ...more }));

describeDialects("windows", (create) => {
  it("hold for the targets of their tenant or plane, and share what is shared", async () => {
    const registry = await (await create()).open();
    const dev = await addPlane(registry, "dev");
    const prod = await addPlane(registry, "prod");
    const [acme, globex] = [await addTenant(registry, "acme"), await addTenant(registry, "globex")];
    const [one, two, three] = await registry.change(context, async (change) => [
      await newTarget(change, acme, dev),
      await newTarget(change, globex, dev),
      await newTarget(change, globex, prod),
    ]);
    const ofPlane = await make(registry);
    const ofTenant = await make(registry, { planeName: null, tenantId: acme.tenantId, effect: "deny" });
    const ended = await make(registry, { planeName: prod.name });
    await registry.change(context, (change) => windowEnd(change, ended.windowId));

    const targets = [one, two, three].filter((target) => target !== undefined);
    const rules = await registry.read((db) => windowsOf(db, targets));
    const ids = targets.map(({ targetId }) => rules.get(targetId)?.map(({ windowId }) => windowId));
    expect(ids).toEqual([[ofPlane.windowId, ofTenant.windowId], [ofPlane.windowId], []]);
    const again = await registry.read((db) => windowsOf(db, [...targets, ...targets]));
    expect(again.get(targets[1]?.targetId ?? "")).toEqual(rules.get(targets[1]?.targetId ?? ""));
  });

  it("that were ended stay on record, with who and when", async () => {
    const registry = await (await create()).open();
    const { windowId } = await make(registry);
    const ended = await registry.change(context, (change) => windowEnd(change, windowId, "not needed"));
    expect(ended).toMatchObject({ endedBy: "key-of-ada" });
    expect((await registry.read((db) => windowList(db, { limit: 5, ended: false }))).items).toEqual([]);
    expect((await registry.read((db) => windowList(db, { limit: 5, ended: true }))).items).toEqual([ended]);
    const events = await registry.read((db) => auditEventList(db, { limit: 2, chain: "fleet" }));
    expect(events.items.map(({ action, reason }) => [action, reason])).toEqual([
      ["window.created", "at night"],
      ["window.ended", "not needed"],
    ]);
  });

  it("are bounded for each tenant and plane", async () => {
    const registry = await (await create()).open();
    await registry.change(context, async (change) => {
      for (let count = 0; count < WINDOW_LIMITS.perScope; count += 1) await windowCreate(change, nightly);
    });
    await expect(make(registry)).rejects.toMatchObject({ code: "too_many_windows" });
    await make(registry, { planeName: "prod-eu-west-1" });
  });

  it("are found by index", async () => {
    const registry = await (await create()).open();
    const plan = (query: Parameters<typeof windowListQuery>[1]) =>
      registry.read((db) => registry.explain(windowListQuery(db, query).compile()));
    if (registry.dialect !== "sqlite") return;
    expect((await plan({ limit: 50, ended: false })).join("\n")).toContain(
      "change_windows_open_by_created_at_window_id",
    );
  });
});
