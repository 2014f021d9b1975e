import { DATA_CLASSES, type DataClass, type Retention, type RetentionSet } from "../contract/retention.ts";
import type { Change, Reader } from "./registry.ts";
import { refuseOtherVersion } from "./tenantProblem.ts";

/** What the settings say, for classes that no schedule has been set for. Null: for ever. */
export type RetentionDefaults = Readonly<Record<DataClass, number | null>>;

const DESCRIPTIONS: Readonly<Record<DataClass, string>> = {
  audit: "Events of the audit trail, from the beginning of each chain",
  decisions: "What was allowed, reads too",
  operations: "Operations that have ended, with their journals",
  outbox: "Events for other systems that nobody has taken",
  usage: "Usage events that have been counted; totals stay",
};

export async function retentionList(db: Reader, defaults: RetentionDefaults): Promise<Retention[]> {
  const rows = await db.selectFrom("retentionSchedules").selectAll().execute();
  const set = new Map(rows.map((row) => [row.dataClass, row]));
  return DATA_CLASSES.map((dataClass) => {
    const row = set.get(dataClass);
    return {
      ...{ dataClass, keepDays: row === undefined ? defaults[dataClass] : row.keepDays },
      ...{ source: row === undefined ? ("setting" as const) : ("schedule" as const) },
      ...{ description: DESCRIPTIONS[dataClass], reason: row?.reason ?? null },
      ...{ recordVersion: row?.recordVersion ?? 0, updatedBy: row?.updatedBy ?? null },
      updatedAt: row?.updatedAt ?? null,
    };
  });
}

/** Null: for ever. */
export async function keepDaysOf(
  db: Reader,
  dataClass: DataClass,
  defaults: RetentionDefaults,
): Promise<number | null> {
  const row = await db
    .selectFrom("retentionSchedules")
    .select("keepDays")
    .where("dataClass", "=", dataClass)
    .executeTakeFirst();
  return row === undefined ? defaults[dataClass] : row.keepDays;
}

/** Audits `retention.changed`. */
export async function retentionSet(
  change: Change,
  dataClass: DataClass,
  { keepDays, reason }: RetentionSet,
  before: number | null,
  expectedVersion?: number,
): Promise<void> {
  const { actor } = change.context;
  const known = await versionOf(change.db, dataClass);
  refuseOtherVersion("retention", { recordVersion: known }, expectedVersion);
  const row = { keepDays, reason, recordVersion: known + 1, updatedBy: actor.id, updatedAt: change.now };
  await change.db
    .insertInto("retentionSchedules")
    .values({ dataClass, ...row })
    .onConflict((conflict) => conflict.column("dataClass").doUpdateSet(row))
    .execute();
  await change.audit({
    action: "retention.changed",
    target: { type: "retention", id: dataClass },
    reason,
    details: { dataClass, before, after: keepDays },
  });
}

async function versionOf(db: Reader, dataClass: DataClass): Promise<number> {
  const row = await db
    .selectFrom("retentionSchedules")
    .select("recordVersion")
    .where("dataClass", "=", dataClass)
    .executeTakeFirst();
  return row?.recordVersion ?? 0;
}
