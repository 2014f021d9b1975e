import { expect, it } from "vitest";
import type { AuditEventListQuery } from "../../contract/audit.ts";
import type { AuditEntry } from "../../registry/audit.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import type { Registry } from "../../registry/registry.ts";
import { context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const MINUTE_MS = 60_000;

describeDialects("the search of the audit trail", (create) => {
  it("finds by actor, action, prefix, target, outcome, request, correlation, time and words", async () => {
    const registry = await trail(await create());
    const found = async (query: Partial<AuditEventListQuery>) =>
      (await list(registry, query)).items.map(({ action }) => action);
    expect(await found({})).toEqual(["key.made", "tenant.left", "tenant.moved", "plan.bound", "tenant.made"]);
    expect(await found({ actorId: "eve" })).toEqual(["tenant.left", "plan.bound"]);
    expect(await found({ action: "tenant.moved" })).toEqual(["tenant.moved"]);
    expect(await found({ actionPrefix: "tenant." })).toEqual(["tenant.left", "tenant.moved", "tenant.made"]);
    expect(await found({ actionPrefix: "tenant.m", actorId: "ann" })).toEqual([
      "tenant.moved",
      "tenant.made",
    ]);
    expect(await found({ actionPrefix: "nothing." })).toEqual([]);
    expect(await found({ targetId: "t-1" })).toEqual(["tenant.moved", "tenant.made"]);
    expect(await found({ targetType: "plan", targetId: "t-1" })).toEqual([]);
    expect(await found({ outcome: "denied" })).toEqual(["tenant.left"]);
    expect(await found({ outcome: "succeeded", actorId: "eve" })).toEqual(["plan.bound"]);
    expect(await found({ requestId: "r-plan.bound" })).toEqual(["plan.bound"]);
    expect(await found({ correlationId: "c-1" })).toHaveLength(5);
    expect(await found({ from: at(1), to: at(3) })).toEqual(["tenant.moved", "plan.bound"]);
    expect(await found({ text: "CONTRACT" })).toEqual(["tenant.left", "plan.bound"]);
    expect(await found({ text: "ended contract" })).toEqual(["tenant.left"]);
    expect(await found({ text: "contract nobody" })).toEqual([]);
    expect(await found({ text: "zürich" })).toEqual(["tenant.moved"]);
    expect(await found({ text: "!!" })).toEqual([]);
  });

  it.each([
    { actionPrefix: "tenant." },
    { text: "contract" },
    { actorId: "ann" },
    { outcome: "succeeded" },
  ] as const)("gives all of %o page by page, each once", async (query) => {
    const registry = await trail(await create());
    const whole = (await list(registry, query)).items;
    expect(whole.length).toBeGreaterThan(1);
    const paged = [];
    let cursor: string | undefined;
    do {
      const page = await list(registry, { ...query, limit: 1, cursor });
      paged.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(paged).toEqual(whole);
  });

  it("takes what would be SQL or a pattern as plain text", async () => {
    const registry = await trail(await create());
    for (const odd of ["' or 1=1 --", "%", "_", "\\", "tenant.%"]) {
      expect((await list(registry, { actionPrefix: odd })).items).toEqual([]);
      expect((await list(registry, { actorId: odd })).items).toEqual([]);
    }
  });

  it("seeks by an index for each filter", async () => {
    const database = await create();
    const registry = await trail(database);
    const plan = async (condition: string) =>
      (
        await registry.explain({
          sql: `select * from audit_events where ${condition} order by occurred_at desc, event_id desc limit 3`,
          parameters: [],
        })
      ).join("\n");
    if (registry.dialect !== "sqlite") return;
    for (const [condition, index] of [
      ["actor_id = 'x'", "audit_events_by_actor_id_occurred_at_event_id"],
      ["target_id = 'x'", "audit_events_by_target_id_occurred_at_event_id"],
      ["correlation_id = 'x'", "audit_events_by_correlation_id_occurred_at_event_id"],
      ["outcome = 'denied' and outcome <> 'succeeded'", "audit_events_not_succeeded"],
    ] as const) {
      expect(await plan(condition)).toContain(index);
      expect(await plan(condition)).not.toContain("TEMP B-TREE");
    }
    const words = await registry.explain({
      sql: `select audit_events.* from audit_reason_words as lead
        inner join audit_events on audit_events.event_id = lead.event_id
        where lead.word = 'x' order by lead.occurred_at desc, lead.event_id desc limit 3`,
      parameters: [],
    });
    expect(words.join("\n")).toMatch(/SEARCH lead USING .*word=\?/);
    expect(words.join("\n")).not.toContain("TEMP B-TREE");
  });
});

function at(minutes: number): string {
  return new Date(Date.parse("2026-03-01T09:00:00.000Z") + minutes * MINUTE_MS).toISOString();
}

function list(registry: Registry, query: Partial<AuditEventListQuery>) {
  return registry.read((db) => auditEventList(db, { limit: 50, ...query }));
}

/** Five events, a minute apart. */
async function trail(database: { open: (tuning: object) => Promise<Registry> }): Promise<Registry> {
  const clock = settableClock();
  const registry = await database.open({ now: clock.now });
  const write = async (actorId: string, entry: AuditEntry) => {
    const { kind } = context.actor;
    const actor = { kind, id: actorId, name: actorId };
    const cause = { actor, requestId: `r-${entry.action}`, correlationId: "c-1" };
    await registry.change(cause, (change) => change.audit(entry));
    clock.advance(MINUTE_MS);
  };
  const tenant = (id: string) => ({ type: "tenant", id });
  await write("ann", { action: "tenant.made", target: tenant("t-1") });
  await write("eve", {
    action: "plan.bound",
    target: { type: "plan", id: "p" },
    reason: "The contract says so",
  });
  await write("ann", { action: "tenant.moved", target: tenant("t-1"), reason: "Nearer to Zürich" });
  await write("eve", {
    action: "tenant.left",
    target: tenant("t-2"),
    outcome: "denied",
    reason: "contract: ended, said eve",
  });
  await write("ann", { action: "key.made", target: { type: "api_key", id: "k" } });
  return registry;
}
