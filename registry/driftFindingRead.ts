import type { Page, PageRequest } from "../contract/common.ts";
import type { DriftFinding, DriftFindingListQuery, DriftScanFinding } from "../contract/drift.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { IDS_PER_QUERY } from "./driftScope.ts";
import { fromJson } from "./json.ts";
import type { Reader } from "./registry.ts";

/** How findings are read; driftFinding.ts writes them. */
export async function driftFindingsOpen(db: Reader, targetId: string): Promise<DriftFinding[]> {
  const rows = await findings(db)
    .where("driftFindings.targetId", "=", targetId)
    .where("resolvedAt", "is", null)
    .orderBy("urn")
    .execute();
  return rows.map(fromRow);
}

/** Of several targets, by target. */
export async function driftFindingsOpenOf(
  db: Reader,
  targetIds: readonly string[],
): Promise<Map<string, DriftFinding[]>> {
  const found: DriftFinding[] = [];
  for (let from = 0; from < targetIds.length; from += IDS_PER_QUERY) {
    const rows = findings(db)
      .where("driftFindings.targetId", "in", targetIds.slice(from, from + IDS_PER_QUERY))
      .where("resolvedAt", "is", null);
    found.push(...(await rows.orderBy("urn").execute()).map(fromRow));
  }
  return Map.groupBy(found, ({ targetId }) => targetId);
}

/** Newest first. What is hidden is listed only when asked for. */
export async function driftFindingList(
  db: Reader,
  query: DriftFindingListQuery,
): Promise<Page<DriftFinding>> {
  let rows = findings(db).where("driftFindings.status", "=", query.status);
  if (query.tenantId) rows = rows.where("driftFindings.tenantId", "=", query.tenantId);
  if (query.targetId) rows = rows.where("targetId", "=", query.targetId);
  if (query.plane) rows = rows.where("planeName", "=", query.plane);
  if (query.causeId) rows = rows.where("causeId", "=", query.causeId);
  rows = query.kind ? rows.where("kind", "=", query.kind) : rows.where("kind", "!=", "hidden");
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

/** By the findings' age, oldest first, in no other order than that of their ids. */
export async function driftScanFindingList(
  db: Reader,
  scanId: string,
  page: PageRequest,
): Promise<Page<DriftScanFinding>> {
  let rows = findings(db)
    .innerJoin("driftScanFindings", "driftScanFindings.findingId", "driftFindings.findingId")
    .select(["driftScanFindings.isNew", "driftScanFindings.ignored"])
    .where("driftScanFindings.scanId", "=", scanId);
  if (page.cursor) {
    const [, findingId] = pageAfter(page.cursor);
    rows = rows.where("driftScanFindings.findingId", ">", findingId);
  }
  const found = await rows
    .orderBy("driftScanFindings.findingId")
    .limit(page.limit + 1)
    .execute();
  return toPage(
    found,
    page.limit,
    ({ isNew, ignored, ...row }) => ({ ...fromRow(row), isNew: isNew === 1, ignored: ignored === 1 }),
    (row) => [row.firstSeenAt, row.findingId],
  );
}

function findings(db: Reader) {
  return db
    .selectFrom("driftFindings")
    .innerJoin("tenants", "tenants.tenantId", "driftFindings.tenantId")
    .selectAll("driftFindings")
    .select("tenants.slug");
}

type Row = Awaited<ReturnType<ReturnType<typeof findings>["execute"]>>[number];

/** What no repair that nobody asked for puts right, by kind. */
const FOR_A_PERSON: Readonly<Partial<Record<DriftFinding["kind"], string>>> = {
  deleted: "it was deleted out of band, and making it anew is for a person",
  unmanaged: "no state records it; take it into the stack, untag it or delete it",
  registry: "the stack's state is not what the registry says",
};

function fromRow(row: Row): DriftFinding {
  const { firstScanId: _firstScanId, lastScanId: _lastScanId, properties, needsPerson, ...rest } = row;
  return {
    ...rest,
    needsPerson: needsPerson ?? FOR_A_PERSON[row.kind] ?? null,
    properties: fromJson(properties),
  };
}
