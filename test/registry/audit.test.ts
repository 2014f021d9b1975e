import { expect, it } from "vitest";
import type { AuditEvent } from "../../contract/audit.ts";
import { auditVerify, eventsOf } from "../../registry/audit.ts";
import { FLEET_CHAIN, verifyChain } from "../../registry/auditChain.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantUpdate } from "../../registry/tenant.ts";
import { addPlane, addRelease, addTenant, context } from "./fixtures.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

describeDialects("the audit trail", (create) => {
  it("has a chain a tenant and one for the fleet, each verified", async () => {
    const { registry, acme, bolt } = await trail(await create());
    const verification = await registry.read((db) => auditVerify(db));
    expect(verification).toMatchObject({ verified: true, chains: 3, events: 8, breaks: [] });
    expect(verification.fleetHead).toMatchObject({ sequence: 2 });
    const chains = await registry.read((db) => auditEventList(db, { limit: 50 }));
    expect(new Set(chains.items.map((event) => event.chain))).toEqual(new Set([FLEET_CHAIN, acme, bolt]));
  });

  it("verifies one tenant alone", async () => {
    const { registry, acme } = await trail(await create());
    const verification = await registry.read((db) => auditVerify(db, { tenantId: acme }));
    expect(verification).toMatchObject({ verified: true, chains: 1, events: 5 });
  });

  it.each([
    [
      "an edited reason",
      "edited",
      (t: string) => `update audit_events set reason = 'x' where chain = '${t}' and sequence = 2`,
      2,
    ],
    [
      "edited details",
      "edited",
      (t: string) => `update audit_events set details = '{}' where chain = '${t}' and sequence = 3`,
      3,
    ],
    [
      "another actor",
      "edited",
      (t: string) => `update audit_events set actor_id = 'eve' where chain = '${t}' and sequence = 1`,
      1,
    ],
    [
      "a moved time",
      "edited",
      (t: string) =>
        `update audit_events set occurred_at = '2020-01-01T00:00:00.000Z' where chain = '${t}' and sequence = 4`,
      4,
    ],
    [
      "a deleted event",
      "missing",
      (t: string) => `delete from audit_events where chain = '${t}' and sequence = 3`,
      3,
    ],
    [
      "a deleted first event",
      "missing",
      (t: string) => `delete from audit_events where chain = '${t}' and sequence = 1`,
      1,
    ],
    [
      "a tail cut off",
      "truncated",
      (t: string) => `delete from audit_events where chain = '${t}' and sequence >= 4`,
      4,
    ],
    ["a chain deleted", "truncated", (t: string) => `delete from audit_events where chain = '${t}'`, 1],
    ["a head deleted", "head_missing", (t: string) => `delete from audit_heads where chain = '${t}'`, 5],
    [
      "a head set back",
      "edited",
      (t: string) => `update audit_heads set sequence = 4 where chain = '${t}'`,
      4,
    ],
  ])("shows %s as %s, in that chain only", async (_what, kind, statement, sequence) => {
    const database = await create();
    const { registry, acme } = await trail(database);
    await database.tamper(statement(acme));
    const verification = await registry.read((db) => auditVerify(db));
    expect(verification.verified).toBe(false);
    expect(verification.breaks).toEqual([expect.objectContaining({ chain: acme, kind, sequence })]);
  });

  it("shows two events swapped", async () => {
    const database = await create();
    const { registry, acme } = await trail(database);
    const move = (from: number, to: number) =>
      `update audit_events set sequence = ${to} where chain = '${acme}' and sequence = ${from}`;
    await database.tamper(move(2, 99), move(3, 2), move(99, 3));
    const { breaks } = await registry.read((db) => auditVerify(db));
    expect(breaks).toEqual([expect.objectContaining({ chain: acme, sequence: 2, kind: "edited" })]);
  });

  it("shows a whole chain and its head deleted, as the tenant is still there", async () => {
    const database = await create();
    const { registry, acme } = await trail(database);
    await database.tamper(
      `delete from audit_events where chain = '${acme}'`,
      `delete from audit_heads where chain = '${acme}'`,
    );
    const { breaks } = await registry.read((db) => auditVerify(db));
    expect(breaks).toEqual([expect.objectContaining({ chain: acme, kind: "chain_missing" })]);
  });

  it("shows an event slipped in behind the head", async () => {
    const database = await create();
    const { registry, acme } = await trail(database);
    await database.tamper(
      `insert into audit_events select chain, 6, 'forged', occurred_at, actor_kind, actor_id, actor_name, action,
       target_type, target_id, tenant_id, outcome, reason, request_id, correlation_id, details, hash, hash
       from audit_events where chain = '${acme}' and sequence = 5`,
    );
    expect((await registry.read((db) => auditVerify(db))).verified).toBe(false);
  });

  it("verifies as exported, without a database", async () => {
    const { registry, acme } = await trail(await create());
    const exported: AuditEvent[] = JSON.parse(JSON.stringify(await all(registry, acme)));
    const last = exported.at(-1);
    const head = { sequence: last?.sequence ?? 0, hash: last?.hash ?? "" };
    expect(verifyChain(acme, exported, head)).toBeUndefined();
    expect(verifyChain(acme, exported.slice(0, -1), head)).toMatchObject({ kind: "truncated", sequence: 5 });
  });

  it("is listed newest first, and a chain in its order, page by page", async () => {
    const { registry, acme } = await trail(await create());
    const pageOf = (cursor?: string, chain?: string) =>
      registry.read((db) => auditEventList(db, { limit: 3, cursor, chain }));
    const newest = await pages(pageOf);
    expect(newest).toHaveLength(8);
    expect(new Set(newest.map((event) => event.eventId)).size).toBe(8);
    expect(newest[0]?.action).toBe("tenant.updated");
    expect([...newest].sort((a, b) => (a.eventId < b.eventId ? 1 : -1))).toEqual(newest);

    const chain = await pages((cursor) => pageOf(cursor, acme));
    expect(chain.map((event) => event.sequence)).toEqual([1, 2, 3, 4, 5]);
  });

  it("is filtered by tenant and action", async () => {
    const { registry, bolt } = await trail(await create());
    const list = (query: { tenantId?: string; action?: string }) =>
      registry.read((db) => auditEventList(db, { limit: 50, ...query }));
    expect((await list({ tenantId: bolt })).items).toHaveLength(1);
    expect((await list({ action: "tenant.created" })).items).toHaveLength(2);
    expect((await list({ action: "release.created" })).items).toHaveLength(1);
  });

  it("keeps denied decisions, which change nothing else", async () => {
    const registry = await (await create()).open();
    await registry.change(context, (change) =>
      change.audit({
        action: "tenant.create_denied",
        target: { type: "tenant", id: "-" },
        outcome: "denied",
      }),
    );
    const { items } = await registry.read((db) => auditEventList(db, { limit: 1 }));
    expect(items[0]).toMatchObject({ outcome: "denied", chain: FLEET_CHAIN, tenantId: null });
  });

  it("holds no secret that a caller lets slip into details or reason", async () => {
    const database = await create();
    const registry = await database.open();
    const secret = "AKIAIOSFODNN7EXAMPLE";
    await registry.change(context, (change) =>
      change.audit({
        action: "test.ran",
        target: { type: "test", id: "1" },
        reason: `the key ${secret} did not work`,
        details: {
          note: `used ${secret}`,
          dbPassword: "hunter2",
          nested: [{ token: "swordfish" }],
          gone: undefined,
        },
      }),
    );
    const stored = JSON.stringify(await database.raw("select * from audit_events"));
    expect(stored).not.toContain(secret);
    expect(stored).not.toContain("hunter2");
    expect(stored).not.toContain("swordfish");
    expect((await registry.read((db) => auditVerify(db))).verified).toBe(true);
  });

  it("verifies a chain longer than one page of reading", async () => {
    const registry = await (await create()).open();
    await registry.change(context, async (change) => {
      for (let place = 0; place < 2_100; place += 1) {
        await change.audit({ action: "test.ran", target: { type: "test", id: String(place) } });
      }
    });
    expect(await registry.read((db) => auditVerify(db))).toMatchObject({ verified: true, events: 2_100 });
  });
});

/** Eight events: two of the fleet, five of acme, one of bolt. */
async function trail(database: TestDatabase): Promise<{ registry: Registry; acme: string; bolt: string }> {
  const registry = await database.open();
  await addPlane(registry);
  await addRelease(registry);
  const acme = await addTenant(registry, "acme");
  const bolt = await addTenant(registry, "bolt");
  for (const displayName of ["b", "c", "d", "e"]) {
    await registry.change(context, (change) => tenantUpdate(change, acme.tenantId, { displayName }));
  }
  return { registry, acme: acme.tenantId, bolt: bolt.tenantId };
}

async function all(registry: Registry, chain: string): Promise<AuditEvent[]> {
  const events: AuditEvent[] = [];
  await registry.read(async (db) => {
    for await (const event of eventsOf(db, chain)) events.push(event);
  });
  return events;
}

async function pages(pageOf: (cursor?: string) => ReturnType<typeof auditEventList>): Promise<AuditEvent[]> {
  const events: AuditEvent[] = [];
  let cursor: string | undefined;
  do {
    const page = await pageOf(cursor);
    events.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return events;
}
