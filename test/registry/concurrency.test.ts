import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { auditVerify } from "../../registry/audit.ts";
import { outboxPending } from "../../registry/outbox.ts";
import { FLEET_SCOPE, type Registry } from "../../registry/registry.ts";
import { tenantGet, tenantUpdate } from "../../registry/tenant.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("several processes", (create) => {
  it("change the same tenant and their own at once, and every chain stays whole", async () => {
    const database = await create();
    const registry = await database.open();
    const { tenantId } = await addTenant(registry, "shared");
    const slugs = ["left", "middle", "right"];
    const script = path.join(import.meta.dirname, "writeMany.ts");
    const where = JSON.stringify(database.location);
    await Promise.all(
      slugs.map((slug) => promisify(execFile)(process.execPath, [script, where, tenantId, slug, "20"])),
    );
    const shared = await registry.read((db) => tenantGet(db, tenantId));
    expect(shared.recordVersion).toBe(1 + slugs.length * 20);
    const verification = await registry.read((db) => auditVerify(db));
    expect(verification).toMatchObject({ verified: true, chains: 4, events: 4 + 2 * slugs.length * 20 });
    await expectStreamsWhole(registry);
  });
});

describeDialects("a change about one tenant", (create) => {
  it("may write to the fleet's chain, and to no other tenant's", async () => {
    const registry = await (await create()).open();
    const acme = await addTenant(registry, "acme");
    const bolt = await addTenant(registry, "bolt");
    const target = { type: "test", id: "1" };
    const note = (tenantId: string | null) =>
      registry.change(context, (change) => change.audit({ action: "test.ran", target, tenantId }), {
        tenantId: acme.tenantId,
      });
    await note(null);
    await note(acme.tenantId);
    await expect(note(bolt.tenantId)).rejects.toThrow(/Leave the scope out of a change of several tenants/);
    expect(await registry.read((db) => auditVerify(db))).toMatchObject({ verified: true, events: 4 });
  });
});

describeDialects(
  "two registries on one database",
  (create) => {
    it("change different tenants at the same time, and one tenant one after the other", async () => {
      const database = await create();
      const [left, right] = [await database.open(), await database.open()];
      const acme = await addTenant(left, "acme");
      const bolt = await addTenant(left, "bolt");
      const gate = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      const slow = left.change(
        context,
        async (change) => {
          await tenantUpdate(change, acme.tenantId, { displayName: "slow" });
          entered.resolve();
          await gate.promise;
        },
        { tenantId: acme.tenantId },
      );
      await entered.promise;
      const other = rename(right, bolt.tenantId, "meanwhile");
      await expect(Promise.race([other, afterMs(2_000)])).resolves.toMatchObject({ recordVersion: 2 });
      const target = { type: "test", id: "1" };
      const fleet = right.change(
        context,
        (change) => change.audit({ action: "test.ran", target }),
        FLEET_SCOPE,
      );
      await expect(Promise.race([fleet, afterMs(2_000)])).resolves.toMatchObject({ chain: "fleet" });
      const ended: string[] = [];
      const sameTenant = rename(right, acme.tenantId, "after").then(() => ended.push("same tenant"));
      const everything = addTenant(right, "cord").then(() => ended.push("no scope"));
      await afterMs(50);
      expect(ended).toEqual([]);
      gate.resolve();
      await Promise.all([slow, sameTenant, everything]);
      const last = await right.read((db) => tenantGet(db, acme.tenantId));
      expect(last).toMatchObject({ recordVersion: 3, displayName: "after" });
    });

    it("keep the fleet's chain whole while changes of many tenants write to it", async () => {
      const database = await create();
      const registries = [await database.open(), await database.open()];
      const [registry] = registries as [Registry, Registry];
      const tenants = [];
      for (let place = 0; place < 6; place += 1) tenants.push(await addTenant(registry, `tenant-${place}`));
      const target = { type: "test", id: "1" };
      const notes = tenants.flatMap(({ tenantId }) =>
        registries.map((one) =>
          one.change(
            context,
            async (change) => {
              await change.audit({ action: "test.ran", target, tenantId });
              await change.audit({ action: "test.ran", target });
              await change.outbox({ type: "test.ran", payload: {} });
            },
            { tenantId },
          ),
        ),
      );
      await Promise.all(notes);
      const verification = await registry.read((db) => auditVerify(db));
      expect(verification).toMatchObject({ verified: true, chains: 7, fleetHead: { sequence: 12 } });
      await expectStreamsWhole(registry);
    });
  },
  "postgresql",
);

function rename(registry: Registry, tenantId: string, displayName: string) {
  return registry.change(context, (change) => tenantUpdate(change, tenantId, { displayName }), { tenantId });
}

/** Numbered without a gap, and the order of time is each stream's own order. */
async function expectStreamsWhole(registry: Registry): Promise<void> {
  const streams = new Map<string, number[]>();
  for (const { stream, sequence } of await registry.read((db) => outboxPending(db, 1_000))) {
    streams.set(stream, [...(streams.get(stream) ?? []), sequence]);
  }
  expect(streams.size).toBeGreaterThan(0);
  for (const sequences of streams.values()) expect(sequences).toEqual(sequences.map((_, place) => place + 1));
}

function afterMs(ms: number): Promise<"too late"> {
  return new Promise((resolve) => setTimeout(() => resolve("too late"), ms));
}
