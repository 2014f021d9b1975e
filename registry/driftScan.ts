import type { Selectable } from "kysely";
import { LIMITS, type Page, type PageRequest } from "../contract/common.ts";
import type { DriftScan, DriftScanDetail, DriftScanTarget } from "../contract/drift.ts";
import { ProblemError } from "../contract/errors.ts";
import type { DriftScanTargetStatus } from "../contract/vocabulary.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { DriftScanTable, DriftScanTargetTable } from "./schema.ts";

export interface DriftScanCreateFacts {
  readonly scope: DriftScan["scope"];
  readonly targets: readonly { readonly targetId: string; readonly tenantId: string }[];
  readonly scheduleId?: string;
  readonly reason?: string | undefined;
}

/** Below the 32,766 parameters SQLite takes in a statement, and PostgreSQL's 65,535. */
const ROWS_PER_INSERT = 1_000;

/** Audits `drift.scan_requested`. */
export async function driftScanCreate(change: Change, input: DriftScanCreateFacts): Promise<DriftScan> {
  const scan: DriftScan = {
    scanId: newId(),
    status: "queued",
    scope: input.scope,
    scheduleId: input.scheduleId ?? null,
    targetsTotal: input.targets.length,
    ...{ targetsDone: 0, targetsFailed: 0, targetsSkipped: 0 },
    ...{ findingsOpen: 0, findingsNew: 0, findingsIgnored: 0, findingsHidden: 0 },
    requestedBy: change.context.actor.id,
    requestId: change.context.requestId,
    createdAt: change.now,
    startedAt: null,
    finishedAt: null,
  };
  await change.db
    .insertInto("driftScans")
    .values({ ...scan, scope: toJson(scan.scope) })
    .execute();
  for (let from = 0; from < input.targets.length; from += ROWS_PER_INSERT) {
    const rows = input.targets.slice(from, from + ROWS_PER_INSERT).map(({ targetId, tenantId }) => ({
      scanId: scan.scanId,
      targetId,
      tenantId,
      status: "pending" as const,
      ...{ findings: 0, looks: 0, error: null },
      updatedAt: change.now,
    }));
    await change.db.insertInto("driftScanTargets").values(rows).execute();
  }
  await change.audit({
    action: "drift.scan_requested",
    target: { type: "drift_scan", id: scan.scanId },
    reason: input.reason ?? null,
    details: { scope: scan.scope, targets: scan.targetsTotal, scheduleId: scan.scheduleId },
  });
  const { scanId, targetsTotal, scheduleId } = scan;
  await change.outbox({ type: "drift.scan_requested", payload: { scanId, targetsTotal, scheduleId } });
  return scan;
}

export async function driftScanStart(record: Bookkeeping, scanId: string): Promise<void> {
  await record.db
    .updateTable("driftScans")
    .set({ status: "running", startedAt: record.now })
    .where("scanId", "=", scanId)
    .where("status", "=", "queued")
    .execute();
}

export interface DriftScanTargetResult
  extends Pick<DriftScanTarget, "status">,
    Partial<Pick<DriftScanTarget, "findings" | "error">> {
  readonly findingsNew?: number;
  readonly findingsIgnored?: number;
  readonly findingsHidden?: number;
  /** Something was in the way: it is looked at once more at the end. */
  readonly deferred?: boolean;
}

/** One target's result, which counts once, however often it is written. */
export async function driftScanTargetSet(
  record: Bookkeeping,
  scanId: string,
  targetId: string,
  result: DriftScanTargetResult,
): Promise<void> {
  await record.lock(`drift_scan/${scanId}`);
  const before = await record.db
    .selectFrom("driftScanTargets")
    .select(["status", "looks"])
    .where("scanId", "=", scanId)
    .where("targetId", "=", targetId)
    .executeTakeFirstOrThrow();
  const { status, findings = 0 } = result;
  await record.db
    .updateTable("driftScanTargets")
    .set({
      ...{ status, findings },
      looks: before.looks + (result.deferred === true ? 1 : 0),
      error: result.error ? redactText(result.error) : null,
      updatedAt: record.now,
    })
    .where("scanId", "=", scanId)
    .where("targetId", "=", targetId)
    .execute();
  if (isDone(before.status) || !isDone(status)) return;
  const { findingsNew = 0, findingsIgnored = 0, findingsHidden = 0 } = result;
  await record.db
    .updateTable("driftScans")
    .set((eb) => ({
      targetsDone: eb("targetsDone", "+", 1),
      targetsFailed: eb("targetsFailed", "+", status === "failed" ? 1 : 0),
      targetsSkipped: eb("targetsSkipped", "+", status === "skipped" ? 1 : 0),
      findingsOpen: eb("findingsOpen", "+", findings),
      findingsNew: eb("findingsNew", "+", findingsNew),
      findingsIgnored: eb("findingsIgnored", "+", findingsIgnored),
      findingsHidden: eb("findingsHidden", "+", findingsHidden),
    }))
    .where("scanId", "=", scanId)
    .execute();
}

function isDone(status: DriftScanTargetStatus): boolean {
  return status !== "pending" && status !== "running";
}

