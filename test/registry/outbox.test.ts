import { expect, it } from "vitest";
import { outboxBacklog, outboxMarkDispatched, outboxPending } from "../../registry/outbox.ts";
import { addRelease, addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("the outbox", (create) => {
  it("numbers each stream without a gap and gives oldest first", async () => {
    const registry = await (await create()).open();
    await addRelease(registry);
    const acme = await addTenant(registry, "acme");
    await addRelease(registry);
    const pending = await registry.read((db) => outboxPending(db, 10));
    expect(pending.map((event) => [event.stream, event.sequence]).sort()).toEqual(
      [
        ["fleet", 1],
        ["fleet", 2],
        [acme.tenantId, 1],
      ].sort(),
    );
    expect(pending.find((event) => event.stream === acme.tenantId)?.payload).toMatchObject({ slug: "acme" });
    expect(await registry.read((db) => outboxPending(db, 2))).toHaveLength(2);
  });

  it("forgets what has been dispatched, once", async () => {
    const database = await create();
    const registry = await database.open();
    await addTenant(registry, "acme");
    await addTenant(registry, "bolt");
    const [first, second] = await registry.read((db) => outboxPending(db, 10));
    await registry.record((record) => outboxMarkDispatched(record, [first?.eventId ?? ""]));
    expect(await registry.read((db) => outboxPending(db, 10))).toEqual([second]);
    const backlog = await registry.read((db) => outboxBacklog(db, 10));
    expect(backlog).toEqual({ pending: 1, oldestAt: second?.createdAt, isTaken: true });
    await registry.record((record) => outboxMarkDispatched(record, []));
    expect(await registry.read((db) => outboxPending(db, 10))).toEqual([second]);
  });

  it("holds no secret", async () => {
    const database = await create();
    const registry = await database.open();
    await registry.change(context, async (change) => {
      await change.audit({ action: "test.ran", target: { type: "test", id: "1" } });
      await change.outbox({ type: "test.ran", payload: { password: "hunter2" } });
    });
    expect(JSON.stringify(await database.raw("select payload from outbox"))).not.toContain("hunter2");
  });
});
