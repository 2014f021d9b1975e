import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Pin, PinListQuery } from "../contract/pin.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { PinTable } from "./schema.ts";

/**
 * Pins and holds: why a target stays on its release. A pin is of all targets of a tenant or of one. Of several that
 * hold a target the nearest decides (its own before the tenant's), and of those the newest. An expired pin decides nothing.
 */
export type PinCreateFacts = Pick<
  Pin,
  "tenantId" | "targetId" | "releaseNumber" | "kind" | "reason" | "expiresAt"
>;

/** Takes the place of an open one of the same kind and reach. Audits `pin.created`, and `pin.released` for the one before. */
export async function pinCreate(change: Change, input: PinCreateFacts): Promise<Pin> {
  const { tenantId, targetId, kind } = input;
  let before = openPins(change.db).where("tenantId", "=", tenantId).where("kind", "=", kind);
  before = targetId === null ? before.where("targetId", "is", null) : before.where("targetId", "=", targetId);
  const row = {
    pinId: newId(),
    ...input,
    reason: redactText(input.reason),
    createdBy: change.context.actor.id,
    createdAt: change.now,
    releasedAt: null,
    releasedBy: null,
    releaseReason: null,
  };
  for (const earlier of await before.execute()) {
    await pinEnd(change, earlier, `replaced by ${row.pinId}`);
  }
  await change.db.insertInto("pins").values(row).execute();
  await announce(change, row, "pin.created", input.reason);
  return toPin(row, change.now);
}

/** Audits `pin.released`. One that was released before stays as it is. */
export async function pinRelease(change: Change, pinId: string, reason: string): Promise<Pin> {
  const row = await pinRow(change.db, pinId);
  if (row.releasedAt !== null) return toPin(row, change.now);
  return toPin(await pinEnd(change, row, reason), change.now);
}

export async function pinGet(db: Reader, pinId: string, now: string): Promise<Pin> {
  return toPin(await pinRow(db, pinId), now);
}

async function pinRow(db: Reader, pinId: string): Promise<Row> {
  const row = await db.selectFrom("pins").selectAll().where("pinId", "=", pinId).executeTakeFirst();
  if (row !== undefined) return row;
  throw new ProblemError("pin_not_found", {
    detail: `Cannot find pin ${pinId}.`,
    hint: "List pins with GET /v1/control-plane/pins.",
    errors: [{ path: "pinId", message: "is no pin's id", value: pinId }],
  });
}

/** Newest first. */
export async function pinList(db: Reader, query: PinListQuery, now: string): Promise<Page<Pin>> {
  const rows = await pinListQuery(db, query).execute();
  return toPage(
    rows,
    query.limit,
    (row) => toPin(row, now),
    (row) => [row.createdAt, row.pinId],
  );
}

/** The statement of `pinList`, so that a test can ask the database how it would run it. */
export function pinListQuery(db: Reader, query: PinListQuery) {
  let rows = query.released ? db.selectFrom("pins").selectAll() : openPins(db);
  if (query.tenantId) rows = rows.where("tenantId", "=", query.tenantId);
  if (query.kind) rows = rows.where("kind", "=", query.kind);
  if (query.cursor) {
    const [createdAt, pinId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "pinId"), "<", tuple(createdAt, pinId)),
    );
  }
  return rows
    .orderBy("createdAt", "desc")
    .orderBy("pinId", "desc")
    .limit(query.limit + 1);
}

/** The open pins and holds that say something of a tenant or one of its targets, newest first, expired ones too. */
export async function pinsOfTenant(db: Reader, tenantId: string, now: string): Promise<Pin[]> {
  const rows = await openPins(db).where("tenantId", "=", tenantId).orderBy("pinId", "desc").execute();
  return rows.map((row) => toPin(row, now));
}

async function pinEnd(change: Change, row: Row, reason: string): Promise<Row> {
  const releaseReason = redactText(reason);
  const ended = { releasedAt: change.now, releasedBy: change.context.actor.id, releaseReason };
  await change.db.updateTable("pins").set(ended).where("pinId", "=", row.pinId).execute();
  await announce(change, row, "pin.released", reason);
  return { ...row, ...ended };
}

async function announce(change: Change, row: Row, action: string, reason: string): Promise<void> {
  const { pinId, tenantId, targetId, releaseNumber, kind, expiresAt } = row;
  const details = { targetId, releaseNumber, kind, expiresAt };
  await change.audit({ action, target: { type: "pin", id: pinId }, tenantId, reason, details });
  await change.outbox({ type: action, tenantId, payload: { pinId, tenantId, ...details } });
}

const IDS_PER_QUERY = 5_000;

/** The pin that decides for each target, as of `at`; targets without one are not in it. */
export async function pinsOf(
  db: Reader,
  targetIds: readonly string[],
  at: string = new Date().toISOString(),
): Promise<Map<string, Pin>> {
  const deciding = new Map<string, Pin>();
  for (let from = 0; from < targetIds.length; from += IDS_PER_QUERY) {
    const rows = await openPins(db)
      .innerJoin("targets", "targets.tenantId", "pins.tenantId")
      .select("targets.targetId as heldTargetId")
      .where("targets.targetId", "in", targetIds.slice(from, from + IDS_PER_QUERY))
      .where((eb) =>
        eb.or([eb("pins.targetId", "is", null), eb("pins.targetId", "=", eb.ref("targets.targetId"))]),
      )
      .where((eb) => eb.or([eb("pins.expiresAt", "is", null), eb("pins.expiresAt", ">", at)]))
      .execute();
    for (const { heldTargetId, ...row } of rows) {
      const other = deciding.get(heldTargetId);
      if (other === undefined || isNearer(row, other)) deciding.set(heldTargetId, toPin(row, at));
    }
  }
  return deciding;
}

function isNearer(one: Row, other: Pin): boolean {
  if ((one.targetId === null) !== (other.targetId === null)) return one.targetId !== null;
  return one.pinId > other.pinId;
}

/** Whether the pin lets a target that is on `current` be brought to `wanted`; one that runs nothing yet may be brought anywhere. */
export function pinAllows(pin: Pin, wanted: number, current: number | null): boolean {
  const held = pin.releaseNumber ?? current;
  return held === null || held === wanted;
}

function openPins(db: Reader) {
  return db.selectFrom("pins").selectAll("pins").where("releasedAt", "is", null);
}

type Row = Selectable<PinTable>;

function toPin(row: Row, now: string): Pin {
  return { ...row, expired: row.expiresAt !== null && row.expiresAt <= now };
}
