import { type SelectQueryBuilder, sql } from "kysely";
import type { AuditEvent, AuditEventListQuery } from "../contract/audit.ts";
import type { Page } from "../contract/common.ts";
import { auditEventOf } from "./audit.ts";
import { pageAfter, pageAfterNumber, toPage } from "./cursor.ts";
import { reasonWords } from "./reasonWords.ts";
import type { Reader } from "./registry.ts";
import type { Schema } from "./schema.ts";

/**
 * The search of the audit trail. Each filter has an index that ends in the order of the answer, so a page of a search by
 * one of them costs the same in a trail of any length; with several the database takes one and looks through what that finds.
 */
type Query = AuditEventListQuery;
type Rows = SelectQueryBuilder<Schema, "auditEvents", Record<never, never>>;

/** Different actions of one prefix at most; the product has about two hundred in all. */
const ACTIONS = 300;

/** Newest first; of one chain, in the chain's order. */
export async function auditEventList(db: Reader, query: Query): Promise<Page<AuditEvent>> {
  if (query.chain !== undefined) return chainPage(db, query, query.chain);
  const found = await newest(db, query);
  return toPage(found, query.limit, auditEventOf, (row) => [row.occurredAt, row.eventId]);
}

async function newest(db: Reader, query: Query) {
  const { actionPrefix, ...rest } = query;
  const words = wordsOf(query);
  if (query.text !== undefined && words.length === 0) return [];
  if (actionPrefix === undefined || hasLeader(query))
    return newestOf(filtered(db, query, words), query, words);
  // One seek for each action: the index has them in order of time only one by one.
  const actions = await actionsBeginningWith(db, actionPrefix);
  const pages = await Promise.all(
    actions.map((action) => newestOf(filtered(db, { ...rest, action }, words), query, words)),
  );
  const order = (left: Order, right: Order) => (isBefore(left, right) ? 1 : -1);
  return pages
    .flat()
    .sort(order)
    .slice(0, query.limit + 1);
}

function wordsOf({ text }: Query): string[] {
  return reasonWords(text ?? "").sort((left, right) => right.length - left.length);
}

interface Order {
  readonly occurredAt: string;
  readonly eventId: string;
}

function isBefore(left: Order, right: Order): boolean {
  return left.occurredAt === right.occurredAt
    ? left.eventId < right.eventId
    : left.occurredAt < right.occurredAt;
}

/** Whether something else than the prefix finds the events. */
function hasLeader({ action, actorId, targetId, tenantId, requestId, correlationId, text, outcome }: Query) {
  const others = [action, actorId, targetId, tenantId, requestId, correlationId, text];
  return others.some((one) => one !== undefined) || (outcome !== undefined && outcome !== "succeeded");
}

async function actionsBeginningWith(db: Reader, prefix: string): Promise<string[]> {
  const actions: string[] = [];
  let after = prefix;
  while (actions.length < ACTIONS) {
    const { action } = await db
      .selectFrom("auditEvents")
      .select((eb) => eb.fn.min("action").as("action"))
      .where("action", actions.length === 0 ? ">=" : ">", after)
      .where("action", "<", endOf(prefix))
      .executeTakeFirstOrThrow();
    if (action === null) return actions;
    actions.push(action);
    after = action;
  }
  return actions;
}

/** Sorts after all that begin with the prefix. */
function endOf(prefix: string): string {
  return `${prefix}\u{10FFFF}`;
}

/** The longest word leads, since it is likely to be the rarest; the others are looked for where it has been found. */
function beginning(db: Reader, [lead]: readonly string[]): Rows {
  if (lead === undefined) return db.selectFrom("auditEvents");
  const led = db
    .selectFrom("auditReasonWords as lead")
    .innerJoin("auditEvents", "auditEvents.eventId", "lead.eventId")
    .where("lead.word", "=", lead);
  return led as unknown as Rows;
}

function filtered(db: Reader, query: Query, words: readonly string[]): Rows {
  let rows = beginning(db, words);
  const equal = {
    ...{ tenantId: query.tenantId, action: query.action, actorId: query.actorId },
    ...{ targetType: query.targetType, targetId: query.targetId, outcome: query.outcome },
    ...{ requestId: query.requestId, correlationId: query.correlationId },
  };
  for (const [column, value] of Object.entries(equal))
    if (value !== undefined) rows = rows.where(`auditEvents.${column as keyof typeof equal}`, "=", value);
  // As text of the statement: an index of a part of the rows is used only where the statement says which part.
  if (query.outcome !== undefined && query.outcome !== "succeeded")
    rows = rows.where(sql<boolean>`audit_events.outcome <> 'succeeded'`);
  const { actionPrefix, from, to } = query;
  if (actionPrefix !== undefined)
    rows = rows
      .where("auditEvents.action", ">=", actionPrefix)
      .where("auditEvents.action", "<", endOf(actionPrefix));
  if (from !== undefined) rows = rows.where("auditEvents.occurredAt", ">=", from);
  if (to !== undefined) rows = rows.where("auditEvents.occurredAt", "<", to);
  for (const word of words.slice(1))
    rows = rows.where(({ exists, selectFrom }) =>
      exists(
        selectFrom("auditReasonWords as said")
          .select("said.word")
          .where("said.word", "=", word)
          .whereRef("said.occurredAt", "=", "auditEvents.occurredAt")
          .whereRef("said.eventId", "=", "auditEvents.eventId"),
      ),
    );
  return rows;
}

/** By the columns of the table that leads, whose index has them in this order. */
async function newestOf(rows: Rows, { limit, cursor }: Query, words: readonly string[]) {
  const table = words.length > 0 ? "lead" : "auditEvents";
  const time = sql.ref<string>(`${table}.occurredAt`);
  const id = sql.ref<string>(`${table}.eventId`);
  let after = rows;
  if (cursor !== undefined) {
    const [occurredAt, eventId] = pageAfter(cursor);
    after = rows.where(sql<boolean>`(${time}, ${id}) < (${occurredAt}, ${eventId})`);
  }
  return after
    .selectAll("auditEvents")
    .orderBy(time, "desc")
    .orderBy(id, "desc")
    .limit(limit + 1)
    .execute();
}

async function chainPage(db: Reader, query: Query, chain: string): Promise<Page<AuditEvent>> {
  const after = query.cursor === undefined ? 0 : pageAfterNumber(query.cursor, 0);
  const words = wordsOf(query);
  if (query.text !== undefined && words.length === 0) return { items: [], nextCursor: null };
  const found = await filtered(db, query, words)
    .selectAll("auditEvents")
    .where("auditEvents.chain", "=", chain)
    .where("auditEvents.sequence", ">", after)
    .orderBy("auditEvents.sequence")
    .limit(query.limit + 1)
    .execute();
  return toPage(found, query.limit, auditEventOf, (row) => [String(row.sequence), row.eventId]);
}
