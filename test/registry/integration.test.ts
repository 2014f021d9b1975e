import { expect, it } from "vitest";
import { INTEGRATION_LIMITS } from "../../contract/integration.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import {
  type IntegrationRecord,
  integrationCreate,
  integrationGet,
  integrationList,
  integrationListQuery,
  integrationRemove,
  integrationSwitch,
  integrationUpdate,
} from "../../registry/integration.ts";
import type { Change, Registry } from "../../registry/registry.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const facts = (tenantId: string, name = "Support") => ({
  ...{ tenantId, connectorKey: "slack", connectorVersion: "2", name },
  settings: { CHANNEL: "support" },
  secretRefs: { BOT_TOKEN: "/prod/tenants/acme/slack" },
});

describeDialects("integrations", (create) => {
  const scene = async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    const change = <T>(work: (change: Change) => Promise<T>) => registry.change(context, work, { tenantId });
    return { registry, tenantId, change };
  };
  const actions = async (registry: Registry, chain: string) =>
    (await registry.read((db) => auditEventList(db, { limit: 50, chain }))).items
      .filter(({ target }) => target.type === "integration")
      .map(({ action, reason, details }) => ({ action, reason, details }));

  it("come back as they were made, and are told of without what they hold", async () => {
    const { registry, tenantId, change } = await scene();
    const made = await change((one) => integrationCreate(one, facts(tenantId), "asked for"));
    expect(made).toMatchObject({ ...facts(tenantId), status: "enabled", recordVersion: 1 });
    expect(await registry.read((db) => integrationGet(db, tenantId, made.integrationId))).toEqual(made);
    const [event] = await actions(registry, tenantId);
    expect(event).toMatchObject({ action: "integration.created", reason: "asked for" });
    expect(event?.details).toMatchObject({ settings: ["CHANNEL"], secretRefs: ["BOT_TOKEN"] });
    expect(JSON.stringify(event)).not.toContain("/prod/tenants/acme/slack");
  });

  it("are found under their own tenant only, and names are the tenant's own", async () => {
    const { registry, tenantId, change } = await scene();
    const other = await addTenant(registry, "globex");
    const made = await change((one) => integrationCreate(one, facts(tenantId)));
    await expect(
      registry.read((db) => integrationGet(db, other.tenantId, made.integrationId)),
    ).rejects.toMatchObject({ code: "integration_not_found" });
    await expect(change((one) => integrationCreate(one, facts(tenantId)))).rejects.toMatchObject({
      code: "duplicate_integration",
    });
    const theirs = await registry.change(context, (one) => integrationCreate(one, facts(other.tenantId)));
    expect(theirs.name).toBe(made.name);
  });

  it("change by one version with each edit, and not on another version than was read", async () => {
    const { registry, tenantId, change } = await scene();
    const made = await change((one) => integrationCreate(one, facts(tenantId)));
    const second = await change((one) =>
      integrationUpdate(one, made, { name: "Sales", settings: {} }, { expectedVersion: 1, reason: "moved" }),
    );
    expect(second).toMatchObject({ name: "Sales", settings: {}, recordVersion: 2 });
    const stale = (before: IntegrationRecord) =>
      change((one) => integrationSwitch(one, before, "disabled", { expectedVersion: 1 }));
    await expect(stale(second)).rejects.toMatchObject({ code: "version_conflict" });
    const off = await change((one) => integrationSwitch(one, second, "disabled", { expectedVersion: 2 }));
    expect(off).toMatchObject({ status: "disabled", recordVersion: 3 });
    await change((one) => integrationRemove(one, off, { reason: "over" }));
    await expect(
      registry.read((db) => integrationGet(db, tenantId, made.integrationId)),
    ).rejects.toMatchObject({ code: "integration_not_found" });
    const told = await actions(registry, tenantId);
    expect(told.map(({ action }) => action).sort()).toEqual([
      "integration.created",
      "integration.disabled",
      "integration.removed",
      "integration.updated",
    ]);
    expect(told.find(({ action }) => action === "integration.removed")).toMatchObject({
      reason: "over",
      details: { keptAt: ["/prod/tenants/acme/slack"] },
    });
    expect(told.find(({ action }) => action === "integration.updated")?.details).toMatchObject({
      changed: { name: { from: "Support", to: "Sales" }, settings: { names: [] } },
    });
  });

  it("are listed newest first, page by page, filtered, by an index", async () => {
    const { registry, tenantId, change } = await scene();
    const made: IntegrationRecord[] = [];
    for (const name of ["a", "b", "c"])
      made.unshift(await change((one) => integrationCreate(one, facts(tenantId, name))));
    const list = (query: object) =>
      registry.read((db) => integrationList(db, tenantId, { limit: 2, ...query }));
    const first = await list({});
    const second = await list({ cursor: first.nextCursor });
    expect([...first.items, ...second.items]).toEqual(made);
    expect(second.nextCursor).toBeNull();
    expect((await list({ connectorKey: "jira" })).items).toEqual([]);
    expect((await list({ status: "disabled" })).items).toEqual([]);
    const plan = await registry.read((db) =>
      registry.explain(integrationListQuery(db, tenantId, { limit: 50 }).compile()),
    );
    expect(plan.join("\n")).toContain("integrations_by_tenant");
  });

  it("are bounded in number", async () => {
    const { tenantId, change } = await scene();
    await change(async (one) => {
      for (let count = 0; count < INTEGRATION_LIMITS.perTenant; count += 1)
        await integrationCreate(one, facts(tenantId, `n${count}`));
    });
    await expect(change((one) => integrationCreate(one, facts(tenantId, "more")))).rejects.toMatchObject({
      code: "too_many_integrations",
    });
  });
});
