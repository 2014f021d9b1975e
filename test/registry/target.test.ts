import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import {
  targetAppliedSpec,
  targetFind,
  targetGet,
  targetList,
  targetObserve,
  targetsMatching,
  targetsOfTenant,
  targetUpdate,
  tenantHealthList,
} from "../../registry/target.ts";
import { addPlane, addRelease, addTarget, context, newTarget, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("targets", (create) => {
  it("start absent and unobserved", async () => {
    const registry = await (await create()).open();
    const { target, plane, tenant } = await addTarget(registry, "acme");
    expect(await registry.read((db) => targetGet(db, target.targetId))).toEqual(target);
    expect(target).toMatchObject({
      tenantId: tenant.tenantId,
      planeName: plane.name,
      deploymentState: "absent",
      requestedState: "present",
      health: "unknown",
      drift: "unknown",
      version: "unknown",
    });
    expect(await registry.read((db) => targetFind(db, "none"))).toBeUndefined();
    await expect(registry.read((db) => targetGet(db, "none"))).rejects.toThrow(/must be in the registry/);
  });

  it("cannot be two of one generation on one plane", async () => {
    const registry = await (await create()).open();
    const { tenant, plane } = await addTarget(registry, "acme");
    await expect(registry.change(context, (change) => newTarget(change, tenant, plane))).rejects.toThrow(
      /UNIQUE/i,
    );
    const next = await registry.change(context, (change) => newTarget(change, tenant, plane, 2));
    expect(next.stackName).toBe(`${plane.name}-2`);
  });

  it("are changed with old and new in the audit trail, on the tenant's chain", async () => {
    const registry = await (await create()).open();
    await addRelease(registry);
    const { target } = await addTarget(registry, "acme");
    const updated = await registry.change(context, (change) =>
      targetUpdate(
        change,
        target.targetId,
        {
          deploymentState: "ready",
          clusterName: "dev-cluster",
          currentReleaseNumber: 1,
          targetReleaseNumber: 1,
        },
        { action: "target.deployed", reason: "first deployment", details: { operationId: "o" } },
      ),
    );
    expect(updated).toMatchObject({ deploymentState: "ready", recordVersion: 2, version: "current" });
    const { items } = await registry.read((db) =>
      auditEventList(db, { limit: 1, tenantId: target.tenantId }),
    );
    expect(items[0]).toMatchObject({
      action: "target.deployed",
      chain: target.tenantId,
      reason: "first deployment",
      details: { operationId: "o", changed: { deploymentState: { from: "absent", to: "ready" } } },
    });
  });

  it("write nothing when nothing changes", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    const same = await registry.change(context, (change) =>
      targetUpdate(change, target.targetId, { deploymentState: "absent" }),
    );
    expect(same.recordVersion).toBe(1);
  });

  it("keep the spec that was applied, out of the record", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    expect(await registry.read((db) => targetAppliedSpec(db, target.targetId))).toBeNull();
    const appliedSpec = { formatVersion: 1, tenant: { slug: "acme" } };
    const updated = await registry.change(context, (change) =>
      targetUpdate(change, target.targetId, { appliedSpec, currentSpecDigest: "d" }),
    );
    expect(updated).not.toHaveProperty("appliedSpec");
    expect(await registry.read((db) => targetAppliedSpec(db, target.targetId))).toEqual(appliedSpec);
    await registry.change(context, (change) => targetUpdate(change, target.targetId, { appliedSpec: null }));
    expect(await registry.read((db) => targetAppliedSpec(db, target.targetId))).toBeNull();
  });

  it("are observed without an audit event; health and drift apart", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { target } = await addTarget(registry, "acme");
    await registry.record((record) => targetObserve(record, target.targetId, { drift: "clean" }));
    clock.advance(5_000);
    await registry.record((record) =>
      targetObserve(record, target.targetId, { health: "degraded", healthReason: "1 of 2 tasks run" }),
    );
    const seen = await registry.read((db) => targetGet(db, target.targetId));
    expect(seen).toMatchObject({
      health: "degraded",
      healthReason: "1 of 2 tasks run",
      healthCheckedAt: "2026-03-01T09:00:05.000Z",
      drift: "clean",
      driftCheckedAt: "2026-03-01T09:00:00.000Z",
      recordVersion: 1,
    });
  });

  it("are behind, current or ahead of the release they should have", async () => {
    const registry = await (await create()).open();
    await addRelease(registry, "1");
    await addRelease(registry, "2");
    const { target } = await addTarget(registry, "acme");
    const versionAfter = async (currentReleaseNumber: number | null, targetReleaseNumber: number) => {
      const patch = { currentReleaseNumber, targetReleaseNumber };
      const updated = await registry.change(context, (change) =>
        targetUpdate(change, target.targetId, patch),
      );
      return updated.version;
    };
    expect(await versionAfter(1, 2)).toBe("behind");
    expect(await versionAfter(2, 2)).toBe("current");
    expect(await versionAfter(2, 1)).toBe("ahead");
    expect(await versionAfter(null, 1)).toBe("unknown");
  });

  it("are found by tenant, plane and state, without those that are gone", async () => {
    const registry = await (await create()).open();
    const acme = await addTarget(registry, "acme");
    const bolt = await addTarget(registry, "bolt");
    const prod = await addPlane(registry, "prod");
    const onProd = await registry.change(context, (change) => newTarget(change, acme.tenant, prod));
    await registry.change(context, (change) =>
      targetUpdate(change, bolt.target.targetId, { deploymentState: "ready" }),
    );
    const ids = async (filter: Parameters<typeof targetsMatching>[1]) =>
      (await registry.read((db) => targetsMatching(db, filter))).map((target) => target.targetId);
    expect(await ids({})).toEqual([acme.target.targetId, bolt.target.targetId, onProd.targetId]);
    expect(await ids({ planes: ["prod-eu-west-1"] })).toEqual([onProd.targetId]);
    expect(await ids({ tenantIds: [bolt.tenant.tenantId] })).toEqual([bolt.target.targetId]);
    expect(await ids({ deploymentStates: ["ready"] })).toEqual([bolt.target.targetId]);

    await registry.change(context, (change) =>
      targetUpdate(change, onProd.targetId, { deletedAt: "2026-03-01T09:00:00.000Z" }),
    );
    expect(await ids({ planes: ["prod-eu-west-1"] })).toEqual([]);
    const left = await registry.read((db) => targetsOfTenant(db, acme.tenant.tenantId));
    expect(left.map((target) => target.targetId)).toEqual([acme.target.targetId]);
  });

  it("are listed page by page, of one tenant and as the fleet's inventory", async () => {
    const registry = await (await create()).open();
    const { tenant, plane } = await addTarget(registry, "acme");
    for (const generation of [2, 3]) {
      await registry.change(context, (change) => newTarget(change, tenant, plane, generation));
    }
    await addTarget(registry, "bolt");
    const first = await registry.read((db) => targetList(db, tenant.tenantId, { limit: 2 }));
    const cursor = first.nextCursor ?? "";
    const second = await registry.read((db) => targetList(db, tenant.tenantId, { limit: 2, cursor }));
    expect([...first.items, ...second.items].map((target) => target.generation)).toEqual([3, 2, 1]);

    const page = await registry.read((db) => tenantHealthList(db, { limit: 3, fresh: false }));
    const rest = await registry.read((db) =>
      tenantHealthList(db, { limit: 3, fresh: false, cursor: page.nextCursor ?? "" }),
    );
    expect([...page.items, ...rest.items].map((item) => item.slug)).toEqual(["bolt", "acme", "acme", "acme"]);
  });

  it("are filtered by plane and health in the inventory", async () => {
    const registry = await (await create()).open();
    const acme = await addTarget(registry, "acme");
    await addTarget(registry, "bolt", "prod");
    await registry.record((record) => targetObserve(record, acme.target.targetId, { health: "down" }));
    const slugs = async (query: { plane?: string; health?: "down" }) =>
      (await registry.read((db) => tenantHealthList(db, { limit: 9, fresh: false, ...query }))).items.map(
        (item) => item.slug,
      );
    expect(await slugs({ plane: "prod-eu-west-1" })).toEqual(["bolt"]);
    expect(await slugs({ health: "down" })).toEqual(["acme"]);
  });
});
