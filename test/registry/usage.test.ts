import { expect, it } from "vitest";
import type { UsageRecord } from "../../contract/usage.ts";
import { encodeCursor } from "../../registry/cursor.ts";
import { meterArchive, meterCreate } from "../../registry/meter.ts";
import type { Registry } from "../../registry/registry.ts";
import { USAGE_SCOPE, usageDigest } from "../../registry/usageIngest.ts";
import { usagePurge } from "../../registry/usagePurge.ts";
import {
  eventCursor,
  eventQuery,
  eventRows,
  usageEventList,
  usageTotalList,
} from "../../registry/usageRead.ts";
import { addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";
import { AT, eventsFor, HOUR_MS, reasons, send, totalsOf } from "./usageFixtures.ts";

/** Newest first. */
async function audited(registry: Registry, action: string) {
  const rows = await registry.read((db) =>
    db
      .selectFrom("auditEvents")
      .selectAll()
      .where("action", "=", action)
      .orderBy("sequence", "desc")
      .execute(),
  );
  return rows.map(({ details, ...row }) => ({
    ...row,
    details: JSON.parse(details) as Record<string, unknown>,
  }));
}

describeDialects("usage", (create) => {
  async function begin(start = "2026-03-01T09:00:00.000Z") {
    const clock = settableClock(start);
    const database = await create();
    const registry = await database.open({ now: clock.now });
    const { tenantId } = await addTenant(registry, "acme");
    return { clock, database, registry, tenantId, event: eventsFor(tenantId) };
  }

  it("is counted in the hour, the day and the month it happened in, with one audit event a batch", async () => {
    const { registry, tenantId, event } = await begin();
    const sent = [
      event({ quantity: 1 }),
      event({ quantity: 2, occurredAt: "2026-02-28T23:59:59.999Z" }),
      event({ meter: "storage_gib_hours", quantity: 0.1 }),
      event({ meter: "storage_gib_hours", quantity: 0.2 }),
    ];
    const { batchId } = await send(registry, sent);
    const rows = (window: "hour" | "day" | "month") =>
      totalsOf(registry, tenantId, window).then((items) =>
        items.map((one) => [one.windowStart, one.meter, one.quantity, one.events]),
      );
    expect(await rows("hour")).toEqual([
      ["2026-02-28T23:00:00.000Z", "llm_tokens", 2, 1],
      ["2026-03-01T08:00:00.000Z", "llm_tokens", 1, 1],
      ["2026-03-01T08:00:00.000Z", "storage_gib_hours", 0.3, 2],
    ]);
    expect(await rows("month")).toEqual([
      ["2026-02-01T00:00:00.000Z", "llm_tokens", 2, 1],
      ["2026-03-01T00:00:00.000Z", "llm_tokens", 1, 1],
      ["2026-03-01T00:00:00.000Z", "storage_gib_hours", 0.3, 2],
    ]);
    await send(registry, sent);
    const items = await audited(registry, "usage.counted");
    expect(items).toMatchObject([
      { chain: "fleet", targetId: batchId, details: { accepted: 4, duplicates: 0, tenants: 1 } },
    ]);
    const kept = await registry.read((db) => db.selectFrom("usageEvents").selectAll().execute());
    expect(usageDigest(kept)).toBe(items[0]?.details.digest);
  });

  it("keeps the largest of a window where the meter is of peaks", async () => {
    const { registry, tenantId, event } = await begin();
    const peak = (quantity: number) => event({ meter: "connections", quantity });
    await send(registry, [peak(3), peak(7), peak(5)]);
    await send(registry, [peak(6)]);
    expect(await totalsOf(registry, tenantId)).toMatchObject([{ quantity: 7, events: 4 }]);
    expect(
      reasons(await send(registry, [event({ meter: "connections", corrects: "e-1", quantity: -1 })])),
    ).toEqual(["not_correctable"]);
  });

  it("takes what is late until its time is over, and then says so, but knows a duplicate for ever", async () => {
    const { registry, event, clock } = await begin();
    const late = event({ occurredAt: "2026-02-27T10:00:00.000Z" });
    expect(reasons(await send(registry, [late]))).toEqual(["accepted"]);
    const never = event({ occurredAt: "2026-02-27T10:00:00.000Z" });
    clock.advance(2 * HOUR_MS);
    expect(reasons(await send(registry, [never, late]))).toEqual(["too_late", "duplicate"]);
    const ahead = event({ occurredAt: "2026-03-01T11:04:59.000Z" });
    const tooFar = event({ occurredAt: "2026-03-01T11:06:00.000Z" });
    expect(reasons(await send(registry, [ahead, tooFar]))).toEqual(["accepted", "in_future"]);
  });

  it("follows corrections, in whatever order they come with their originals", async () => {
    const { registry, tenantId, event } = await begin();
    const original = event({ quantity: 100 });
    const less = event({ corrects: original.eventId, quantity: -30 });
    const more = event({ corrects: original.eventId, quantity: 5 });
    expect(reasons(await send(registry, [less]))).toEqual(["unknown_original"]);
    expect(reasons(await send(registry, [less, original]))).toEqual(["accepted", "accepted"]);
    expect(reasons(await send(registry, [more, less]))).toEqual(["accepted", "duplicate"]);
    expect(await totalsOf(registry, tenantId)).toMatchObject([{ quantity: 75, events: 1, corrections: 2 }]);
    const wrong = [
      event({ corrects: original.eventId, quantity: -76 }),
      event({ corrects: less.eventId, quantity: 1 }),
      event({ corrects: original.eventId, quantity: 1, meter: "events" }),
    ];
    expect(reasons(await send(registry, wrong))).toEqual([
      "correction_too_large",
      "original_is_correction",
      "meter_mismatch",
    ]);
    const items = await audited(registry, "usage.counted");
    expect(items[0]?.details).toMatchObject({
      corrections: 1,
      corrected: [{ eventId: more.eventId, corrects: original.eventId, steps: 5 }],
    });
  });

  it("refuses, one by one, what cannot be counted", async () => {
    const { registry, tenantId, event } = await begin();
    const kept = event();
    await send(registry, [kept]);
    await registry.change(context, (change) => meterArchive(change, "workflow_runs", undefined));
    const other = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
    const batch = await send(registry, [
      { ...kept, quantity: 11 },
      event({ tenantId: other }),
      event({ meter: "no_such_meter" }),
      event({ meter: "workflow_runs" }),
      event({ quantity: 1.5 }),
      event({ meter: "storage_gib_hours", quantity: 0.1234567 }),
      event({ quantity: 1 }),
    ]);
    expect(reasons(batch)).toEqual([
      "event_id_reused",
      "unknown_tenant",
      "unknown_meter",
      "meter_archived",
      "invalid_event",
      "invalid_event",
      "accepted",
    ]);
    expect(await totalsOf(registry, tenantId)).toMatchObject([{ quantity: 11 }]);
  });

  it("counts what a deleted tenant used before its end, and nothing after", async () => {
    const { registry, tenantId, event, database } = await begin();
    await database.raw(
      `update tenants set status = 'deleted', deleted_at = '2026-03-01T08:00:00.000Z' where tenant_id = '${tenantId}'`,
    );
    const before = event({ occurredAt: "2026-03-01T07:59:00.000Z" });
    expect(reasons(await send(registry, [before, event()]))).toEqual(["accepted", "tenant_deleted"]);
  });

  it("stays exact up to what can be counted, and refuses what goes past it", async () => {
    const { registry, tenantId, event } = await begin();
    const most = 1_000_000_000_000;
    await registry.change(context, (change) =>
      meterCreate(change, {
        ...{ meterKey: "fine", displayName: "Fine", unit: "x" },
        aggregation: "sum",
        decimals: 3,
      }),
    );
    const fine = (quantity: number) => event({ meter: "fine", quantity });
    expect(reasons(await send(registry, [fine(most - 1), fine(0.999), fine(0.001), fine(1)]))).toEqual([
      ...["accepted", "accepted", "total_too_large", "total_too_large"],
    ]);
    expect(await totalsOf(registry, tenantId)).toMatchObject([{ quantity: 999_999_999_999.999 }]);
  });

  it("goes when its retention is over, and what has gone is never counted again", async () => {
    const { registry, tenantId, event, clock } = await begin();
    const original = event({ quantity: 3 });
    const correction = event({ corrects: original.eventId, quantity: 2 });
    await send(registry, [original, correction]);
    const purge = (limit = 100) =>
      registry.change(
        context,
        (change) => usagePurge(change, { eventDays: 10, totalDays: 20, limit }),
        USAGE_SCOPE,
      );
    expect(await purge()).toBe(0);
    clock.advance(11 * 24 * HOUR_MS);
    expect(await purge(1)).toBe(2);
    expect(await purge(1)).toBe(1);
    expect(await purge(1)).toBe(0);
    expect(await totalsOf(registry, tenantId, "hour")).toEqual([]);
    expect(await totalsOf(registry, tenantId)).toMatchObject([{ quantity: 5 }]);
    // Even when the settings have been changed so that it would be in time.
    const generous = { latenessMs: 300 * 24 * HOUR_MS };
    expect(reasons(await send(registry, [original], generous))).toEqual(["too_late"]);
    expect(reasons(await send(registry, [original, correction], generous))).toEqual([
      "too_late",
      "unknown_original",
    ]);
    expect(await totalsOf(registry, tenantId)).toMatchObject([{ quantity: 5 }]);
    clock.advance(10 * 24 * HOUR_MS);
    // The day; its month is not over yet.
    expect(await purge()).toBe(1);
    expect(await totalsOf(registry, tenantId, "month")).toMatchObject([{ quantity: 5 }]);
    expect(await audited(registry, "usage.purged")).toHaveLength(3);
  });

  it("stays whole while a legal hold keeps its tenant, however old it is", async () => {
    const { registry, tenantId, event, clock, database } = await begin();
    const other = eventsFor((await addTenant(registry, "bolt")).tenantId);
    const held = event();
    await send(registry, [held, other()]);
    const place = (hold: string) =>
      database.raw(`update tenants set legal_hold = ${hold} where tenant_id = '${tenantId}'`);
    const purge = () =>
      registry.change(
        context,
        (change) => usagePurge(change, { eventDays: 10, totalDays: 20, limit: 100 }),
        USAGE_SCOPE,
      );
    await place("'{}'");
    clock.advance(60 * 24 * HOUR_MS);
    expect(await purge()).toBe(4);
    expect(await purge()).toBe(0);
    expect(await totalsOf(registry, tenantId, "hour")).toHaveLength(1);
    expect(reasons(await send(registry, [held]))).toEqual(["duplicate"]);
    await place("null");
    expect(await purge()).toBe(4);
    expect(reasons(await send(registry, [held]))).toEqual(["too_late"]);
  });

  it("cannot be corrected once its retention is over, purged or not", async () => {
    const { registry, event, clock } = await begin();
    const original = event();
    await send(registry, [original]);
    clock.advance(401 * 24 * HOUR_MS);
    const correction = event({ corrects: original.eventId, quantity: 1 });
    expect(reasons(await send(registry, [correction]))).toEqual(["too_late"]);
  });

  it("is listed in pages, by tenant and for the fleet", async () => {
    const { registry, tenantId, event } = await begin();
    const other = await addTenant(registry, "bolt");
    const theirs = eventsFor(other.tenantId);
    await send(registry, [event(), event({ meter: "events" }), event(), theirs(), theirs()]);
    const all = await registry.read((db) => usageTotalList(db, { window: "day", limit: 200 }));
    expect(all.items).toHaveLength(3);
    const seen: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await registry.read((db) => usageTotalList(db, { window: "day", limit: 1, cursor }));
      seen.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(all.items);
    const query = { tenantId, meter: "llm_tokens", limit: 1 };
    const first = await registry.read((db) => usageEventList(db, query));
    const second = await registry.read((db) =>
      usageEventList(db, { ...query, cursor: first.nextCursor ?? undefined }),
    );
    expect([...first.items, ...second.items].map((one) => one.eventId)).toEqual(["e-1", "e-3"]);
    expect(second.nextCursor).toBeNull();
  });

  it("comes in the order of time whatever its meter, page by page", async () => {
    const { registry, tenantId, event } = await begin();
    const other = await addTenant(registry, "bolt");
    const at = (minute: number) => `2026-03-01T08:${String(minute).padStart(2, "0")}:00.000Z`;
    const sent = ["llm_tokens", "events", "workflow_runs", "events", "llm_tokens", "llm_tokens", "events"];
    await send(registry, [
      ...sent.map((meter, place) => event({ meter, occurredAt: at(Math.floor((sent.length - place) / 2)) })),
      eventsFor(other.tenantId)(),
    ]);
    for (const limit of [1, 2, 3, 100]) {
      const seen: UsageRecord[] = [];
      for (;;) {
        const last = seen.at(-1);
        const cursor = last && encodeCursor(eventCursor(last, { tenantId }));
        const page = await registry.read((db) => eventRows(db, { tenantId, cursor }, limit));
        seen.push(...page);
        if (page.length < limit) break;
      }
      expect(seen.map(({ eventId }) => eventId)).toEqual(["e-7", "e-5", "e-6", "e-3", "e-4", "e-1", "e-2"]);
    }
  });

  it("finds its events and totals by index", async () => {
    const { registry, tenantId } = await begin();
    const after = encodeCursor([AT, `${tenantId}/e-1`]);
    const plans = await registry.read(async (db) => {
      const queries = [
        eventQuery(db, { tenantId, meter: "events", from: AT, to: AT, last: AT, cursor: after }),
        eventQuery(db, { from: AT, to: AT, cursor: after }),
        db
          .selectFrom("usageTotals")
          .selectAll()
          .where("windowKind", "=", "day")
          .where("windowStart", ">=", AT)
          .orderBy("windowStart")
          .orderBy("tenantId")
          .orderBy("meterKey"),
      ];
      return Promise.all(queries.map((query) => registry.explain(query.compile())));
    });
    if (registry.dialect === "sqlite") {
      for (const plan of plans) expect(plan.join("\n")).toMatch(/USING INDEX/);
      for (const plan of plans) expect(plan.join("\n")).not.toMatch(/TEMP B-TREE/);
    }
  });
});
