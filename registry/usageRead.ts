import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import type {
  UsageEventListQuery,
  UsageExportQuery,
  UsageRecord,
  UsageTotal,
  UsageTotalListQuery,
} from "../contract/usage.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { metersByKey } from "./meter.ts";
import type { Reader } from "./registry.ts";
import type { UsageEventTable } from "./schema.ts";
import { fromSteps } from "./usageQuantity.ts";

/** What was counted, event by event and by window. Pages are read by key, so that they cost the same wherever they begin. */

/** Oldest first. */
export async function usageEventList(db: Reader, query: UsageEventListQuery): Promise<Page<UsageRecord>> {
  const found = await eventRows(db, query, query.limit + 1);
  return toPage(
    found,
    query.limit,
    (row) => row,
    (row) => [row.occurredAt, row.eventId],
  );
}

/** Oldest window first. */
export async function usageTotalList(db: Reader, query: UsageTotalListQuery): Promise<Page<UsageTotal>> {
  const found = await totalRows(db, query, query.limit + 1);
  return toPage(
    found,
    query.limit,
    (row) => row,
    (row) => totalCursor(row),
  );
}

type Slice<T> = { readonly [K in keyof T]?: T[K] | undefined };

export type TotalSlice = Slice<Pick<UsageTotalListQuery, "tenantId" | "meter" | "from" | "to" | "cursor">> &
  Pick<UsageTotalListQuery, "window">;

export async function totalRows(db: Reader, slice: TotalSlice, limit: number): Promise<UsageTotal[]> {
  let rows = db.selectFrom("usageTotals").selectAll().where("windowKind", "=", slice.window);
  if (slice.tenantId !== undefined) rows = rows.where("tenantId", "=", slice.tenantId);
  if (slice.meter !== undefined) rows = rows.where("meterKey", "=", slice.meter);
  if (slice.from !== undefined) rows = rows.where("windowStart", ">=", slice.from);
  if (slice.to !== undefined) rows = rows.where("windowStart", "<", slice.to);
  if (slice.cursor !== undefined) {
    const [start, id] = pageAfter(slice.cursor);
    const [tenantId = "", meterKey = ""] = id.split("/");
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("windowStart", "tenantId", "meterKey"), ">", tuple(start, tenantId, meterKey)),
    );
  }
  const found = await rows
    .orderBy("windowStart")
    .orderBy("tenantId")
    .orderBy("meterKey")
    .limit(limit)
    .execute();
  const meters = await metersByKey(db);
  return found.map(({ windowKind: window, meterKey: meter, quantity, ...row }) => ({
    ...{ ...row, meter, window },
    quantity: fromSteps(quantity, meters.get(meter)?.decimals ?? 0),
  }));
}

export function totalCursor({ windowStart, tenantId, meter }: UsageTotal): [string, string] {
  return [windowStart, `${tenantId}/${meter}`];
}

export type EventSlice = Slice<Pick<UsageEventListQuery, "tenantId" | "meter" | "from" | "to" | "cursor">>;

/**
 * In the order of time. Of one tenant by the index of its meters, one after the other, since no index has all its events in
 * order; of all tenants by the index of time, where a cursor also names the tenant.
 */
export async function eventRows(db: Reader, slice: EventSlice, limit: number): Promise<UsageRecord[]> {
  const meters = await metersByKey(db);
  const { tenantId, meter } = slice;
  const asked = tenantId === undefined || meter !== undefined ? [meter] : meters.keys();
  let found: EventRow[] = [];
  for (const one of asked) {
    const last = found.length < limit ? undefined : found.at(-1)?.occurredAt;
    const more = await eventQuery(db, { ...slice, meter: one, last })
      .limit(limit)
      .execute();
    found = found.length === 0 ? more : [...found, ...more].sort(byTime).slice(0, limit);
  }
  return found.map(({ meterKey, quantity, ...row }) => ({
    ...{ ...row, meter: meterKey },
    quantity: fromSteps(quantity, meters.get(meterKey)?.decimals ?? 0),
  }));
}

type EventRow = Selectable<UsageEventTable>;

/** Of one tenant. */
function byTime(left: EventRow, right: EventRow): number {
  if (left.occurredAt !== right.occurredAt) return left.occurredAt < right.occurredAt ? -1 : 1;
  return left.eventId < right.eventId ? -1 : 1;
}

/** `last`: nothing later is of use. */
export function eventQuery(db: Reader, slice: EventSlice & { readonly last?: string | undefined }) {
  let rows = db.selectFrom("usageEvents").selectAll();
  if (slice.tenantId !== undefined) rows = rows.where("tenantId", "=", slice.tenantId);
  if (slice.meter !== undefined) rows = rows.where("meterKey", "=", slice.meter);
  if (slice.from !== undefined) rows = rows.where("occurredAt", ">=", slice.from);
  if (slice.to !== undefined) rows = rows.where("occurredAt", "<", slice.to);
  if (slice.last !== undefined) rows = rows.where("occurredAt", "<=", slice.last);
  const ofOneTenant = slice.tenantId !== undefined;
  if (slice.cursor !== undefined) {
    const [at, id] = pageAfter(slice.cursor);
    rows = ofOneTenant
      ? rows.where(({ eb, refTuple, tuple }) => eb(refTuple("occurredAt", "eventId"), ">", tuple(at, id)))
      : rows.where(({ eb, refTuple, tuple }) => {
          const [tenantId, eventId] = splitAtSlash(id);
          return eb(refTuple("occurredAt", "tenantId", "eventId"), ">", tuple(at, tenantId, eventId));
        });
  }
  rows = rows.orderBy("occurredAt");
  if (!ofOneTenant) rows = rows.orderBy("tenantId");
  return rows.orderBy("eventId");
}

/** The cursor of the event among all tenants'. */
export function eventCursor(
  { occurredAt, tenantId, eventId }: UsageRecord,
  { tenantId: asked }: Pick<UsageExportQuery, "tenantId">,
): [string, string] {
  return [occurredAt, asked === undefined ? `${tenantId}/${eventId}` : eventId];
}

function splitAtSlash(id: string): [string, string] {
  const place = id.indexOf("/");
  return [id.slice(0, place), id.slice(place + 1)];
}
