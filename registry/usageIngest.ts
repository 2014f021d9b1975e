import { createHash } from "node:crypto";
import { type RawBuilder, type Selectable, sql } from "kysely";
import type { QuotaKey } from "../contract/quota.ts";
import type { UsageEvent } from "../contract/usage.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { newId } from "./id.ts";
import { toJson } from "./json.ts";
import { metersByKey } from "./meter.ts";
import { quotaLimitsOf } from "./quotaLimit.ts";
import type { Change, ChangeScope, Reader } from "./registry.ts";
import type { Schema } from "./schema.ts";
import { later } from "./stackLease.ts";
import {
  type CountedEvent,
  eventKey,
  judgeUsage,
  type TotalChange,
  totalKey,
  type UsageFacts,
  type UsageJudgement,
  type UsageVerdict,
} from "./usageJudge.ts";
import { windowsOf } from "./usageWindow.ts";

/**
 * Counts a batch of usage events, all in one change: the events, the totals of their windows, the signals they give and one
 * audit event. What it reads holds until it commits, since batches are taken one after the other: that is what makes an
 * event count once, however many senders repeat it at the same time. The primary key of the events says the same again.
 *
 * Tenants' own changes do not wait for it: its scope is a chain of its own, and the audit event goes to the fleet's, last.
 */
export const USAGE_SCOPE: ChangeScope = { tenantId: "usage" };

export interface UsageIngestOptions {
  readonly latenessMs: number;
  readonly retentionMs: number;
  readonly clockSkewMs: number;
  readonly overQuota: "count" | "refuse";
}

export interface UsageBatch {
  /** Null when nothing was new. */
  readonly batchId: string | null;
  readonly verdicts: readonly UsageVerdict[];
  /** Whether a quota's threshold was reached, which is then to be told. */
  readonly signals: boolean;
}

/** Audits `usage.counted` on the fleet's chain, unless nothing was new. */
export async function usageIngest(
  change: Change,
  events: readonly UsageEvent[],
  options: UsageIngestOptions,
): Promise<UsageBatch> {
  const judgement = judgeUsage(events, await readFacts(change, events, options));
  const { verdicts, counted } = judgement;
  if (counted.length === 0) return { batchId: null, verdicts, signals: false };
  const batchId = newId();
  await writeEvents(change, batchId, counted);
  await writeTotals(change, judgement.changes);
  const signals = await writeSignals(change, judgement);
  await audit(change, batchId, judgement);
  return { batchId, verdicts, signals };
}

/** What `now` allows; an event from before what was purged last is too late for ever, whatever the settings become. */
async function readFacts(
  { db, now }: Change,
  events: readonly UsageEvent[],
  { latenessMs, retentionMs, clockSkewMs, overQuota }: UsageIngestOptions,
): Promise<UsageFacts> {
  const tenants = await tenantsOf(db, [...new Set(events.map((event) => event.tenantId))]);
  const meters = await metersByKey(db);
  const known = events.filter((event) => tenants.has(event.tenantId) && meters.has(event.meter));
  const kept = await keptEvents(db, known);
  const purged = await purgedBefore(db);
  const corrections = known.filter((event) => event.corrects !== undefined);
  return {
    takenFrom: max(later(now, -latenessMs), purged),
    keptFrom: max(later(now, -retentionMs), purged),
    takenUntil: later(now, clockSkewMs),
    ...{ tenants, meters, kept, overQuota },
    corrected: await correctionsOf(db, corrections),
    totals: await totalsOf(db, known, kept),
    limitOf: await limitsOf(db, [...tenants.values()], now),
  };
}

function max(one: string, other: string): string {
  return one > other ? one : other;
}

type Tenant = { tenantId: string; deletedAt: string | null; plan: string; planVersion: number };

async function tenantsOf(db: Reader, ids: readonly string[]): Promise<Map<string, Tenant>> {
  const rows = await db
    .selectFrom("tenants")
    .select(["tenantId", "deletedAt", "plan", "planVersion"])
    .where("tenantId", "in", ids)
    .execute();
  return new Map(rows.map((row) => [row.tenantId, row]));
}

