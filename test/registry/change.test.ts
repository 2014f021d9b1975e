import { sql } from "kysely";
import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import { operationCreate } from "../../registry/operation.ts";
import { outboxPending } from "../../registry/outbox.ts";
import { tenantCreate, tenantFindBySlug } from "../../registry/tenant.ts";
import { tenantList } from "../../registry/tenantList.ts";
import { addRelease, addTarget, addTenant, context, tenantInput } from "./fixtures.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

describeDialects("a change", (create) => {
  it("writes state, audit event and outbox event together", async () => {
    const registry = await (await create()).open();
    const tenant = await addTenant(registry, "acme");

    const events = await registry.read((db) => auditEventList(db, { limit: 10 }));
    const outbox = await registry.read((db) => outboxPending(db, 10));
    expect(events.items.map((event) => [event.action, event.target.id])).toEqual([
      ["tenant.created", tenant.tenantId],
    ]);
    expect(events.items[0]).toMatchObject({ requestId: "request-1", actor: { id: "key-of-ada" } });
    expect(outbox.map((event) => [event.type, event.stream, event.sequence])).toEqual([
      ["tenant.created", tenant.tenantId, 1],
    ]);
  });

  it("is undone when its audit event cannot be written", async () => {
    const database = await create();
    const registry = await database.open();
    await database.refuseInserts("audit_events", "audit is down");

    await expect(addTenant(registry, "acme")).rejects.toThrow("audit is down");

    expect(await registry.read((db) => tenantFindBySlug(db, "acme"))).toBeUndefined();
    expect(await registry.read((db) => outboxPending(db, 10))).toEqual([]);
    expect(await database.raw("select * from tenant_versions")).toEqual([]);
  });

  it("is undone when the audit event is written and something fails after it", async () => {
    const database = await create();
    const registry = await database.open();
    const failing = registry.change(context, async (change) => {
      await tenantCreate(change, tenantInput("acme"));
      throw new Error("power cut");
    });

    await expect(failing).rejects.toThrow("power cut");

    expect(await database.raw("select * from tenants")).toEqual([]);
    expect(await database.raw("select * from audit_events")).toEqual([]);
    expect(await database.raw("select * from audit_heads")).toEqual([]);
  });

  it("is refused when it writes state without an audit event", async () => {
    const registry = await (await create()).open();
    await addTenant(registry, "acme");
    const unaudited = registry.change(context, async ({ db }) => {
      await db.updateTable("tenants").set({ displayName: "changed in silence" }).execute();
    });

    await expect(unaudited).rejects.toThrow(/must write an audit event, got none for: update tenants/);

    const tenant = await registry.read((db) => tenantFindBySlug(db, "acme"));
    expect(tenant?.displayName).toBe("Tenant acme");
  });

  it("is refused when it sends an event out without an audit event", async () => {
    const registry = await (await create()).open();
    const unaudited = registry.change(context, (change) =>
      change.outbox({ type: "x.happened", payload: {} }),
    );
    await expect(unaudited).rejects.toThrow(/got none for: insert outbox/);
    expect(await registry.read((db) => outboxPending(db, 10))).toEqual([]);
  });

  it("may end without writing anything", async () => {
    const registry = await (await create()).open();
    expect(await registry.change(context, async () => "nothing to do")).toBe("nothing to do");
  });

  it("is refused inside another change, and the outer one is undone", async () => {
    const database = await create();
    const registry = await database.open();
    const nested = registry.change(context, async (change) => {
      await tenantCreate(change, tenantInput("outer"));
      await registry.change(context, (inner) => tenantCreate(inner, tenantInput("inner")));
    });
    await expect(nested).rejects.toThrow(/got one inside another/);
    expect(await database.raw("select * from tenants")).toEqual([]);
  });

  it("may be begun by work that an earlier change left in the background", async () => {
    const registry = await (await create()).open();
    let background: Promise<unknown> = Promise.resolve();
    await registry.change(context, async (change) => {
      await tenantCreate(change, tenantInput("first"));
      background = new Promise((resolve) => setTimeout(resolve, 20)).then(() =>
        addTenant(registry, "second"),
      );
    });
    await background;
    expect(await registry.read((db) => tenantFindBySlug(db, "second"))).toBeDefined();
  });

  it("runs what waits for its commit only when it commits", async () => {
    const registry = await (await create()).open();
    const ran: string[] = [];
    await registry.change(context, async (change) => {
      change.afterCommit(() => ran.push("committed"));
      await tenantCreate(change, tenantInput("acme"));
      expect(ran).toEqual([]);
    });
    const failing = registry.change(context, async (change) => {
      change.afterCommit(() => ran.push("failed"));
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(ran).toEqual(["committed"]);
  });

  it("waits for the one before it: none interleave, none is lost", async () => {
    const registry = await (await create()).open();
    const running: number[] = [];
    let most = 0;
    const slugs = Array.from({ length: 20 }, (_, place) => `tenant-${place}`);
    await Promise.all(
      slugs.map((slug, place) =>
        registry.change(context, async (change) => {
          running.push(place);
          most = Math.max(most, running.length);
          await tenantCreate(change, tenantInput(slug));
          await new Promise((resolve) => setTimeout(resolve, 1));
          running.pop();
        }),
      ),
    );
    expect(most).toBe(1);
    const tenants = await registry.read((db) => tenantList(db, { limit: 50 }));
    expect(tenants.items.map((tenant) => tenant.slug).sort()).toEqual([...slugs].sort());
  });

  it("is not seen by readers before it is committed", async () => {
    const registry = await (await create()).open();
    await registry.change(context, async (change) => {
      await tenantCreate(change, tenantInput("acme"));
      expect(await registry.read((db) => tenantFindBySlug(db, "acme"))).toBeUndefined();
      expect(await tenantFindBySlug(change.db, "acme")).toBeDefined();
    });
    expect(await registry.read((db) => tenantFindBySlug(db, "acme"))).toBeDefined();
  });

  it("fails as busy when another process keeps the write lock, and works again after", async () => {
    const database = await create();
    const registry = await database.open({ lockWaitMs: 50 });
    const release = await database.lock();
    await expect(addTenant(registry, "acme")).rejects.toMatchObject({
      code: "busy",
      status: 503,
      options: { detail: expect.stringMatching(/another process has held .* for too long/) },
    });
    await release();
    expect(await addTenant(registry, "acme")).toMatchObject({ slug: "acme" });
  });

  it("is turned away when too many wait, and those that wait are not lost", async () => {
    const registry = await (await create()).open();
    const changes = Array.from({ length: 1_001 }, () => registry.change(context, async () => "done"));
    const outcomes = await Promise.allSettled(changes);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.map((outcome) => outcome.reason)).toEqual([expect.objectContaining({ code: "busy" })]);
    expect(outcomes).toHaveLength(1_001);
  });

  it("stamps times that never go back, even when the clock does", async () => {
    let now = new Date("2026-03-01T09:00:00.000Z");
    const registry = await (await create()).open({ now: () => now });
    await addTenant(registry, "first");
    now = new Date("2026-02-01T09:00:00.000Z");
    const second = await addTenant(registry, "second");
    expect(second.createdAt).toBe("2026-03-01T09:00:00.000Z");
  });
});

describeDialects("a record", (create) => {
  it("may keep books without an audit event", async () => {
    const registry = await (await create()).open();
    await registry.record(({ db }) => db.updateTable("outbox").set({ dispatchedAt: "x" }).execute());
  });

  it("is refused and undone when it touches state", async () => {
    const registry = await (await create()).open();
    await addTenant(registry, "acme");
    const touching = registry.record(({ db }) => db.deleteFrom("tenantLabels").execute());
    await expect(touching).rejects.toThrow(/must keep to bookkeeping, got: delete tenant_labels/);
    const renaming = registry.record(({ db }) =>
      db.updateTable("tenants").set({ displayName: "x" }).execute(),
    );
    await expect(renaming).rejects.toThrow(/update tenants/);
    const tenant = await registry.read((db) => tenantFindBySlug(db, "acme"));
    expect(tenant?.displayName).toBe("Tenant acme");
  });
});

describeDialects("the database itself", (create, dialect) => {
  it.each([
    ["audit_events", "update audit_events set reason = 'x'"],
    ["audit_events", "delete from audit_events"],
    ["tenant_versions", "update tenant_versions set action = 'x'"],
    ["tenant_versions", "delete from tenant_versions"],
    ["releases", "update releases set description = 'x'"],
    ["releases", "delete from releases"],
    ["operation_journal", "update operation_journal set message = 'x'"],
    ["operation_journal", "delete from operation_journal"],
  ])("refuses to rewrite %s: %s", async (table, statement) => {
    const database = await create();
    await fillAppendOnly(database);
    const before = await database.raw(`select * from ${table}`);
    expect(before.length).toBeGreaterThan(0);
    await expect(database.raw(statement)).rejects.toThrow(/append-only/);
    expect(await database.raw(`select * from ${table}`)).toEqual(before);
  });

  if (dialect === "postgresql")
    it.each(["audit_events", "tenant_versions", "releases", "operation_journal", "audit_heads"])(
      "refuses to empty %s, for which no row is deleted",
      async (table) => {
        const database = await create();
        await fillAppendOnly(database);
        await expect(database.raw(`truncate ${table} cascade`)).rejects.toThrow(/truncate is refused/);
        expect((await database.raw(`select * from ${table}`)).length).toBeGreaterThan(0);
      },
    );

  it("lets a chain's head move forward by one only", async () => {
    const database = await create();
    await addTenant(await database.open(), "acme");
    await expect(database.raw("update audit_heads set sequence = sequence + 2")).rejects.toThrow(
      /forward by one/,
    );
    await expect(database.raw("update audit_heads set sequence = sequence")).rejects.toThrow(
      /forward by one/,
    );
    await expect(database.raw("delete from audit_heads")).rejects.toThrow(/keeps its rows/);
  });

  if (dialect === "postgresql")
    it("is durable, and no session waits or sleeps for ever", async () => {
      const registry = await (await create()).open({ lockWaitMs: 1_234, statementTimeoutMs: 5_678 });
      await registry.change(context, async (change) => {
        const one = async (name: string) =>
          (await sql<{ value: string }>`select current_setting(${name}) as value`.execute(change.db)).rows[0]
            ?.value;
        expect(await one("synchronous_commit")).toBe("on");
        expect(await one("transaction_isolation")).toBe("read committed");
        expect(await one("lock_timeout")).toBe("1234ms");
        expect(await one("statement_timeout")).toBe("5678ms");
        expect(await one("idle_in_transaction_session_timeout")).toBe("15s");
        await change.audit({ action: "test.ran", target: { type: "test", id: "1" } });
      });
      const writing = registry.read((db) => db.deleteFrom("tenantLabels").execute());
      await expect(writing).rejects.toThrow(/read-only transaction/);
    });

  if (dialect === "sqlite")
    it("is durable: WAL, synchronous FULL, foreign keys", async () => {
      const registry = await (await create()).open();
      // WAL stays with the file; the other two belong to the connection that writes.
      await registry.change(context, async (change) => {
        const one = async (name: string) =>
          Object.values(
            (await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(change.db)).rows[0] ?? {},
          )[0];
        expect(await one("journal_mode")).toBe("wal");
        expect(await one("synchronous")).toBe(2);
        expect(await one("foreign_keys")).toBe(1);
        await change.audit({ action: "test.ran", target: { type: "test", id: "1" } });
      });
    });
});

async function fillAppendOnly(database: TestDatabase): Promise<void> {
  const registry = await database.open();
  await addRelease(registry);
  const { tenant, target } = await addTarget(registry, "acme");
  await registry.change(context, (change) =>
    operationCreate(change, {
      kind: "tenant_activate",
      tenantId: tenant.tenantId,
      targetId: target.targetId,
      planeName: target.planeName,
    }),
  );
}
