import fc from "fast-check";
import { expect, it } from "vitest";
import type { UsageEvent } from "../contract/usage.ts";
import { judgeUsage, type UsageFacts } from "./usageJudge.ts";

const TENANT = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
const METER = "events";
const AT = "2026-03-01T08:30:00.000Z";

function factsWith(more: Partial<UsageFacts> = {}): UsageFacts {
  return {
    ...{ takenFrom: "2026-02-27T00:00:00.000Z", keptFrom: "2025-03-01T00:00:00.000Z" },
    takenUntil: "2026-03-01T09:05:00.000Z",
    tenants: new Map([[TENANT, { deletedAt: null }]]),
    meters: new Map([[METER, { aggregation: "sum", decimals: 0, archivedAt: null }]]),
    ...{ kept: new Map(), corrected: new Map(), totals: new Map() },
    limitOf: () => undefined,
    overQuota: "count",
    ...more,
  };
}

/** Few ids, so that many repeat, some of them with another quantity. */
const original = fc
  .record({ id: fc.nat(8), quantity: fc.constantFrom(0, 1, 7, 40) })
  .map(({ id, quantity }) => ({
    eventId: `o${id}`,
    tenantId: TENANT,
    meter: METER,
    quantity,
    occurredAt: AT,
  }));
const correction = fc
  .record({ id: fc.nat(8), of: fc.nat(8), quantity: fc.constantFrom(-3, 2) })
  .map(({ id, of, quantity }) => ({
    eventId: `c${id}`,
    tenantId: TENANT,
    meter: METER,
    quantity,
    corrects: `o${of}`,
  }));
const batch: fc.Arbitrary<UsageEvent[]> = fc.array(fc.oneof(original, correction), { maxLength: 40 });

const monthOf = (judged: ReturnType<typeof judgeUsage>) =>
  judged.changes.find(({ window }) => window === "month")?.quantity ?? 0;

it("counts each id once, and the totals are what was accepted", () => {
  fc.assert(
    fc.property(batch, (events) => {
      const judged = judgeUsage(events, factsWith());
      const accepted = events.filter((_, place) => judged.verdicts[place]?.status === "accepted");
      expect(new Set(accepted.map(({ eventId }) => eventId)).size).toBe(accepted.length);
      expect(judged.counted).toHaveLength(accepted.length);
      expect(monthOf(judged)).toBe(accepted.reduce((sum, { quantity }) => sum + quantity, 0));
      expect(judged.verdicts).toHaveLength(events.length);
      expect(monthOf(judged)).toBeGreaterThanOrEqual(0);
    }),
  );
});

it("knows all it has counted when the same batch comes again", () => {
  fc.assert(
    fc.property(batch, (events) => {
      const first = judgeUsage(events, factsWith());
      const kept = new Map(first.counted.map((event) => [`${event.tenantId}/${event.eventId}`, event]));
      const corrected = new Map<string, number>();
      for (const { tenantId, corrects, quantity } of first.counted) {
        if (corrects === null) continue;
        const key = `${tenantId}/${corrects}`;
        corrected.set(key, (corrected.get(key) ?? 0) + quantity);
      }
      const again = judgeUsage(events, factsWith({ kept, corrected }));
      events.forEach((_, place) => {
        if (first.verdicts[place]?.status !== "rejected")
          expect(again.verdicts[place]?.status).toBe("duplicate");
      });
    }),
  );
});

it("never goes past a quota that the sender does not want to exceed, and refuses nothing that fits", () => {
  fc.assert(
    fc.property(batch, fc.integer({ min: 0, max: 100 }), (events, limit) => {
      const originals = events.filter(({ corrects }) => corrects === undefined);
      const judged = judgeUsage(originals, factsWith({ limitOf: () => limit, overQuota: "refuse" }));
      let used = 0;
      originals.forEach(({ quantity }, place) => {
        const verdict = judged.verdicts[place];
        if (verdict?.status === "accepted") used += quantity;
        const isRefused = verdict?.status === "rejected" && verdict.reason === "quota_exceeded";
        if (isRefused) expect(used + quantity).toBeGreaterThan(limit);
        expect(used).toBeLessThanOrEqual(limit);
      });
      expect(monthOf(judged)).toBe(used);
    }),
  );
});

it.each([
  ["below", 50, 29, []],
  ["at 80 percent", 50, 30, [80]],
  ["past all of it", 0, 200, [80, 100]],
  ["already past, which may not have been told", 120, 1, [80, 100]],
])("knows each threshold that is reached: %s", (_name, before, quantity, thresholds) => {
  const totals = new Map([[`${TENANT}/day/2026-03-01T00:00:00.000Z/${METER}`, before]]);
  const event = { eventId: "e", tenantId: TENANT, meter: METER, quantity, occurredAt: AT };
  const judged = judgeUsage([event], factsWith({ totals, limitOf: () => 100 }));
  expect(judged.reached.map(({ threshold }) => threshold)).toEqual(thresholds);
});

it("takes a quota of nothing for used up by the first event", () => {
  const event = { eventId: "e", tenantId: TENANT, meter: METER, quantity: 1, occurredAt: AT };
  const judged = judgeUsage([event], factsWith({ limitOf: () => 0 }));
  expect(judged.reached.map(({ threshold }) => threshold)).toEqual([80, 100]);
});
