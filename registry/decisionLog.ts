import type { CompiledQuery, ExpressionBuilder, Selectable } from "kysely";
import type { AuditDecision, AuditDecisionListQuery } from "../contract/audit.ts";
import type { Page } from "../contract/common.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import { isNotHeld } from "./legalHold.ts";
import type { Reader } from "./registry.ts";
import type { DecisionTable, Schema } from "./schema.ts";
import { later } from "./stackLease.ts";

/** Rows of one statement. */
const ROWS_AT_ONCE = 50;

/**
 * What was allowed, reads too: rows that are written in batches and removed when they are old. Evidence of another weight than
 * the chain: no hash links them, and a process that is killed loses the last few seconds. What is there already stays as it is, so that a
 * batch of which nobody knows whether it was committed can be written again.
 */
export async function decisionsWrite(
  { db }: Bookkeeping,
  decisions: readonly AuditDecision[],
): Promise<void> {
  for (let from = 0; from < decisions.length; from += ROWS_AT_ONCE) {
    const rows = decisions.slice(from, from + ROWS_AT_ONCE).map(toRow);
    if (rows.length < ROWS_AT_ONCE) await insertOf(db, rows).execute();
    else await db.executeQuery({ ...fullInsert(db, rows), parameters: rows.flatMap(valuesOf) });
  }
}

function insertOf(db: Bookkeeping["db"], rows: readonly Row[]) {
  return db
    .insertInto("decisions")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing());
}

const fullInserts = new WeakMap<object, CompiledQuery>();

/**
 * The insert of a whole batch, compiled once for each database: with every request a row comes in, and building the statement takes
 * as long as running it. Who watches for writes sees the first of them, and they all are one statement.
 */
function fullInsert(db: Bookkeeping["db"], rows: readonly Row[]): CompiledQuery {
  // A transaction is an object of its own; what it shares with all others of its database is this.
  const { adapter } = db.getExecutor();
  const compiled = fullInserts.get(adapter) ?? insertOf(db, rows).compile();
  fullInserts.set(adapter, compiled);
  return compiled;
}

/** Newest first. */
export async function decisionList(db: Reader, query: AuditDecisionListQuery): Promise<Page<AuditDecision>> {
  const found = await decisionListQuery(db, query).execute();
  return toPage(found, query.limit, fromRow, (row) => [row.decidedAt, row.decisionId]);
}

export function decisionListQuery(db: Reader, query: AuditDecisionListQuery) {
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
  return rows
    .orderBy("decidedAt", "desc")
    .orderBy("decisionId", "desc")
    .limit(query.limit + 1);
}

/** Where a decision stands in the log. */
export type DecisionPlace = Pick<AuditDecision, "decidedAt" | "decisionId">;

export interface DecisionPurge {
  readonly keepDays: number;
  /** Decisions at most. */
  readonly limit: number;
  /** Nothing is left to be removed up to here: what a hold keeps need not be passed again and again. */
  readonly after?: DecisionPlace | undefined;
}

/**
 * Removes a bounded number of the oldest. Answers how many, and up to where when there may be more. A legal hold keeps what is
 * about its tenant.
 */
export async function decisionsPurge(
  { db, now }: Bookkeeping,
  { keepDays, limit, after }: DecisionPurge,
): Promise<{ readonly purged: number; readonly upTo: DecisionPlace | undefined }> {
  const before = later(now, -keepDays * 86_400_000);
  const isDue = ({ and, eb, refTuple, tuple }: ExpressionBuilder<Schema, "decisions">) =>
    and([
      eb("decidedAt", "<", before),
      isNotHeld("decisions.tenantId"),
      ...(after === undefined
        ? []
        : [eb(refTuple("decidedAt", "decisionId"), ">", tuple(after.decidedAt, after.decisionId))]),
    ]);
  const upTo = await db
    .selectFrom("decisions")
    .select(["decidedAt", "decisionId"])
    .where(isDue)
    .orderBy("decidedAt")
    .orderBy("decisionId")
    .offset(limit - 1)
    .limit(1)
    .executeTakeFirst();
  let gone = db.deleteFrom("decisions").where(isDue);
  if (upTo !== undefined)
    gone = gone.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("decidedAt", "decisionId"), "<=", tuple(upTo.decidedAt, upTo.decisionId)),
    );
  return { purged: Number((await gone.executeTakeFirst()).numDeletedRows), upTo };
}

type Row = Selectable<DecisionTable>;

/** Field by field, in the order of `valuesOf`. */
function toRow(decision: AuditDecision): Row {
  return {
    decisionId: decision.decisionId,
    decidedAt: decision.decidedAt,
    principalId: decision.principal.id,
    principalName: decision.principal.name,
    role: decision.role,
    action: decision.action,
    tenantId: decision.tenantId,
    policies: toJson(decision.policies),
    requestId: decision.requestId,
    correlationId: decision.correlationId,
  };
}

/** Kysely takes the columns in the order of the first row's fields. */
function valuesOf(row: Row): unknown[] {
  return Object.values(row);
}

function fromRow({ principalId, principalName, policies, ...rest }: Row): AuditDecision {
  return { ...rest, principal: { id: principalId, name: principalName }, policies: fromJson(policies) };
}
