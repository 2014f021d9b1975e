import { expect, it } from "vitest";
import type { Tenant } from "../../contract/tenant.ts";
import { operationsPurge, outboxPurge, queueTurnsPurge } from "../../registry/housekeeping.ts";
import { journalAppend } from "../../registry/journal.ts";
import { operationCreate } from "../../registry/operation.ts";
import { outboxPending } from "../../registry/outbox.ts";
import { queueServe } from "../../registry/queue.ts";
import type { Registry } from "../../registry/registry.ts";
import { targetUpdate } from "../../registry/target.ts";
import { tenantLegalHold } from "../../registry/tenantLifecycle.ts";
import { addRelease, addTarget, addTenant, context } from "./fixtures.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

const LONG_AGO = "2020-01-01T00:00:00.000Z";
const purge = (registry: Registry, limit = 100) =>
  registry.change(context, (change) => operationsPurge(change, { keepDays: 400, limit }));

async function ended(
  registry: Registry,
  { tenantId, targetId, planeName }: { tenantId: string; targetId: string; planeName: string },
  more: Partial<Parameters<typeof operationCreate>[1]> = {},
): Promise<string> {
  const input = { kind: "tenant_deploy", tenantId, targetId, planeName, ...more } as const;
  const { operationId } = await registry.change(context, (change) => operationCreate(change, input));
  await registry.record((record) =>
    journalAppend(record, operationId, [{ type: "started" }, { type: "succeeded" }]),
  );
  return operationId;
}

async function ids(database: TestDatabase): Promise<unknown[]> {
  const rows = await database.raw("select operation_id from operations order by created_at, operation_id");
  return rows.map((row) => row.operation_id).sort();
}

async function age(database: TestDatabase): Promise<void> {
  await database.raw(`update operations set finished_at = '${LONG_AGO}' where finished_at is not null`);
}

describeDialects("housekeeping", (create) => {
  it("removes old operations with their journals, but not the last of a tenant or of a target", async () => {
    const database = await create();
    const registry = await database.open();
    const { target } = await addTarget(registry, "acme");
    const [first, second, last] = [
      await ended(registry, target),
      await ended(registry, target),
      await ended(registry, target),
    ];
    await registry.change(context, (change) =>
      targetUpdate(change, target.targetId, { lastOperationId: second }, { action: "target.updated" }),
    );
    expect(await purge(registry)).toEqual({ operations: 0, journalEntries: 0 });
    await age(database);
    expect(await purge(registry)).toEqual({ operations: 1, journalEntries: 3 });
    expect(await ids(database)).toEqual([second, last].sort());
    expect(await database.raw(`select 1 from operation_journal where operation_id = '${first}'`)).toEqual([]);
    const audited = "select 1 from audit_events where action = 'operation.created'";
    expect(await database.raw(audited)).toHaveLength(3);
    const [event, ...more] = await database.raw(
      "select details from audit_events where action = 'operations.purged'",
    );
    expect(JSON.parse(String(event?.details))).toEqual({ operations: 1, journalEntries: 3, keepDays: 400 });
    expect(more).toEqual([]);
    expect(await purge(registry)).toEqual({ operations: 0, journalEntries: 0 });
  });

  it("keeps the operations of a tenant with a legal hold until it is lifted", async () => {
    const database = await create();
    const registry = await database.open();
    const { target } = await addTarget(registry, "acme");
    await ended(registry, target);
    await ended(registry, target);
    await age(database);
    const holding = (hold: Tenant["legalHold"]) =>
      registry.change(context, (change) => tenantLegalHold(change, target.tenantId, hold, "a case"));
    await holding({ reason: "a case", placedBy: "key-1", placedAt: LONG_AGO });
    expect(await purge(registry)).toEqual({ operations: 0, journalEntries: 0 });
    await holding(null);
    expect(await purge(registry)).toMatchObject({ operations: 1 });
  });

  it("keeps decommissions, what was tried again, and whatever goes on", async () => {
    const database = await create();
    const registry = await database.open();
    const { target } = await addTarget(registry, "acme");
    const tried = await ended(registry, target);
    const retry = await ended(registry, target, { retryOf: tried });
    const decommission = await ended(registry, target, { kind: "tenant_decommission" });
    const { tenantId, targetId, planeName } = target;
    const open = await registry.change(context, (change) =>
      operationCreate(change, { kind: "tenant_deploy", tenantId, targetId, planeName }),
    );
    await age(database);
    expect(await purge(registry)).toMatchObject({ operations: 1 });
    expect(await ids(database)).toEqual([tried, decommission, open.operationId].sort());
    expect(await purge(registry)).toMatchObject({ operations: 1 });
    expect(await ids(database)).not.toContain(tried);
    expect(await ids(database)).not.toContain(retry);
  });

  it("removes no more at once than it is told to", async () => {
    const database = await create();
    const registry = await database.open();
    const { target } = await addTarget(registry, "acme");
    for (let count = 0; count < 4; count += 1) await ended(registry, target);
    await age(database);
    expect(await purge(registry, 2)).toMatchObject({ operations: 2 });
    expect(await purge(registry, 2)).toMatchObject({ operations: 1 });
  });

  it("leaves no journal of an operation that goes on to be removed", async () => {
    const database = await create();
    const registry = await database.open();
    const { target } = await addTarget(registry, "acme");
    const { tenantId, targetId, planeName } = target;
    await registry.change(context, (change) =>
      operationCreate(change, { kind: "tenant_deploy", tenantId, targetId, planeName }),
    );
    await expect(database.raw("delete from operation_journal")).rejects.toThrow(
      /while the operation goes on/,
    );
  });

  it("removes events that are old or were passed on, but never the one that numbers the next", async () => {
    const database = await create();
    const registry = await database.open();
    for (const tag of ["1.0.0", "2.0.0", "3.0.0"]) await addRelease(registry, tag);
    const run = () => registry.record((record) => outboxPurge(record, { keepDays: 90, limit: 100 }));
    expect(await run()).toBe(0);
    await database.raw(`update outbox set dispatched_at = '${LONG_AGO}' where sequence = 1`);
    expect(await run()).toBe(1);
    await database.raw(`update outbox set created_at = '${LONG_AGO}'`);
    expect(await run()).toBe(1);
    await addRelease(registry, "4.0.0");
    const left = await registry.read((db) => outboxPending(db, 10));
    expect(left.map(({ stream, sequence }) => [stream, sequence])).toEqual([
      ["fleet", 3],
      ["fleet", 4],
    ]);
  });

  it("forgets the places in the queue of rounds that have passed", async () => {
    const database = await create();
    const registry = await database.open();
    const { target } = await addTarget(registry, "acme");
    await addTenant(registry, "bolt");
    await ended(registry, target);
    const names = async () => (await database.raw("select name from queue_turns")).map(({ name }) => name);
    expect(await registry.record(queueTurnsPurge)).toBe(0);
    await registry.record((record) => queueServe(record, 7));
    expect(await registry.record(queueTurnsPurge)).toBe(1);
    expect(await names()).toEqual(["served"]);
  });
});
