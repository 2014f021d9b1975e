import type { Page, PageRequest } from "../contract/common.ts";
import type { DriftSchedule, DriftScheduleCreate } from "../contract/driftSchedule.ts";
import { ProblemError } from "../contract/errors.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";

/** Audits `drift.schedule_created`. */
export async function driftScheduleCreate(
  change: Change,
  { cron, timeZone, scope, reason = null }: Omit<DriftScheduleCreate, "reason"> & { reason?: string | null },
  nextRunAt: string | null,
): Promise<DriftSchedule> {
  const schedule: DriftSchedule = {
    scheduleId: newId(),
    ...{ cron, timeZone, scope, nextRunAt },
    createdBy: change.context.actor.id,
    createdAt: change.now,
    ...{ lastRunAt: null, lastScanId: null, skippedRuns: 0 },
  };
  await change.db
    .insertInto("driftSchedules")
    .values({ ...schedule, scope: toJson(scope) })
    .execute();
  await auditAndTell(change, "drift.schedule_created", schedule, reason);
  return schedule;
}

/** Audits `drift.schedule_deleted`. */
export async function driftScheduleDelete(
  change: Change,
  scheduleId: string,
  reason: string | null = null,
): Promise<DriftSchedule> {
  const row = await change.db
    .selectFrom("driftSchedules")
    .selectAll()
    .where("scheduleId", "=", scheduleId)
    .executeTakeFirst();
  if (row === undefined) {
    throw new ProblemError("drift_schedule_not_found", {
      detail: `Cannot find a drift schedule with the id ${scheduleId}.`,
      hint: "List schedules with GET /v1/control-plane/drift/schedules.",
      errors: [{ path: "path.scheduleId", message: "is no schedule's id", value: scheduleId }],
    });
  }
  const schedule = { ...row, scope: fromJson(row.scope) };
  await change.db.deleteFrom("driftSchedules").where("scheduleId", "=", scheduleId).execute();
  await auditAndTell(change, "drift.schedule_deleted", schedule, reason);
  return schedule;
}

async function auditAndTell(
  change: Change,
  action: "drift.schedule_created" | "drift.schedule_deleted",
  { scheduleId, cron, timeZone, scope }: DriftSchedule,
  reason: string | null,
): Promise<void> {
  const target = { type: "drift_schedule", id: scheduleId };
  await change.audit({ action, target, reason, details: { cron, timeZone, scope } });
  await change.outbox({ type: action, payload: { scheduleId } });
}

/** Those whose time has come, the longest overdue first. */
export async function driftSchedulesDue(db: Reader, now: string, limit: number): Promise<DriftSchedule[]> {
  const rows = await db
    .selectFrom("driftSchedules")
    .selectAll()
    .where("nextRunAt", "<=", now)
    .orderBy("nextRunAt")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, scope: fromJson(row.scope) }));
}

/** What came of a run, and when the next is; `scanId` is null when it was left out. */
export async function driftScheduleRan(
  change: Change,
  schedule: DriftSchedule,
  run: { readonly scanId: string | null; readonly nextRunAt: string | null },
): Promise<void> {
  const { scanId, nextRunAt } = run;
  const ran =
    scanId === null
      ? { skippedRuns: schedule.skippedRuns + 1 }
      : { lastRunAt: change.now, lastScanId: scanId };
  await change.db
    .updateTable("driftSchedules")
    .set({ ...ran, nextRunAt })
    .where("scheduleId", "=", schedule.scheduleId)
    .execute();
}

/** Newest first. */
export async function driftScheduleList(db: Reader, page: PageRequest): Promise<Page<DriftSchedule>> {
  let rows = db.selectFrom("driftSchedules").selectAll();
  if (page.cursor) {
    const [createdAt, scheduleId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "scheduleId"), "<", tuple(createdAt, scheduleId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("scheduleId", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(
    found,
    page.limit,
    (row): DriftSchedule => ({ ...row, scope: fromJson(row.scope) }),
    (row) => [row.createdAt, row.scheduleId],
  );
}
