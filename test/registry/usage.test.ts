import { expect, it } from "vitest";
import { USAGE_LIMITS, type UsageEvent } from "../../contract/usage.ts";
import { limitOverrideCreate } from "../../registry/limitOverride.ts";
import { meterArchive, meterCreate, meterList } from "../../registry/meter.ts";
import { outboxPending } from "../../registry/outbox.ts";
import { quotaAsk, quotaCheck, tenantQuotas } from "../../registry/quota.ts";
import type { Registry } from "../../registry/registry.ts";
import { USAGE_SCOPE, usageDigest, usageIngest } from "../../registry/usageIngest.ts";
import { usagePurge } from "../../registry/usagePurge.ts";
import { usageEventList, usageTotalList } from "../../registry/usageRead.ts";
import { usageSignalsUntold, usageSignalTell } from "../../registry/usageSignal.ts";
import { addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const HOUR_MS = 3_600_000;
const OPTIONS = {
  latenessMs: 48 * HOUR_MS,
  retentionMs: 400 * 24 * HOUR_MS,
  clockSkewMs: USAGE_LIMITS.clockSkewMs,
  overQuota: "count",
} as const;
const AT = "2026-03-01T08:30:00.000Z";

type Options = Parameters<typeof usageIngest>[2];

function send(registry: Registry, events: readonly UsageEvent[], options: Partial<Options> = {}) {
  return registry.change(
    context,
    (change) => usageIngest(change, events, { ...OPTIONS, ...options }),
    USAGE_SCOPE,
  );
}

function eventsFor(tenantId: string) {
  let count = 0;
  return (more: Partial<UsageEvent> = {}): UsageEvent => {
    count += 1;
    const usual = { eventId: `e-${count}`, tenantId, meter: "llm_tokens", quantity: 10 };
    return { ...usual, ...(more.corrects === undefined && { occurredAt: AT }), ...more };
  };
}

const reasons = (batch: Awaited<ReturnType<typeof usageIngest>>) =>
  batch.verdicts.map((verdict) => (verdict.status === "rejected" ? verdict.reason : verdict.status));

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

async function totalsOf(registry: Registry, tenantId: string, window: "hour" | "day" | "month" = "day") {
  const { items } = await registry.read((db) => usageTotalList(db, { tenantId, window, limit: 200 }));
  return items;
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

  it("finds its events and totals by index", async () => {
    const { registry, tenantId } = await begin();
    const plans = await registry.read(async (db) => {
      const queries = [
        db
          .selectFrom("usageEvents")
          .selectAll()
          .where("tenantId", "=", tenantId)
          .where("meterKey", "=", "events")
          .orderBy("occurredAt")
          .orderBy("eventId"),
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

describeDialects("quotas", (create) => {
  async function begin() {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { tenantId } = await addTenant(registry, "acme");
    const override = (value: number | null, hours = 24) =>
      registry.change(context, (change) =>
        limitOverrideCreate(change, {
          tenantId,
          limit: { kind: "quota", quota: "eventsPerDay", value },
          reason: "a test",
          expiresAt: new Date(clock.now().getTime() + hours * HOUR_MS).toISOString(),
        }),
      );
    const metered = eventsFor(tenantId);
    const event = (quantity: number) => metered({ meter: "events", quantity });
    return { clock, registry, tenantId, override, event, now: () => clock.now().toISOString() };
  }

  it("say what is used of them, whence they come, and when they begin anew", async () => {
    const { registry, tenantId, override, event, now } = await begin();
    await send(registry, [event(40)]);
    const stateOf = async () =>
      (await registry.read((db) => tenantQuotas(db, tenantId, now()))).find(
        (one) => one.quota === "eventsPerDay",
      );
    expect(await stateOf()).toMatchObject({ source: "plan", limit: 100_000, used: 40, exceeded: false });
    const { overrideId } = await override(30);
    expect(await stateOf()).toMatchObject({
      ...{ source: "override", overrideId, limit: 30, used: 40, remaining: 0, exceeded: true },
      ...{ window: "day", windowStart: "2026-03-01T00:00:00.000Z", resetsAt: "2026-03-02T00:00:00.000Z" },
    });
    await override(null);
    expect(await stateOf()).toMatchObject({
      source: "override",
      limit: null,
      remaining: null,
      exceeded: false,
    });
  });

  it("are asked before, refuse with what to do, and let an override end by itself", async () => {
    const { registry, tenantId, override, event, now, clock } = await begin();
    await override(50, 1);
    await send(registry, [event(45)]);
    const ask = (wanted: number) =>
      registry.read((db) => quotaAsk(db, tenantId, "eventsPerDay", wanted, now()));
    expect(await ask(5)).toMatchObject({ allowed: true, hint: null });
    expect(await ask(6)).toMatchObject({ allowed: false, hint: expect.stringContaining("limit-overrides") });
    const refused = registry.read((db) => quotaCheck(db, tenantId, "eventsPerDay", 6, now()));
    await expect(refused).rejects.toMatchObject({
      code: "quota_exceeded",
      message: expect.stringContaining("must stay within 50 events until 2026-03-02"),
    });
    clock.advance(HOUR_MS);
    expect(await ask(6)).toMatchObject({ allowed: true, source: "plan", overrideId: null });
  });

  it("keep events out when the sender says so, and count them otherwise", async () => {
    const { registry, tenantId, override, event } = await begin();
    await override(50);
    const refusing = { overQuota: "refuse" } as const;
    const first = await send(registry, [event(30), event(30), event(20)], refusing);
    expect(reasons(first)).toEqual(["accepted", "quota_exceeded", "accepted"]);
    expect(reasons(await send(registry, [event(1)], refusing))).toEqual(["quota_exceeded"]);
    expect(reasons(await send(registry, [event(1)]))).toEqual(["accepted"]);
    expect(await totalsOf(registry, tenantId)).toMatchObject([{ quantity: 51 }]);
  });

  it("signal 80 and 100 percent once a window, after a crash too", async () => {
    const { registry, tenantId, override, event } = await begin();
    await override(100);
    expect((await send(registry, [event(79)])).signals).toBe(false);
    expect((await send(registry, [event(1)])).signals).toBe(true);
    const big = event(50);
    expect((await send(registry, [big])).signals).toBe(true);
    await send(registry, [
      { eventId: "back", tenantId, meter: "events", quantity: -50, corrects: big.eventId },
    ]);
    await send(registry, [event(50)]);
    const untold = await registry.read((db) => usageSignalsUntold(db, 10));
    expect(untold.map((one) => one.threshold)).toEqual([80, 100]);
    for (const signal of [...untold, ...untold])
      await registry.change(context, (change) => usageSignalTell(change, signal), { tenantId });
    expect(await registry.read((db) => usageSignalsUntold(db, 10))).toEqual([]);
    const told = (await registry.read((db) => outboxPending(db, 100))).filter(({ type }) =>
      /^quota\./.test(type),
    );
    expect(told).toMatchObject([
      {
        stream: tenantId,
        type: "quota.threshold_reached",
        payload: { quota: "eventsPerDay", used: 80, limit: 100 },
      },
      { stream: tenantId, type: "quota.exceeded", payload: { threshold: 100, used: 130, window: "day" } },
    ]);
  });
});

describeDialects("meters", (create) => {
  it("are there from the beginning, can be added and archived, and keep their key", async () => {
    const registry = await (await create()).open();
    const input = {
      meterKey: "pages",
      displayName: "Pages",
      unit: "pages",
      aggregation: "sum",
      decimals: 0,
    } as const;
    await registry.change(context, (change) => meterCreate(change, input));
    await expect(registry.change(context, (change) => meterCreate(change, input))).rejects.toMatchObject({
      code: "duplicate_meter",
    });
    await registry.change(context, (change) => meterArchive(change, "pages", "not used"));
    const keys = async (archived: boolean) =>
      (await registry.read((db) => meterList(db, { limit: 100, archived }))).items.map((one) => one.meterKey);
    expect(await keys(false)).toEqual([
      ...["api_requests", "connections", "connector_operations", "events", "llm_tokens"],
      ...["storage_gib_hours", "workflow_runs"],
    ]);
    expect(await keys(true)).toContain("pages");
    await expect(registry.change(context, (change) => meterCreate(change, input))).rejects.toMatchObject({
      code: "duplicate_meter",
    });
  });
});
