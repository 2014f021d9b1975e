import type { Selectable } from "kysely";
import type { Breaker } from "../contract/breaker.ts";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { BreakerOutcome, BreakerTable } from "./schema.ts";

/** What is kept of a plane's or region's circuit breaker; service/breaker decides when it opens and closes. */
export type BreakerRow = Omit<Selectable<BreakerTable>, "outcomes"> & {
  readonly outcomes: readonly BreakerOutcome[];
};

export async function breakerFind(db: Reader, scope: string): Promise<BreakerRow | undefined> {
  const row = await db.selectFrom("breakers").selectAll().where("scope", "=", scope).executeTakeFirst();
  return row && fromRow(row);
}

/** Those that let nothing through, or one only; there are never more than planes and regions. */
export async function breakersOpen(db: Reader): Promise<Map<string, BreakerRow>> {
  const rows = await db.selectFrom("breakers").selectAll().where("state", "=", "open").execute();
  return new Map(rows.map((row) => [row.scope, fromRow(row)]));
}

/** By scope. */
export async function breakerList(
  db: Reader,
  page: PageRequest & { readonly state?: "closed" | "open" | undefined },
  now: string,
): Promise<Page<Breaker>> {
  let rows = db.selectFrom("breakers").selectAll();
  if (page.state) rows = rows.where("state", "=", page.state);
  if (page.cursor) rows = rows.where("scope", ">", pageAfter(page.cursor)[0]);
  const found = await rows
    .orderBy("scope")
    .limit(page.limit + 1)
    .execute();
  return toPage(
    found,
    page.limit,
    (row) => breakerOf(fromRow(row), now),
    (row) => [row.scope, row.scope],
  );
}

/** Writes what came of one more operation. Opening and closing audit themselves; the counts in between are bookkeeping. */
export async function breakerWrite(record: Bookkeeping, row: BreakerRow): Promise<void> {
  const values = {
    ...row,
    reason: row.reason && redactText(row.reason),
    outcomes: toJson([...row.outcomes]),
  };
  await record.db
    .insertInto("breakers")
    .values(values)
    .onConflict((conflict) => conflict.column("scope").doUpdateSet(values))
    .execute();
}

/** Audits `breaker.opened`, `breaker.closed` or `breaker.reset` on the fleet's chain. */
export async function breakerAnnounce(
  change: Change,
  action: "opened" | "closed" | "reset",
  { scope, reason, retryAt, openings }: BreakerRow,
  why: string | null = null,
): Promise<void> {
  await change.audit({
    action: `breaker.${action}`,
    target: { type: "breaker", id: scope },
    outcome: action === "opened" ? "failed" : "succeeded",
    reason: why,
    details: { reason: reason && redactText(reason), retryAt, openings },
  });
  await change.outbox({ type: `breaker.${action}`, payload: { scope, retryAt } });
}

export function breakerMissing(scope: string): ProblemError {
  return new ProblemError("breaker_not_found", {
    detail: `Cannot reset ${scope}: there must be a circuit breaker, and nothing has failed there.`,
    hint: "List them with GET /v1/control-plane/breakers.",
    errors: [{ path: "path.scope", message: "has no circuit breaker", value: scope }],
  });
}

export function breakerOf(row: BreakerRow, now: string): Breaker {
  const { scope, reason, openings, openedAt, retryAt, updatedAt, outcomes } = row;
  const isDue = retryAt !== null && retryAt <= now;
  const state = row.state === "closed" ? "closed" : isDue ? "half_open" : "open";
  const failed = outcomes.filter(({ failure }) => failure !== null);
  const failures = new Set(failed.map(({ targetId }) => targetId)).size;
  return { scope, state, reason, failures, openings, openedAt, retryAt, updatedAt };
}

function fromRow(row: Selectable<BreakerTable>): BreakerRow {
  return { ...row, outcomes: fromJson(row.outcomes) };
}