/** Audits `drift.scan_finished`. A scan of which any target failed has failed, whatever it found. */
export async function driftScanFinish(change: Change, scanId: string): Promise<DriftScan> {
  const before = await driftScanGet(change.db, scanId);
  if (before.finishedAt !== null) return before;
  const complete = before.targetsFailed === 0 && before.targetsDone === before.targetsTotal;
  const status = complete ? "succeeded" : "failed";
  await change.db
    .updateTable("driftScans")
    .set({ status, finishedAt: change.now })
    .where("scanId", "=", scanId)
    .execute();
  const { targetsTotal, targetsDone, targetsFailed, targetsSkipped, findingsOpen, findingsNew } = before;
  await change.audit({
    action: "drift.scan_finished",
    target: { type: "drift_scan", id: scanId },
    outcome: complete ? "succeeded" : "failed",
    details: { targetsTotal, targetsDone, targetsFailed, targetsSkipped, findingsOpen, findingsNew },
  });
  await change.outbox({
    type: "drift.scan_finished",
    payload: { scanId, status, targetsFailed, targetsSkipped, findingsOpen, findingsNew },
  });
  return { ...before, status, finishedAt: change.now };
}

export async function driftScanGet(db: Reader, scanId: string): Promise<DriftScan> {
  const row = await db.selectFrom("driftScans").selectAll().where("scanId", "=", scanId).executeTakeFirst();
  if (row !== undefined) return fromRow(row);
  throw new ProblemError("drift_scan_not_found", {
    detail: `Cannot find a drift scan with the id ${scanId}.`,
    hint: "List scans with GET /v1/control-plane/drift/scans.",
    errors: [{ path: "path.scanId", message: "is no scan's id", value: scanId }],
  });
}

/** With its first targets. */
export async function driftScanDetail(db: Reader, scanId: string): Promise<DriftScanDetail> {
  const scan = await driftScanGet(db, scanId);
  const { items } = await driftScanTargetList(db, scanId, { limit: LIMITS.pageItems });
  return { ...scan, targets: items };
}

export async function driftScanTargetList(
  db: Reader,
  scanId: string,
  query: PageRequest & { readonly status?: DriftScanTargetStatus | undefined },
): Promise<Page<DriftScanTarget>> {
  let rows = db
    .selectFrom("driftScanTargets")
    .select(["targetId", "tenantId", "status", "findings", "error", "updatedAt"])
    .where("scanId", "=", scanId);
  if (query.status) rows = rows.where("status", "=", query.status);
  if (query.cursor) rows = rows.where("targetId", ">", pageAfter(query.cursor)[1]);
  const found = await rows
    .orderBy("targetId")
    .limit(query.limit + 1)
    .execute();
  return toPage(
    found,
    query.limit,
    (row): DriftScanTarget => row,
    (row) => [row.updatedAt, row.targetId],
  );
}

/** What a scan has still to look at. */
export async function driftScanTargetsLeft(
  db: Reader,
  scanId: string,
): Promise<Pick<DriftScanTargetTable, "targetId" | "looks">[]> {
  return db
    .selectFrom("driftScanTargets")
    .select(["targetId", "looks"])
    .where("scanId", "=", scanId)
    .where("status", "in", ["pending", "running"])
    .orderBy("looks")
    .orderBy("targetId")
    .execute();
}

/** Whether a schedule's scan has not ended. */
export async function driftScanUnderWay(db: Reader, scheduleId: string): Promise<boolean> {
  const row = await db
    .selectFrom("driftScans")
    .select("scanId")
    .where("scheduleId", "=", scheduleId)
    .where("finishedAt", "is", null)
    .executeTakeFirst();
  return row !== undefined;
}

/** Scans a stopped process left behind, oldest first. */
export async function driftScansUnfinished(db: Reader): Promise<DriftScan[]> {
  const rows = await db
    .selectFrom("driftScans")
    .selectAll()
    .where("finishedAt", "is", null)
    .orderBy("createdAt")
    .execute();
  return rows.map(fromRow);
}

/** Forgets scans that ended before then, with what they found; the findings themselves stay. Answers how many. */
export async function driftScansPurge(
  record: Bookkeeping,
  endedBefore: string,
  atOnce: number,
): Promise<number> {
  const old = await record.db
    .selectFrom("driftScans")
    .select("scanId")
    .where("createdAt", "<", endedBefore)
    .where("finishedAt", "<", endedBefore)
    .orderBy("createdAt")
    .limit(atOnce)
    .execute();
  const scanIds = old.map(({ scanId }) => scanId);
  if (scanIds.length > 0) await record.db.deleteFrom("driftScans").where("scanId", "in", scanIds).execute();
  return scanIds.length;
}

/** Newest first. */
export async function driftScanList(db: Reader, page: PageRequest): Promise<Page<DriftScan>> {
  let rows = db.selectFrom("driftScans").selectAll();
  if (page.cursor) {
    const [createdAt, scanId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "scanId"), "<", tuple(createdAt, scanId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("scanId", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, fromRow, (row) => [row.createdAt, row.scanId]);
}

function fromRow(row: Selectable<DriftScanTable>): DriftScan {
  return { ...row, scope: fromJson(row.scope) };
}
