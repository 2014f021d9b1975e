import { expect, it } from "vitest";
import { operationCreate } from "../../registry/operation.ts";
import { operationClaimNext, queueAfter } from "../../registry/operationLease.ts";
import {
  MAX_UNFINISHED_OPERATIONS,
  operationsMarkDispatched,
  operationsUndispatched,
  queueStats,
} from "../../registry/queue.ts";
import type { Registry } from "../../registry/registry.ts";
import { addTarget, context } from "./fixtures.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

/** Copies of one queued operation, without targets of their own, put in behind the registry's back: it is quicker. */
async function fillQueue(database: TestDatabase, registry: Registry, count: number): Promise<void> {
  const { tenant, target } = await addTarget(registry, "acme");
  const { tenantId } = tenant;
  const { targetId, planeName } = target;
  await registry.change(context, (change) =>
    operationCreate(change, { kind: "tenant_activate", tenantId, targetId, planeName }),
  );
  const row = (await database.raw("select * from operations"))[0] ?? {};
  const copied = Object.keys(row).filter((name) => !["operation_id", "target_id", "turn"].includes(name));
  const numbers = `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${count - 1})`;
  const names = copied.join(", ");
  await database.raw(
    `${numbers} insert into operations (operation_id, turn, ${names})
      select 'copy-' || n, n, ${copied.map((name) => `operations.${name}`).join(", ")} from numbers, operations
      where operations.operation_id not like 'copy-%'`,
  );
}

describeDialects("a queue of ten thousand", (create, dialect) => {
  it("takes no more, and says when to come again", async () => {
    const database = await create();
    const registry = await database.open();
    await fillQueue(database, registry, MAX_UNFINISHED_OPERATIONS);
    const { tenant, target } = await addTarget(registry, "bolt", "prod");
    const { tenantId } = tenant;
    const { targetId, planeName } = target;
    const another = () =>
      registry.change(context, (change) =>
        operationCreate(change, { kind: "tenant_activate", tenantId, targetId, planeName }),
      );
    await expect(another()).rejects.toMatchObject({ code: "queue_full", status: 429 });
    await database.raw("delete from operations where operation_id = 'copy-1'");
    expect((await another()).status).toBe("queued");
    await expect(another()).rejects.toMatchObject({ code: "operation_in_progress" });
  });

  it("is read from its front by an index alone", async () => {
    const database = await create();
    const registry = await database.open();
    await fillQueue(database, registry, MAX_UNFINISHED_OPERATIONS);
    if (dialect === "postgresql") await database.raw("analyze operations");
    const query = await registry.read(async (db) =>
      queueAfter(
        db,
        { planes: ["other"], tenants: ["other"] },
        { dead: [], killTimeMs: 1_000 },
        new Date().toISOString(),
      ).compile(),
    );
    const plan = (await registry.explain(query)).join("\n");
    expect(plan).toContain("operations_queue");
    expect(plan).not.toMatch(
      /\bSort\b|TEMP B-TREE|Seq Scan on operations|SCAN operations(?! USING INDEX operations_queue)/,
    );
    const { queued } = await registry.read(queueStats);
    expect(queued).toBe(MAX_UNFINISHED_OPERATIONS);
  });

  it("gives its first to a claim", async () => {
    const database = await create();
    const registry = await database.open();
    await fillQueue(database, registry, 1_000);
    const claim = { processId: "p", leaseMs: 1_000, killTimeMs: 500, perPlane: 9, perTenant: 9 };
    const claimed = await registry.record((record) =>
      operationClaimNext(record, { ...claim, dead: [], active: [], silent: [] }),
    );
    expect(claimed?.operation.operationId).not.toContain("copy");
  });

  it("is told to others piece by piece, each operation until it has been told", async () => {
    const database = await create();
    const registry = await database.open();
    await fillQueue(database, registry, 5);
    const [first = "", ...rest] = await registry.read((db) => operationsUndispatched(db, 5));
    expect(rest).toHaveLength(4);
    await registry.record((record) => operationsMarkDispatched(record, [first]));
    expect(await registry.read((db) => operationsUndispatched(db, 10))).toEqual(rest);
  });
});
