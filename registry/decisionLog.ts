import type { Selectable } from "kysely";
import type { AuditDecision, AuditDecisionListQuery } from "../contract/audit.ts";
import type { Page } from "../contract/common.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import { isNotHeld } from "./legalHold.ts";
import type { Reader } from "./registry.ts";
import type { DecisionTable } from "./schema.ts";
import { later } from "./stackLease.ts";

/**
 * What was allowed, reads too: rows that are written in batches and removed when they are old. Evidence of another weight than
 * the chain: no hash links them, and a process that is killed loses the last few seconds.
 */
export async function decisionsWrite(
  record: Bookkeeping,
  decisions: readonly AuditDecision[],
): Promise<void> {
  if (decisions.length === 0) return;
  await record.db.insertInto("decisions").values(decisions.map(toRow)).execute();
}

/** Newest first. */
export async function decisionList(db: Reader, query: AuditDecisionListQuery): Promise<Page<AuditDecision>> {
  let rows = db.selectFrom("decisions").selectAll();
  const equal = {
    ...{ principalId: query.principalId, tenantId: query.tenantId, action: query.action },
    ...{ requestId: query.requestId, correlationId: query.correlationId },
  };
  for (const [column, value] of Object.entries(equal))
    if (value !== undefined) rows = rows.where(column as keyof typeof equal, "=", value);
  if (query.from !== undefined) rows = rows.where("decidedAt", ">=", query.from);
  if (query.to !== undefined) rows = rows.where("decidedAt", "<", query.to);
  if (query.cursor !== undefined) {
    const [decidedAt, decisionId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("decidedAt", "decisionId"), "<", tuple(decidedAt, decisionId)),
    );
  }
  const found = await rows
    .orderBy("decidedAt", "desc")
    .orderBy("decisionId", "desc")
    .limit(query.limit + 1)
    .execute();
  return toPage(found, query.limit, fromRow, (row) => [row.decidedAt, row.decisionId]);
}

/** Removes a bounded number of the oldest, and says how many. A legal hold keeps what is about its tenant. */
export async function decisionsPurge(
  { db, now }: Bookkeeping,
  { keepDays, limit }: { readonly keepDays: number; readonly limit: number },
): Promise<number> {
  const old = await db
    .selectFrom("decisions")
    .select("decisionId")
    .where("decidedAt", "<", later(now, -keepDays * 86_400_000))
    .where(isNotHeld("decisions.tenantId"))
    .orderBy("decidedAt")
    .limit(limit)
    .execute();
  if (old.length === 0) return 0;
  const ids = old.map(({ decisionId }) => decisionId);
  await db.deleteFrom("decisions").where("decisionId", "in", ids).execute();
  return ids.length;
}

function toRow({ principal, policies, ...rest }: AuditDecision): Selectable<DecisionTable> {
  return {
    ...rest,
    ...{ principalId: principal.id, principalName: principal.name, policies: toJson(policies) },
  };
}

function fromRow({
  principalId,
  principalName,
  policies,
  ...rest
}: Selectable<DecisionTable>): AuditDecision {
  return { ...rest, principal: { id: principalId, name: principalName }, policies: fromJson(policies) };
}
