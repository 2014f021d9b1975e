import type { UsageWindow } from "../contract/quota.ts";
import { isNotHeld } from "./legalHold.ts";
import type { Change } from "./registry.ts";
import { later } from "./stackLease.ts";

/**
 * Ends what metering keeps: events, and totals of hours, after one retention; totals of days and months, and what was signalled,
 * after another. Before the first event goes, the mark moves past it, so that an event that is purged can never be taken a
 * second time, whatever the settings become later.
 */
const DAY_MS = 86_400_000;
const MARK = "purged_before";

export interface UsagePurge {
  readonly eventDays: number;
  readonly totalDays: number;
  /** At most so many rows of each kind. */
  readonly limit: number;
}

/** Audits `usage.purged` on the fleet's chain when something went. Answers how many rows that were. */
export async function usagePurge(
  change: Change,
  { eventDays, totalDays, limit }: UsagePurge,
): Promise<number> {
  const { now } = change;
  const eventsBefore = later(now, -eventDays * DAY_MS);
  const totalsBefore = later(now, -totalDays * DAY_MS);
  const events = await purgeEvents(change, eventsBefore, limit);
  const hours = await purgeTotals(change, "hour", eventsBefore, limit);
  const days = await purgeTotals(change, "day", totalsBefore, limit);
  const totals = days + (await purgeTotals(change, "month", totalsBefore, limit));
  const signals = await purgeSignals(change, totalsBefore, limit);
  const gone = events + hours + totals + signals;
  if (gone === 0) return 0;
  await change.audit({
    action: "usage.purged",
    target: { type: "registry", id: "usage" },
    details: { events, hours, totals, signals, eventsBefore, totalsBefore },
  });
  return gone;
}

async function purgeEvents({ db }: Change, before: string, limit: number): Promise<number> {
  const old = db
    .selectFrom("usageEvents as old")
    .select(["old.tenantId", "old.eventId"])
    .where("old.occurredAt", "<", before)
    .where(isNotHeld("old.tenantId"))
    .orderBy("old.occurredAt")
    .orderBy("old.tenantId")
    .orderBy("old.eventId");
  // A deletion of nothing would have to be audited all the same.
  if ((await old.limit(1).executeTakeFirst()) === undefined) return 0;
  await db
    .insertInto("usageMarks")
    .values({ name: MARK, at: before })
    .onConflict((conflict) =>
      conflict.column("name").doUpdateSet({ at: before }).where("usageMarks.at", "<", before),
    )
    .execute();
  const { numDeletedRows } = await db
    .deleteFrom("usageEvents")
    .where(({ eb, refTuple }) =>
      eb(refTuple("tenantId", "eventId"), "in", old.limit(limit).$asTuple("tenantId", "eventId")),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** The longest that a window of a kind lasts: it goes when all of it is old enough, not when its beginning is. */
const LONGEST_MS: Readonly<Record<UsageWindow, number>> = {
  hour: DAY_MS / 24,
  day: DAY_MS,
  month: 31 * DAY_MS,
};

async function purgeTotals(
  { db }: Change,
  window: UsageWindow,
  before: string,
  limit: number,
): Promise<number> {
  const old = db
    .selectFrom("usageTotals as old")
    .select(["old.tenantId", "old.windowKind", "old.windowStart", "old.meterKey"])
    .where("old.windowKind", "=", window)
    .where("old.windowStart", "<", later(before, -LONGEST_MS[window]))
    .where(isNotHeld("old.tenantId"))
    .orderBy("old.windowStart");
  if ((await old.limit(1).executeTakeFirst()) === undefined) return 0;
  const { numDeletedRows } = await db
    .deleteFrom("usageTotals")
    .where(({ eb, refTuple }) =>
      eb(
        refTuple("tenantId", "windowKind", "windowStart", "meterKey"),
        "in",
        old.limit(limit).$asTuple("tenantId", "windowKind", "windowStart", "meterKey"),
      ),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** A window is over for good when no late event can come any more, which is long before. */
async function purgeSignals({ db }: Change, before: string, limit: number): Promise<number> {
  const old = db
    .selectFrom("usageSignals as old")
    .select(["old.tenantId", "old.quota", "old.windowStart", "old.threshold"])
    .where("old.windowStart", "<", before)
    .where(isNotHeld("old.tenantId"))
    .orderBy("old.windowStart");
  if ((await old.limit(1).executeTakeFirst()) === undefined) return 0;
  const { numDeletedRows } = await db
    .deleteFrom("usageSignals")
    .where(({ eb, refTuple }) =>
      eb(
        refTuple("tenantId", "quota", "windowStart", "threshold"),
        "in",
        old.limit(limit).$asTuple("tenantId", "quota", "windowStart", "threshold"),
      ),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
