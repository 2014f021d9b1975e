import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import type { DriftFinding, DriftFindingListQuery } from "../contract/drift.ts";
import type { Target } from "../contract/target.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { redact } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { DriftFindingTable } from "./schema.ts";
import { targetObserve } from "./target.ts";

/** One resource that is not as recorded, as the engine reports it. */
export type SeenDrift = Pick<
  DriftFinding,
  "urn" | "resourceType" | "logicalName" | "physicalId" | "kind" | "properties"
>;

export interface DriftReport {
  readonly opened: readonly DriftFinding[];
  readonly stillOpen: number;
  readonly resolved: number;
}

/**
 * Holds what a scan saw of one target against the open findings: new ones open and are audited as `drift.found`, ones
 * seen again are counted, ones no longer seen are resolved and audited as `drift.resolved`. So each is told once.
 */
export async function driftFindingsReport(
  change: Change,
  target: Pick<Target, "targetId" | "tenantId" | "planeName">,
  scanId: string | null,
  seen: readonly SeenDrift[],
): Promise<DriftReport> {
  const open = await driftFindingsOpen(change.db, target.targetId);
  const byUrn = new Map(open.map((finding) => [finding.urn, finding]));
  const opened: DriftFinding[] = [];
  for (const drift of seen) {
    const known = byUrn.get(drift.urn);
    byUrn.delete(drift.urn);
    if (known === undefined) opened.push(await openFinding(change, target, scanId, drift));
    else await seeAgain(change, known, scanId, drift);
  }
  if (opened.length > 0) await auditFindings(change, target, "drift.found", opened, null);
  const gone = [...byUrn.values()];
  await resolve(change, target, gone, "scan");
  await targetObserve(change, target.targetId, { drift: seen.length === 0 ? "clean" : "drifted" });
  return { opened, stillOpen: seen.length - opened.length, resolved: gone.length };
}

/** Closes a target's open findings because something made them pass; answers how many. */
export async function driftFindingsResolve(
  change: Change,
  target: Pick<Target, "targetId" | "tenantId" | "planeName">,
  resolvedBy: "repair" | "deploy" | "decommission",
): Promise<number> {
  const open = await driftFindingsOpen(change.db, target.targetId);
  await resolve(change, target, open, resolvedBy);
  await targetObserve(change, target.targetId, {
    drift: resolvedBy === "decommission" ? "unknown" : "clean",
  });
  return open.length;
}

export async function driftFindingsOpen(db: Reader, targetId: string): Promise<DriftFinding[]> {
  const rows = await db
    .selectFrom("driftFindings")
    .selectAll()
    .where("targetId", "=", targetId)
    .where("resolvedAt", "is", null)
    .orderBy("urn")
    .execute();
  return rows.map(fromRow);
}

/** Newest first. */
export async function driftFindingList(
  db: Reader,
  query: DriftFindingListQuery,
): Promise<Page<DriftFinding>> {
  let rows = db.selectFrom("driftFindings").selectAll().where("status", "=", query.status);
  if (query.tenantId) rows = rows.where("tenantId", "=", query.tenantId);
  if (query.targetId) rows = rows.where("targetId", "=", query.targetId);
  if (query.plane) rows = rows.where("planeName", "=", query.plane);
  if (query.cursor) {
    const [firstSeenAt, findingId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("firstSeenAt", "findingId"), "<", tuple(firstSeenAt, findingId)),
    );
  }
  const found = await rows
    .orderBy("firstSeenAt", "desc")
    .orderBy("findingId", "desc")
    .limit(query.limit + 1)
    .execute();
  return toPage(found, query.limit, fromRow, (row) => [row.firstSeenAt, row.findingId]);
}

async function openFinding(
  change: Change,
  target: Pick<Target, "targetId" | "tenantId" | "planeName">,
  scanId: string | null,
  drift: SeenDrift,
): Promise<DriftFinding> {
  const finding: DriftFinding = {
    findingId: newId(),
    targetId: target.targetId,
    tenantId: target.tenantId,
    planeName: target.planeName,
    urn: drift.urn,
    resourceType: drift.resourceType,
    logicalName: drift.logicalName,
    physicalId: drift.physicalId,
    kind: drift.kind,
    properties: redact(drift.properties),
    status: "open",
    seenCount: 1,
    firstSeenAt: change.now,
    lastSeenAt: change.now,
    resolvedAt: null,
    resolvedBy: null,
  };
  const row = { ...finding, properties: toJson(finding.properties), firstScanId: scanId, lastScanId: scanId };
  await change.db.insertInto("driftFindings").values(row).execute();
  return finding;
}

async function seeAgain(
  change: Change,
  known: DriftFinding,
  scanId: string | null,
  drift: SeenDrift,
): Promise<void> {
  await change.db
    .updateTable("driftFindings")
    .set({
      kind: drift.kind,
      properties: toJson(redact(drift.properties)),
      seenCount: known.seenCount + 1,
      lastSeenAt: change.now,
      lastScanId: scanId,
    })
    .where("findingId", "=", known.findingId)
    .execute();
}

async function resolve(
  change: Change,
  target: Pick<Target, "targetId" | "tenantId" | "planeName">,
  findings: readonly DriftFinding[],
  resolvedBy: string,
): Promise<void> {
  if (findings.length === 0) return;
  await change.db
    .updateTable("driftFindings")
    .set({ status: "resolved", resolvedAt: change.now, resolvedBy })
    .where(
      "findingId",
      "in",
      findings.map((finding) => finding.findingId),
    )
    .execute();
  await auditFindings(change, target, "drift.resolved", findings, resolvedBy);
}

async function auditFindings(
  change: Change,
  target: Pick<Target, "targetId" | "tenantId" | "planeName">,
  action: "drift.found" | "drift.resolved",
  findings: readonly DriftFinding[],
  resolvedBy: string | null,
): Promise<void> {
  const { targetId, tenantId, planeName } = target;
  await change.audit({
    action,
    target: { type: "target", id: targetId },
    tenantId,
    details: {
      planeName,
      resolvedBy,
      findings: findings.map(({ findingId, resourceType, logicalName, kind, properties }) => ({
        findingId,
        resourceType,
        logicalName,
        kind,
        paths: properties.map((property) => property.path),
      })),
    },
  });
  await change.outbox({
    type: action,
    tenantId,
    payload: { tenantId, targetId, planeName, findings: findings.length },
  });
}

function fromRow(row: Selectable<DriftFindingTable>): DriftFinding {
  const { firstScanId: _firstScanId, lastScanId: _lastScanId, properties, ...rest } = row;
  return { ...rest, properties: fromJson(properties) };
}
