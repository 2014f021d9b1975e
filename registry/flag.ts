import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Flag, FlagCreate, FlagDefinition, FlagListQuery, FlagUpdate } from "../contract/flag.ts";
import { FLAG_LIMITS } from "../contract/flag.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import type { FlagTable } from "./schema.ts";

/** Flags. What single tenants have instead of what the rules say is in flagOverride.ts. */

/** Audits `flag.created` on the fleet's chain; refuses a key that is or was a flag's. */
export async function flagCreate(change: Change, input: FlagCreate): Promise<Flag> {
  const { flagKey, description, defaultEnabled, rules, percentage, reason } = input;
  if ((await flagFind(change.db, flagKey)) !== undefined) throw duplicateFlag(flagKey);
  await refuseMany(change.db);
  const flag: Flag = {
    ...{ flagKey, description, defaultEnabled, rules, percentage },
    recordVersion: 1,
    createdBy: change.context.actor.id,
    createdAt: change.now,
    updatedAt: change.now,
    archivedAt: null,
  };
  await change.db.insertInto("flags").values(toRow(flag)).execute();
  await announce(change, flag, "flag.created", reason, { description, defaultEnabled, rules, percentage });
  return flag;
}

export interface FlagUpdateOptions {
  /** From If-Match: the change is refused when the record has another version. */
  readonly expectedVersion?: number | undefined;
}

/** Audits `flag.updated` with old and new; an update that changes nothing writes nothing. */
export async function flagUpdate(
  change: Change,
  flagKey: string,
  { reason, ...update }: FlagUpdate,
  { expectedVersion }: FlagUpdateOptions = {},
): Promise<Flag> {
  const before = await flagGet(change.db, flagKey);
  refuseStale(before, expectedVersion);
  refuseArchived(before);
  const changed = Object.fromEntries(
    Object.entries(update)
      .filter(([name, to]) => to !== undefined && !same(before[name as keyof Flag], to))
      .map(([name, to]) => [name, { from: before[name as keyof Flag], to }]),
  );
  if (Object.keys(changed).length === 0) return before;
  const fields = Object.fromEntries(Object.entries(update).filter(([, to]) => to !== undefined));
  const after: Flag = { ...before, ...fields };
  return flagWrite(change, after, "flag.updated", reason, { changed });
}

/** Audits `flag.archived`. One that is archived stays as it is. */
export async function flagArchive(
  change: Change,
  flagKey: string,
  reason?: string,
  { expectedVersion }: FlagUpdateOptions = {},
): Promise<Flag> {
  const before = await flagGet(change.db, flagKey);
  refuseStale(before, expectedVersion);
  if (before.archivedAt !== null) return before;
  return flagWrite(change, { ...before, archivedAt: change.now }, "flag.archived", reason, {});
}

async function flagWrite(
  change: Change,
  after: Flag,
  action: string,
  reason: string | undefined,
  details: Record<string, unknown>,
): Promise<Flag> {
  const flag: Flag = { ...after, recordVersion: after.recordVersion + 1, updatedAt: change.now };
  const { flagKey, ...row } = toRow(flag);
  await change.db.updateTable("flags").set(row).where("flagKey", "=", flagKey).execute();
  await announce(change, flag, action, reason, details);
  return flag;
}

export async function flagFind(db: Reader, flagKey: string): Promise<Flag | undefined> {
  const row = await db.selectFrom("flags").selectAll().where("flagKey", "=", flagKey).executeTakeFirst();
  return row && fromRow(row);
}

export async function flagGet(db: Reader, flagKey: string): Promise<Flag> {
  const flag = await flagFind(db, flagKey);
  if (flag !== undefined) return flag;
  throw new ProblemError("flag_not_found", {
    detail: `Cannot find the flag ${flagKey}.`,
    hint: "List flags with GET /v1/control-plane/flags, or make one with POST.",
    errors: [{ path: "flagKey", message: "is no flag's key", value: flagKey }],
  });
}

/** Newest first. */
export async function flagList(db: Reader, query: FlagListQuery): Promise<Page<Flag>> {
  let rows = db.selectFrom("flags").selectAll();
  if (!query.archived) rows = rows.where("archivedAt", "is", null);
  if (query.cursor) {
    const [createdAt, flagKey] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "flagKey"), "<", tuple(createdAt, flagKey)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("flagKey", "desc")
    .limit(query.limit + 1)
    .execute();
  return toPage(found, query.limit, fromRow, (row) => [row.createdAt, row.flagKey]);
}

/** All that are not archived, by key: never more than FLAG_LIMITS.flags. */
export async function flagsLive(db: Reader): Promise<Flag[]> {
  const rows = await db
    .selectFrom("flags")
    .selectAll()
    .where("archivedAt", "is", null)
    .orderBy("flagKey")
    .execute();
  return rows.map(fromRow);
}

export function refuseArchived({ flagKey, archivedAt }: Flag): void {
  if (archivedAt === null) return;
  throw new ProblemError("flag_archived", {
    detail: `Cannot change the flag ${flagKey}: it was archived at ${archivedAt}.`,
    hint: "Make a flag with another key.",
    errors: [{ path: "flag.archivedAt", message: "is set", value: archivedAt }],
  });
}

async function refuseMany(db: Reader): Promise<void> {
  const { count } = await db
    .selectFrom("flags")
    .select((eb) => eb.fn.countAll().as("count"))
    .where("archivedAt", "is", null)
    .executeTakeFirstOrThrow();
  if (Number(count) < FLAG_LIMITS.flags) return;
  throw new ProblemError("too_many_flags", {
    detail: `Cannot make the flag: there may be ${FLAG_LIMITS.flags} that are not archived, and there are ${Number(count)}.`,
    hint: "Archive flags that are no longer asked for.",
    errors: [{ path: "body.flagKey", message: "is one flag too many" }],
  });
}

function refuseStale({ flagKey, recordVersion }: Flag, expected: number | undefined): void {
  if (expected === undefined || expected === recordVersion) return;
  throw new ProblemError("version_conflict", {
    detail: `Cannot change the flag ${flagKey}: its record must be at version ${expected}, got ${recordVersion}.`,
    hint: "Get the flag, decide again on what it says now, and send its version as If-Match.",
    errors: [{ path: "header.if-match", message: `is not ${recordVersion}`, value: expected }],
  });
}

function duplicateFlag(flagKey: string): ProblemError {
  return new ProblemError("duplicate_flag", {
    detail: `Cannot make the flag ${flagKey}: a key must be new, and there is or was a flag with this one.`,
    hint: "Choose another key: what still asks for an old flag must not be answered by a new one.",
    errors: [{ path: "body.flagKey", message: "is taken", value: flagKey }],
  });
}

async function announce(
  change: Change,
  { flagKey, recordVersion }: Flag,
  action: string,
  reason: string | undefined,
  details: Record<string, unknown>,
): Promise<void> {
  await change.audit({
    ...{ action, target: { type: "flag", id: flagKey }, reason: reason ?? null },
    details: { recordVersion, ...details },
  });
  await change.outbox({ type: action, payload: { flagKey, recordVersion } });
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function toRow({ defaultEnabled, rules, percentage, ...rest }: Flag): Selectable<FlagTable> {
  const definition: FlagDefinition = { defaultEnabled, rules, percentage };
  return { ...rest, definition: toJson(definition) };
}

function fromRow({ definition, ...rest }: Selectable<FlagTable>): Flag {
  return { ...rest, ...fromJson(definition) };
}
