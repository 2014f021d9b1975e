import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import { outboxPending } from "../../registry/outbox.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantGet } from "../../registry/tenant.ts";
import {
  type TransitionAction,
  tenantTransitionComplete,
  tenantTransitionRequest,
} from "../../registry/tenantLifecycle.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("a tenant's life", (create) => {
  it("is requested, then completed, each audited", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    expect(await request(registry, tenantId, "activate")).toMatchObject({
      status: "draft",
      requestedStatus: "active",
    });
    expect(await complete(registry, tenantId, "activate")).toMatchObject({
      status: "active",
      requestedStatus: "active",
    });
    await request(registry, tenantId, "suspend");
    expect(await complete(registry, tenantId, "suspend")).toMatchObject({ status: "suspended" });
    await request(registry, tenantId, "reactivate");
    await complete(registry, tenantId, "reactivate");
    expect(await actions(registry, tenantId)).toEqual([
      "tenant.created",
      "tenant.activation_requested",
      "tenant.activated",
      "tenant.suspension_requested",
      "tenant.suspended",
      "tenant.reactivation_requested",
      "tenant.reactivated",
    ]);
    const outbox = await registry.read((db) => outboxPending(db, 20));
    expect(outbox.map((event) => event.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("shows decommissioning from the request on, and deletion with its time at the end", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await request(registry, tenantId, "activate");
    await complete(registry, tenantId, "activate");
    expect(await request(registry, tenantId, "decommission")).toMatchObject({
      status: "decommissioning",
      requestedStatus: "deleted",
    });
    const deleted = await complete(registry, tenantId, "decommission");
    expect(deleted).toMatchObject({ status: "deleted", requestedStatus: "deleted" });
    expect(deleted.deletedAt).toBe(deleted.updatedAt);
  });

  it("may have a failed decommission asked for again, on record", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await request(registry, tenantId, "activate");
    await complete(registry, tenantId, "activate");
    await request(registry, tenantId, "decommission");
    await request(registry, tenantId, "decommission");
    expect(
      (await actions(registry, tenantId)).filter((action) => action === "tenant.decommission_requested"),
    ).toHaveLength(2);
  });

  it("refuses what its status does not allow and says what it does", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await expect(request(registry, tenantId, "suspend")).rejects.toMatchObject({
      code: "illegal_transition",
      options: {
        legalTransitions: [
          { action: "update", to: "draft" },
          { action: "activate", to: "active" },
          { action: "delete", to: "deleted" },
          { action: "decommission", to: "deleted" },
        ],
      },
    });
    expect(await registry.read((db) => tenantGet(db, tenantId))).toMatchObject({ recordVersion: 1 });
  });

  it("completes once, however many targets report it", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await request(registry, tenantId, "activate");
    const first = await complete(registry, tenantId, "activate");
    expect(await complete(registry, tenantId, "activate")).toEqual(first);
  });

  it("cannot be completed out of turn", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    await expect(complete(registry, tenantId, "suspend")).rejects.toMatchObject({
      code: "illegal_transition",
    });
  });
});

function request(registry: Registry, tenantId: string, action: TransitionAction) {
  return registry.change(context, (change) =>
    tenantTransitionRequest(change, tenantId, action, { reason: "because" }),
  );
}

function complete(registry: Registry, tenantId: string, action: TransitionAction) {
  return registry.change(context, (change) => tenantTransitionComplete(change, tenantId, action));
}

async function actions(registry: Registry, tenantId: string): Promise<string[]> {
  const page = await registry.read((db) => auditEventList(db, { limit: 50, chain: tenantId }));
  return page.items.map((event) => event.action);
}
