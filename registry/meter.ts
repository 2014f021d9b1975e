import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import { METER_LIMITS, type Meter, type MeterCreate, type MeterListQuery } from "../contract/meter.ts";
import { pageAfter, toPage } from "./cursor.ts";
import type { Change, Reader } from "./registry.ts";
import type { MeterTable } from "./schema.ts";

/** Audits `meter.created`. */
export async function meterCreate(change: Change, input: MeterCreate): Promise<Meter> {
  const { reason, ...definition } = input;
  const meters = await metersByKey(change.db);
  if (meters.has(input.meterKey)) throw taken(input.meterKey);
  const live = [...meters.values()].filter(({ archivedAt }) => archivedAt === null);
  if (live.length >= METER_LIMITS.meters) throw tooMany();
  if (meters.size >= METER_LIMITS.metersEver) throw tooManyEver();
  const meter = {
    ...definition,
    createdBy: change.context.actor.id,
    createdAt: change.now,
    archivedAt: null,
  };
  await change.db.insertInto("meters").values(meter).execute();
  await announce(change, meter, "meter.created", reason);
  return meter;
}

/** Audits `meter.archived`; archiving it again changes nothing. */
export async function meterArchive(
  change: Change,
  meterKey: string,
  reason: string | undefined,
): Promise<Meter> {
  const meter = await meterGet(change.db, meterKey);
  if (meter.archivedAt !== null) return meter;
  const archivedAt = change.now;
  await change.db.updateTable("meters").set({ archivedAt }).where("meterKey", "=", meterKey).execute();
  const archived = { ...meter, archivedAt };
  await announce(change, archived, "meter.archived", reason);
  return archived;
}

export async function meterGet(db: Reader, meterKey: string): Promise<Meter> {
  const meter = await db.selectFrom("meters").selectAll().where("meterKey", "=", meterKey).executeTakeFirst();
  if (meter !== undefined) return meter;
  throw new ProblemError("meter_not_found", {
    detail: `Cannot find a meter ${meterKey}.`,
    hint: "List meters with GET /v1/control-plane/meters.",
    errors: [{ path: "meter", message: "is no meter's key", value: meterKey }],
  });
}

/** All of them, archived ones too: never more than METER_LIMITS.metersEver. */
export async function metersByKey(db: Reader): Promise<ReadonlyMap<string, Selectable<MeterTable>>> {
  const rows = await db.selectFrom("meters").selectAll().execute();
  return new Map(rows.map((row) => [row.meterKey, row]));
}

export async function meterList(db: Reader, query: MeterListQuery): Promise<Page<Meter>> {
  let rows = db.selectFrom("meters").selectAll();
  if (!query.archived) rows = rows.where("archivedAt", "is", null);
  if (query.cursor) rows = rows.where("meterKey", ">", pageAfter(query.cursor)[1]);
  const found = await rows
    .orderBy("meterKey")
    .limit(query.limit + 1)
    .execute();
  return toPage(
    found,
    query.limit,
    (row) => row,
    (row) => ["", row.meterKey],
  );
}

async function announce(
  change: Change,
  meter: Meter,
  action: string,
  reason: string | undefined,
): Promise<void> {
  const { meterKey, unit, aggregation, decimals } = meter;
  const details = { meterKey, unit, aggregation, decimals };
  await change.audit({ action, target: { type: "meter", id: meterKey }, reason: reason ?? null, details });
  await change.outbox({ type: action, payload: details });
}

function taken(meterKey: string): ProblemError {
  return new ProblemError("duplicate_meter", {
    detail: `Cannot add the meter: its key must be new, and ${meterKey} is taken.`,
    hint: "Choose another key. An archived meter's stays taken, as its totals are kept under it.",
    errors: [{ path: "body.meterKey", message: "is taken", value: meterKey }],
  });
}

function tooMany(): ProblemError {
  return new ProblemError("too_many_meters", {
    detail: `Cannot add the meter: at most ${METER_LIMITS.meters} may be there, and that many are.`,
    hint: "Archive one that is not used any more.",
  });
}

function tooManyEver(): ProblemError {
  return new ProblemError("too_many_meters", {
    detail: `Cannot add the meter: at most ${METER_LIMITS.metersEver} may be there, archived ones too, and that many are.`,
    hint: "Use a meter that is there. A meter is a kind of use: who used it, and when, is in its events.",
  });
}
