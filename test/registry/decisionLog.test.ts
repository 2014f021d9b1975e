import { expect, it } from "vitest";
import type { AuditDecision, AuditDecisionListQuery } from "../../contract/audit.ts";
import {
  type DecisionPlace,
  decisionList,
  decisionListQuery,
  decisionsPurge,
  decisionsWrite,
} from "../../registry/decisionLog.ts";
import { newId } from "../../registry/id.ts";
import { tenantLegalHold } from "../../registry/tenantLifecycle.ts";
import { addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("the decision log", (create) => {
  it("is found by who, what, whose and when, newest first, page by page", async () => {
    const registry = await (await create()).open();
    const tenantId = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
    const rows = [
      decision("2026-03-01T09:00:00.000Z", { action: "tenantGet", tenantId }),
      decision("2026-03-01T09:00:01.000Z", { action: "tenantList" }),
      decision("2026-03-01T09:00:02.000Z", { principal: { id: "eve", name: "Eve" } }),
    ];
    await registry.record((record) => decisionsWrite(record, rows));
    await registry.record((record) => decisionsWrite(record, []));
    const list = (query: Partial<AuditDecisionListQuery>) =>
      registry.read((db) => decisionList(db, { limit: 50, ...query }));
    expect((await list({})).items).toEqual([...rows].reverse());
    expect((await list({ tenantId })).items).toEqual([rows[0]]);
    expect((await list({ action: "tenantList" })).items).toEqual([rows[1]]);
    expect((await list({ principalId: "eve" })).items).toEqual([rows[2]]);
    expect((await list({ requestId: rows[1]?.requestId })).items).toEqual([rows[1]]);
    expect((await list({ from: rows[1]?.decidedAt, to: rows[2]?.decidedAt })).items).toEqual([rows[1]]);
    const first = await list({ limit: 2 });
    const second = await list({ limit: 2, cursor: first.nextCursor ?? undefined });
    expect([...first.items, ...second.items]).toEqual([...rows].reverse());
    expect(second.nextCursor).toBeNull();
  });

  it("keeps every field of a large batch, and takes one that it has already", async () => {
    const registry = await (await create()).open();
    const rows = Array.from({ length: 123 }, (_, place) =>
      decision(new Date(Date.UTC(2026, 2, 1) + place).toISOString(), {
        ...{ action: `action ${place}`, policies: [`policy ${place}`], correlationId: `c${place}` },
        ...(place % 2 === 0 && { tenantId: `tenant ${place}`, role: null }),
        principal: { id: `key ${place}`, name: `name ${place}` },
      }),
    );
    for (const batch of [rows.slice(0, 100), rows.slice(50), rows])
      await registry.record((record) => decisionsWrite(record, batch));
    const { items } = await registry.read((db) => decisionList(db, { limit: 200 }));
    expect(items).toEqual([...rows].reverse());
  });

  it("is searched by an index for each filter, never as a whole", async () => {
    const registry = await (await create()).open();
    if (registry.dialect !== "sqlite") return;
    for (const [field, index] of [
      ["principalId", "decisions_by_principal_id_decided_at_decision_id"],
      ["tenantId", "decisions_by_tenant_id_decided_at_decision_id"],
      ["action", "decisions_by_action_decided_at_decision_id"],
      ["correlationId", "decisions_by_correlation_id_decided_at_decision_id"],
      ["from", "decisions_by_decided_at_decision_id"],
      ["requestId", "decisions_by_request_id"],
    ] as const) {
      const asked = { limit: 50, [field]: "2026-03-01T09:00:00.000Z" };
      const plan = await registry.read((db) => registry.explain(decisionListQuery(db, asked).compile()));
      expect(plan.join("\n")).toContain(index);
      // Of one request there are a few at most.
      if (field !== "requestId") expect(plan.join("\n")).not.toContain("TEMP B-TREE");
    }
  });

  it("keeps what is young and removes the rest in bounded parts", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const old = [1, 2, 3].map((day) => decision(`2026-01-0${day}T00:00:00.000Z`));
    const young = decision("2026-02-28T00:00:00.000Z");
    await registry.record((record) => decisionsWrite(record, [...old, young]));
    const purge = (after?: DecisionPlace) =>
      registry.record((record) => decisionsPurge(record, { keepDays: 30, limit: 2, after }));
    const { decidedAt, decisionId } = old[1] as AuditDecision;
    const upTo = { decidedAt, decisionId };
    expect(await purge(upTo)).toEqual({ purged: 1, upTo: undefined });
    await registry.record((record) => decisionsWrite(record, old.slice(2)));
    expect([await purge(), await purge(upTo), await purge(upTo)]).toEqual([
      { purged: 2, upTo },
      { purged: 1, upTo: undefined },
      { purged: 0, upTo: undefined },
    ]);
    const { items } = await registry.read((db) => decisionList(db, { limit: 50 }));
    expect(items).toEqual([young]);
  });

  it("keeps what is about a tenant with a legal hold", async () => {
    const registry = await (await create()).open({ now: settableClock().now });
    const { tenantId } = await addTenant(registry, "held");
    const hold = { reason: "a case", placedBy: "key-1", placedAt: "2026-01-01T00:00:00.000Z" };
    await registry.change(context, (change) => tenantLegalHold(change, tenantId, hold, "a case"));
    const held = decision("2026-01-01T00:00:00.000Z", { tenantId });
    const other = decision("2026-01-02T00:00:00.000Z");
    await registry.record((record) => decisionsWrite(record, [held, other]));
    const purge = async () =>
      (await registry.record((record) => decisionsPurge(record, { keepDays: 30, limit: 1 }))).purged;
    expect([await purge(), await purge()]).toEqual([1, 0]);
    expect((await registry.read((db) => decisionList(db, { limit: 50 }))).items).toEqual([held]);
  });
});

function decision(decidedAt: string, more: Partial<AuditDecision> = {}): AuditDecision {
  return {
    ...{ decisionId: newId(), decidedAt, principal: { id: "ann", name: "Ann" }, role: "auditor" },
    ...{ action: "tenantGet", tenantId: null, policies: [], requestId: newId(), correlationId: "c" },
    ...more,
  };
}
