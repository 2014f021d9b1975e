import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import type { DriftScan, DriftScanDetail, DriftScanTarget } from "../contract/drift.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { DriftScanTable } from "./schema.ts";

export interface DriftScanCreateFacts {
  readonly scope: DriftScan["scope"];
  readonly targets: readonly { readonly targetId: string; readonly tenantId: string }[];
}

/** Below the 32,766 parameters SQLite takes in a statement, and PostgreSQL's 65,535. */
const ROWS_PER_INSERT = 1_000;

/** Audits `drift.scan_requested`. */
export async function driftScanCreate(change: Change, input: DriftScanCreateFacts): Promise<DriftScan> {
  const scan: DriftScan = {
    scanId: newId(),
    status: "queued",
    scope: input.scope,
    targetsTotal: input.targets.length,
    targetsDone: 0,
    targetsFailed: 0,
    findingsOpen: 0,
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
      findings: 0,
      error: null,
      updatedAt: change.now,
    }));
    await change.db.insertInto("driftScanTargets").values(rows).execute();
  }
  await change.audit({
    action: "drift.scan_requested",
    target: { type: "drift_scan", id: scan.scanId },
    details: { scope: scan.scope, targets: scan.targetsTotal },
  });
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

/** One target's result; the scan's counts follow from its targets. */
export async function driftScanTargetSet(
  record: Bookkeeping,
  scanId: string,
  targetId: string,
  result: Pick<DriftScanTarget, "status"> & Partial<Pick<DriftScanTarget, "findings" | "error">>,
): Promise<void> {
  await record.lock(`drift_scan/${scanId}`);
  await record.db
    .updateTable("driftScanTargets")
    .set({
      status: result.status,
      findings: result.findings ?? 0,
      error: result.error ? redactText(result.error) : null,
      updatedAt: record.now,
    })
    .where("scanId", "=", scanId)
    .where("targetId", "=", targetId)
    .execute();
  const counts = await record.db
    .selectFrom("driftScanTargets")
    .select((eb) => [
      eb.fn.countAll().filterWhere("status", "not in", ["pending", "running"]).as("done"),
      eb.fn.countAll().filterWhere("status", "=", "failed").as("failed"),
      eb.fn.sum("findings").as("findings"),
    ])
    .where("scanId", "=", scanId)
    .executeTakeFirstOrThrow();
  await record.db
    .updateTable("driftScans")
    .set({
      targetsDone: Number(counts.done),
      targetsFailed: Number(counts.failed),
      findingsOpen: Number(counts.findings ?? 0),
    })
    .where("scanId", "=", scanId)
    .execute();
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
  const { targetsTotal, targetsDone, targetsFailed, findingsOpen } = before;
  await change.audit({
    action: "drift.scan_finished",
    target: { type: "drift_scan", id: scanId },
    outcome: complete ? "succeeded" : "failed",
    details: { targetsTotal, targetsDone, targetsFailed, findingsOpen },
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

export async function driftScanDetail(db: Reader, scanId: string): Promise<DriftScanDetail> {
  const scan = await driftScanGet(db, scanId);
  const targets = await db
    .selectFrom("driftScanTargets")
    .select(["targetId", "tenantId", "status", "findings", "error", "updatedAt"])
    .where("scanId", "=", scanId)
    .orderBy("targetId")
    .execute();
  return { ...scan, targets };
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
