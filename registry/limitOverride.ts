import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type {
  LimitOverride,
  LimitOverrideCreate,
  LimitOverrideListQuery,
  OverriddenLimit,
} from "../contract/limitOverride.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { LimitOverrideTable } from "./schema.ts";

/**
 * What single tenants may for a while instead of what their plan says. An override is in force until it is ended or its time is
 * over, whichever comes first; that its time is over needs nobody to notice, housekeeping only writes it down.
 */

/** Ends an earlier one of the same limit. Audits `limit_override.created` on the tenant's chain. */
export async function limitOverrideCreate(
  change: Change,
  input: LimitOverrideCreate,
): Promise<LimitOverride> {
  const { tenantId, limit, expiresAt } = input;
  const subject = subjectOf(limit);
  const reason = redactText(input.reason);
  const earlier = await change.db
    .selectFrom("limitOverrides")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .where("subject", "=", subject)
    .where("endedAt", "is", null)
    .executeTakeFirst();
  const row: Selectable<LimitOverrideTable> = {
    ...{ overrideId: newId(), tenantId, subject, limitValue: toJson(limit), reason, expiresAt },
    ...{ createdBy: change.context.actor.id, createdAt: change.now },
    ...{ endedAt: null, endedBy: null, endReason: null },
  };
  if (earlier !== undefined) await end(change, earlier, "replaced by another");
  await change.db.insertInto("limitOverrides").values(row).execute();
  await announce(change, "limit_override.created", row, reason, { replaces: earlier?.overrideId ?? null });
  return fromRow(row, change.now);
}

/** Audits `limit_override.ended`; one that has ended already stays as it is. */
export async function limitOverrideEnd(
  change: Change,
  overrideId: string,
  reason: string,
): Promise<LimitOverride> {
  const row = await rowOf(change.db, overrideId);
  if (row.endedAt !== null) return fromRow(row, change.now);
  const text = redactText(reason);
  const ended = await end(change, row, text);
  await announce(change, "limit_override.ended", ended, text);
  return fromRow(ended, change.now);
}

/** Writes down that an override's time is over. Audits `limit_override.expired`. */
export async function limitOverrideExpire(change: Change, overrideId: string): Promise<void> {
  const row = await rowOf(change.db, overrideId);
  if (row.endedAt !== null || row.expiresAt > change.now) return;
  const ended = { endedAt: row.expiresAt, endedBy: change.context.actor.id, endReason: "its time was over" };
  await change.db.updateTable("limitOverrides").set(ended).where("overrideId", "=", overrideId).execute();
  await announce(change, "limit_override.expired", { ...row, ...ended }, ended.endReason);
}

export async function limitOverridesDue(
  db: Reader,
  now: string,
  limit: number,
): Promise<{ overrideId: string; tenantId: string }[]> {
  return db
    .selectFrom("limitOverrides")
    .select(["overrideId", "tenantId"])
    .where("endedAt", "is", null)
    .where("expiresAt", "<=", now)
    .orderBy("expiresAt")
    .orderBy("overrideId")
    .limit(limit)
    .execute();
}

export interface OverrideInForce {
  readonly overrideId: string;
  readonly tenantId: string;
  readonly limit: OverriddenLimit;
}

/** Of any number of tenants, one query. */
export async function limitOverridesInForce(
  db: Reader,
  tenantIds: readonly string[],
  now: string,
): Promise<OverrideInForce[]> {
  if (tenantIds.length === 0) return [];
  const rows = await db
    .selectFrom("limitOverrides")
    .select(["overrideId", "tenantId", "limitValue"])
    .where("tenantId", "in", tenantIds)
    .where("endedAt", "is", null)
    .where("expiresAt", ">", now)
    .execute();
  return rows.map(({ limitValue, ...row }) => ({ ...row, limit: fromJson(limitValue) }));
}

export async function limitOverrideGet(db: Reader, overrideId: string, now: string): Promise<LimitOverride> {
  return fromRow(await rowOf(db, overrideId), now);
}

/** Newest first. */
export async function limitOverrideList(
  db: Reader,
  query: LimitOverrideListQuery,
  now: string,
): Promise<Page<LimitOverride>> {
  let rows = db.selectFrom("limitOverrides").selectAll();
  if (query.tenantId !== undefined) rows = rows.where("tenantId", "=", query.tenantId);
  if (!query.ended) rows = rows.where("endedAt", "is", null).where("expiresAt", ">", now);
  if (query.cursor) {
    const [createdAt, overrideId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "overrideId"), "<", tuple(createdAt, overrideId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("overrideId", "desc")
    .limit(query.limit + 1)
    .execute();
  return toPage(
    found,
    query.limit,
    (row) => fromRow(row, now),
    (row) => [row.createdAt, row.overrideId],
  );
}

async function end(
  change: Change,
  row: Selectable<LimitOverrideTable>,
  endReason: string,
): Promise<Selectable<LimitOverrideTable>> {
  const ended = { endedAt: change.now, endedBy: change.context.actor.id, endReason };
  await change.db.updateTable("limitOverrides").set(ended).where("overrideId", "=", row.overrideId).execute();
  return { ...row, ...ended };
}

async function rowOf(db: Reader, overrideId: string): Promise<Selectable<LimitOverrideTable>> {
  const row = await db
    .selectFrom("limitOverrides")
    .selectAll()
    .where("overrideId", "=", overrideId)
    .executeTakeFirst();
  if (row !== undefined) return row;
  throw new ProblemError("limit_override_not_found", {
    detail: `Cannot find an override of a limit with the id ${overrideId}.`,
    hint: "List them with GET /v1/control-plane/limit-overrides.",
    errors: [{ path: "path.overrideId", message: "is no override's id", value: overrideId }],
  });
}

async function announce(
  change: Change,
  action: string,
  row: Selectable<LimitOverrideTable>,
  reason: string,
  more: Record<string, unknown> = {},
): Promise<void> {
  const { overrideId, tenantId, expiresAt } = row;
  const details = { limit: fromJson(row.limitValue), expiresAt, ...more };
  await change.audit({
    action,
    target: { type: "limit_override", id: overrideId },
    ...{ tenantId, reason, details },
  });
  await change.outbox({ type: action, tenantId, payload: { overrideId, tenantId, ...details } });
}

function subjectOf(limit: OverriddenLimit): string {
  return limit.kind === "quota" ? `quota/${limit.quota}` : `rate/${limit.operationId ?? "*"}`;
}

function fromRow(row: Selectable<LimitOverrideTable>, now: string): LimitOverride {
  const { limitValue, subject: _subject, ...rest } = row;
  const inForce = row.endedAt === null && row.expiresAt > now;
  return { ...rest, limit: fromJson(limitValue), inForce };
}

export interface RateOverride {
  readonly tenantId: string;
  readonly operationId: string | null;
  readonly requests: number;
  readonly windowSeconds: number;
}

/** Of all tenants: there are few, as an override is an exception. */
export async function rateOverridesInForce(db: Reader, now: string): Promise<RateOverride[]> {
  const rows = await db
    .selectFrom("limitOverrides")
    .select(["tenantId", "limitValue"])
    .where("endedAt", "is", null)
    .where("expiresAt", ">", now)
    .where("subject", "like", "rate/%")
    .execute();
  return rows.flatMap(({ tenantId, limitValue }) => {
    const limit = fromJson(limitValue);
    if (limit.kind !== "rate") return [];
    const { operationId, requests, windowSeconds } = limit;
    return [{ tenantId, operationId, requests, windowSeconds }];
  });
}