export async function purgedBefore(db: Reader): Promise<string> {
  const mark = await db
    .selectFrom("usageMarks")
    .select("at")
    .where("name", "=", "purged_before")
    .executeTakeFirst();
  return mark?.at ?? "";
}

/** Rows of values as a table with the columns column1, column2 …, as both dialects name them. */
function valuesOf(rows: readonly (readonly string[])[]): RawBuilder<Listed> {
  const listed = rows.map((row) => sql`(${sql.join(row)})`);
  return sql<Listed>`(values ${sql.join(listed)})`;
}

type Listed = Readonly<Record<"column1" | "column2" | "column3" | "column4", string>>;

async function keptEvents(db: Reader, events: readonly UsageEvent[]): Promise<Map<string, CountedEvent>> {
  const asked = new Map<string, readonly string[]>();
  for (const { tenantId, eventId, corrects } of events) {
    asked.set(eventKey(tenantId, eventId), [tenantId, eventId]);
    if (corrects !== undefined) asked.set(eventKey(tenantId, corrects), [tenantId, corrects]);
  }
  if (asked.size === 0) return new Map();
  const rows = await db
    .selectFrom(valuesOf([...asked.values()]).as("asked"))
    .innerJoin("usageEvents", (join) =>
      join
        .onRef("usageEvents.tenantId", "=", "asked.column1")
        .onRef("usageEvents.eventId", "=", "asked.column2"),
    )
    .selectAll("usageEvents")
    .execute();
  return new Map(rows.map((row) => [eventKey(row.tenantId, row.eventId), row]));
}

async function correctionsOf(db: Reader, corrections: readonly UsageEvent[]): Promise<Map<string, number>> {
  if (corrections.length === 0) return new Map();
  const asked = new Map(
    corrections.map(({ tenantId, corrects = "" }) => [eventKey(tenantId, corrects), [tenantId, corrects]]),
  );
  const rows = await db
    .selectFrom(valuesOf([...asked.values()]).as("asked"))
    .innerJoin("usageEvents", (join) =>
      join
        .onRef("usageEvents.tenantId", "=", "asked.column1")
        .onRef("usageEvents.corrects", "=", "asked.column2"),
    )
    .select(["usageEvents.tenantId", "usageEvents.corrects", "usageEvents.quantity"])
    .execute();
  const sums = new Map<string, number>();
  for (const { tenantId, corrects, quantity } of rows) {
    const key = eventKey(tenantId, corrects ?? "");
    sums.set(key, (sums.get(key) ?? 0) + quantity);
  }
  return sums;
}

async function totalsOf(
  db: Reader,
  events: readonly UsageEvent[],
  kept: ReadonlyMap<string, CountedEvent>,
): Promise<Map<string, number>> {
  const sent = new Map(events.map((event) => [eventKey(event.tenantId, event.eventId), event]));
  const asked = new Map<string, readonly string[]>();
  for (const { tenantId, eventId, meter, occurredAt, corrects } of events) {
    if (kept.has(eventKey(tenantId, eventId))) continue;
    const original = corrects === undefined ? undefined : eventKey(tenantId, corrects);
    const at = occurredAt ?? (original && (kept.get(original)?.occurredAt ?? sent.get(original)?.occurredAt));
    for (const { window, start } of at === undefined ? [] : windowsOf(at))
      asked.set(totalKey(tenantId, window, start, meter), [tenantId, window, start, meter]);
  }
  if (asked.size === 0) return new Map();
  const rows = await db
    .selectFrom(valuesOf([...asked.values()]).as("asked"))
    .innerJoin("usageTotals", (join) =>
      join
        .onRef("usageTotals.tenantId", "=", "asked.column1")
        .onRef("usageTotals.windowKind", "=", "asked.column2")
        .onRef("usageTotals.windowStart", "=", "asked.column3")
        .onRef("usageTotals.meterKey", "=", "asked.column4"),
    )
    .selectAll("usageTotals")
    .execute();
  return new Map(
    rows.map((row) => [totalKey(row.tenantId, row.windowKind, row.windowStart, row.meterKey), row.quantity]),
  );
}

