import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import { placementList, placementOf, placementRecord, planeUses } from "../../registry/placement.ts";
import { planeAll, planeRecord } from "../../registry/plane.ts";
import type { Registry } from "../../registry/registry.ts";
import { targetUpdate } from "../../registry/target.ts";
import { tenantUpdate } from "../../registry/tenant.ts";
import { isolationOf } from "../../stacks/tenant/spec.ts";
import { addPlane, addTarget, addTenant, context, newTarget } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const SUBNETS = isolationOf("dedicated", { network: "subnets", cidrBlock: "10.32.192.0/24" });

const update = (registry: Registry, tenantId: string, change: Parameters<typeof tenantUpdate>[2]) =>
  registry.change(context, (tx) => tenantUpdate(tx, tenantId, change));

describeDialects("placements", (create) => {
  it("are recorded with their reasons, audited, and never rewritten", async () => {
    const database = await create();
    const registry = await database.open();
    const { tenant, plane, target } = await addTarget(registry, "acme");
    const placement = await registry.change(context, (change) =>
      placementRecord(change, { target, plane, isolation: SUBNETS, reasons: ["named", "allowed"] }),
    );
    expect(await registry.read((db) => placementOf(db, target.targetId))).toEqual(placement);
    expect(placement).toMatchObject({
      planeName: plane.name,
      accountId: plane.accountId,
      isolation: SUBNETS,
    });
    const { items } = await registry.read((db) =>
      auditEventList(db, { limit: 9, tenantId: tenant.tenantId }),
    );
    expect(items.find(({ action }) => action === "placement.decided")?.details).toMatchObject({
      planeName: plane.name,
      reasons: ["named", "allowed"],
    });
    await expect(database.raw("UPDATE placements SET plane_name = 'x'")).rejects.toThrow();
    await expect(database.raw("DELETE FROM placements")).rejects.toThrow();
  });

  it("are listed newest first, page by page", async () => {
    const registry = await (await create()).open();
    const { tenant, plane, target } = await addTarget(registry, "acme");
    const second = await registry.change(context, (change) => newTarget(change, tenant, plane, 2));
    for (const of of [target, second])
      await registry.change(context, (change) =>
        placementRecord(change, { target: of, plane, isolation: isolationOf("pooled"), reasons: [] }),
      );
    const first = await registry.read((db) => placementList(db, tenant.tenantId, { limit: 1 }));
    const rest = await registry.read((db) =>
      placementList(db, tenant.tenantId, { limit: 1, cursor: first.nextCursor ?? "" }),
    );
    expect([...first.items, ...rest.items].map(({ generation }) => generation)).toEqual([2, 1]);
    expect(rest.nextCursor).toBeNull();
  });

  it("count how full a plane is, and give back what a target that is gone had", async () => {
    const registry = await (await create()).open();
    const { plane, target } = await addTarget(registry, "acme");
    await registry.change(context, (change) =>
      placementRecord(change, { target, plane, isolation: SUBNETS, reasons: [] }),
    );
    const uses = () => registry.read((db) => planeUses(db));
    expect((await uses()).get(plane.name)).toEqual({ targets: 1, cidrBlocks: ["10.32.192.0/24"] });
    await registry.change(context, (change) =>
      targetUpdate(change, target.targetId, { deletedAt: change.now }),
    );
    expect((await uses()).get(plane.name)).toBeUndefined();
  });
});

describeDialects("a tenant's isolation and regions", (create) => {
  it("must be what the plan offers", async () => {
    const registry = await (await create()).open();
    await expect(addTenant(registry, "poor", { isolation: "dedicated" })).rejects.toMatchObject({
      code: "isolation_not_in_plan",
      options: { hint: expect.stringContaining("enterprise") },
    });
    const tenant = await addTenant(registry, "rich", { plan: "enterprise", isolation: "dedicated" });
    await expect(update(registry, tenant.tenantId, { plan: "business" })).rejects.toMatchObject({
      code: "isolation_not_in_plan",
    });
    expect(await update(registry, tenant.tenantId, { plan: "business", isolation: "hybrid" })).toMatchObject({
      isolation: "hybrid",
    });
  });

  it("stay while the tenant has targets: moving its data is a migration", async () => {
    const registry = await (await create()).open();
    const { tenant } = await addTarget(registry, "acme");
    const { tenantId } = tenant;
    await update(registry, tenantId, { plan: "enterprise" });
    await expect(update(registry, tenantId, { isolation: "dedicated" })).rejects.toMatchObject({
      code: "isolation_change_needs_migration",
      options: { hint: expect.stringContaining("docs/isolation.md") },
    });
    const regions = (allowed: string[]) => ({ regions: { allowed, preferred: [] } });
    await expect(update(registry, tenantId, regions(["us-east-1"]))).rejects.toMatchObject({
      code: "region_not_allowed",
    });
    expect(await update(registry, tenantId, regions(["us-east-1", "eu-west-1"]))).toMatchObject({
      regions: { allowed: ["us-east-1", "eu-west-1"] },
    });
  });
});

describeDialects("a plane of one tenant's own", (create) => {
  const tenantId = "0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b01";
  const own = (accountId: string, dedicatedTo = tenantId) => ({
    name: `dev-eu-west-1-${dedicatedTo.slice(0, 8)}`,
    environment: "dev" as const,
    region: "eu-west-1",
    accountId,
    stackName: "own",
    outputs: { dedicatedTo },
  });
  const record = (registry: Registry, facts: Parameters<typeof planeRecord>[1]) =>
    registry.change(context, (change) => planeRecord(change, facts));

  it("is recorded in an account of its own, and in no other", async () => {
    const registry = await (await create()).open();
    const shared = await addPlane(registry);
    expect(await record(registry, own("222233334444"))).toMatchObject({ dedicatedTo: tenantId });
    expect(shared.dedicatedTo).toBeNull();
    const moved = { ...own("222233334444"), accountId: shared.accountId };
    await expect(record(registry, moved)).rejects.toMatchObject({ code: "plane_not_dedicated" });
    const stranger = { ...own("222233334444", `1${tenantId.slice(1)}`) };
    await expect(record(registry, stranger)).rejects.toMatchObject({ code: "plane_not_dedicated" });
    expect((await registry.read((db) => planeAll(db))).map(({ name }) => name)).toEqual([
      shared.name,
      "dev-eu-west-1-0b54c7a1",
    ]);
  });
});