async function limitsOf(
  db: Reader,
  tenants: readonly Tenant[],
  now: string,
): Promise<(tenantId: string, quota: QuotaKey) => number | undefined> {
  const limits = await quotaLimitsOf(db, tenants, now);
  return (tenantId, quota) => limits.get(tenantId)?.[quota]?.limit ?? undefined;
}

async function writeEvents(change: Change, batchId: string, counted: readonly CountedEvent[]): Promise<void> {
  const rows = counted.map((event) => ({ ...event, receivedAt: change.now, batchId }));
  await change.db.insertInto("usageEvents").values(rows).execute();
}

type TotalRow = Selectable<Schema["usageTotals"]>;

async function writeTotals(change: Change, changes: readonly TotalChange[]): Promise<void> {
  const rowsOf = (kind: TotalChange["aggregation"]): TotalRow[] =>
    changes
      .filter(({ aggregation }) => aggregation === kind)
      .map(({ window, start, aggregation: _aggregation, ...rest }) => ({
        ...{ ...rest, windowKind: window, windowStart: start, updatedAt: change.now },
      }));
  const [sums, peaks] = [rowsOf("sum"), rowsOf("peak")];
  if (sums.length > 0)
    await upsertTotals(change, sums, sql<number>`usage_totals.quantity + excluded.quantity`);
  if (peaks.length === 0) return;
  await upsertTotals(
    change,
    peaks,
    sql<number>`case when excluded.quantity > usage_totals.quantity then excluded.quantity else usage_totals.quantity end`,
  );
}

async function upsertTotals(
  { db }: Change,
  rows: readonly TotalRow[],
  quantity: RawBuilder<number>,
): Promise<void> {
  await db
    .insertInto("usageTotals")
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(["tenantId", "windowKind", "windowStart", "meterKey"]).doUpdateSet(({ eb, ref }) => ({
        quantity,
        events: eb("usageTotals.events", "+", ref("excluded.events")),
        corrections: eb("usageTotals.corrections", "+", ref("excluded.corrections")),
        updatedAt: ref("excluded.updatedAt"),
      })),
    )
    .execute();
}

/** Whether one is new: what a window has come to before is not told again, such as after a correction. */
async function writeSignals({ db, now }: Change, { reached }: UsageJudgement): Promise<boolean> {
  if (reached.length === 0) return false;
  const rows = reached.map(({ tenantId, quota, windowStart, threshold, window, used, limit }) => ({
    ...{ tenantId, quota, windowStart, threshold, createdAt: now, toldAt: null },
    facts: toJson<Record<string, unknown>>({ window, used, limit }),
  }));
  const written = await db
    .insertInto("usageSignals")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .returning("threshold")
    .execute();
  return written.length > 0;
}

/** Corrections that are named one by one in the audit event; all are kept as events besides. */
const NAMED_CORRECTIONS = 100;

async function audit(change: Change, batchId: string, { counted, verdicts }: UsageJudgement): Promise<void> {
  const count = (status: UsageVerdict["status"]) => verdicts.filter((one) => one.status === status).length;
  const corrections = counted.filter((event) => event.corrects !== null);
  await change.audit({
    action: "usage.counted",
    target: { type: "usage_batch", id: batchId },
    details: {
      ...{ accepted: counted.length, duplicates: count("duplicate"), rejected: count("rejected") },
      tenants: new Set(counted.map(({ tenantId }) => tenantId)).size,
      digest: usageDigest(counted),
      corrections: corrections.length,
      corrected: corrections
        .slice(0, NAMED_CORRECTIONS)
        .map(({ tenantId, eventId, corrects, quantity, meterKey }) => ({
          ...{ tenantId, eventId, corrects, meterKey, steps: quantity },
        })),
    },
  });
}

/** SHA-256 over what a batch counted, whatever its order: the events can be held against the audit trail by it. */
export function usageDigest(counted: readonly CountedEvent[]): string {
  const lines = counted.map(({ tenantId, eventId, meterKey, quantity, occurredAt, corrects }) =>
    canonicalJson([tenantId, eventId, meterKey, quantity, occurredAt, corrects]),
  );
  return createHash("sha256").update(lines.sort().join("\n")).digest("hex");
}
