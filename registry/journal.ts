import type { JournalEntry } from "../contract/operation.ts";
import type { JournalEntryType } from "../contract/vocabulary.ts";
import { type Bookkeeping, operationLock } from "./bookkeeping.ts";
import { fromJson, toJson } from "./json.ts";
import { applyEntry, foldOperation, IllegalJournalEntry, type OperationState } from "./operationFold.ts";
import { redact, redactText } from "./redact.ts";
import type { Reader } from "./registry.ts";
import type { OperationErrorValue } from "./schema.ts";
import { stackLeasesEnd } from "./stackLease.ts";

export interface JournalAppend {
  readonly type: JournalEntryType;
  readonly step?: string | null;
  readonly message?: string | null;
  readonly data?: Record<string, unknown>;
  /** With `failed`: what becomes the operation's error. */
  readonly error?: OperationErrorValue;
}

/** Another worker has taken the operation over: stop at once and write nothing. */
export class LeaseLostError extends Error {
  constructor(operationId: string) {
    super(`Cannot write to operation ${operationId}: its lease must be ours, but it was lost or taken over.`);
    this.name = "LeaseLostError";
  }
}

/** Where a journal ends, and what it folds to there. */
export interface JournalHead {
  readonly length: number;
  readonly state: OperationState | undefined;
}

/**
 * Appends entries in order and brings the operation's row up to their fold; what comes out is the new head. An illegal entry throws
 * IllegalJournalEntry and nothing of the transaction stays. A worker passes its fencing token; an older one is
 * refused. Requests by people (cancel) pass none: they may come at any time.
 *
 * Who wrote the last entry passes the head that came out: while nobody has written after it, the journal need not be read. One that is
 * out of date does no harm.
 */
export async function journalAppend(
  record: Bookkeeping,
  operationId: string,
  entries: readonly JournalAppend[],
  fencingToken?: number,
  known?: JournalHead,
): Promise<JournalHead> {
  await record.lock(operationLock(operationId));
  const extended =
    known && (await extend(record, operationId, entries, fencingToken, known).catch(unlessIllegal));
  if (extended !== undefined) return extended;
  const head = await journalHead(record.db, operationId, fencingToken);
  const written = await extend(record, operationId, entries, fencingToken, head);
  if (written !== undefined) return written;
  throw new Error(`Cannot append to operation ${operationId}: nobody else may write to it meanwhile.`);
}

/** What is refused after a head that may be out of date is judged again by the journal; nothing was written yet. */
function unlessIllegal(thrown: unknown): undefined {
  if (!(thrown instanceof IllegalJournalEntry)) throw thrown;
}

async function journalHead(
  db: Reader,
  operationId: string,
  fencingToken: number | undefined,
): Promise<JournalHead> {
  const row = await db
    .selectFrom("operations")
    .select(["journalLength", "fencingToken"])
    .where("operationId", "=", operationId)
    .executeTakeFirst();
  if (row === undefined) throw new Error(`Cannot append to operation ${operationId}: it must exist.`);
  if (fencingToken !== undefined && fencingToken !== row.fencingToken) throw new LeaseLostError(operationId);
  return { length: row.journalLength, state: await journalState(db, operationId) };
}

/** Undefined, and nothing written, when the journal does not end there or the token is another's. */
async function extend(
  record: Bookkeeping,
  operationId: string,
  entries: readonly JournalAppend[],
  fencingToken: number | undefined,
  head: JournalHead,
): Promise<JournalHead | undefined> {
  const { db, now } = record;
  let { state } = head;
  const rows = entries.map((entry, place) => {
    const message = cleanMessage(entry);
    state = applyEntry(state, { ...entry, message, at: now });
    return {
      operationId,
      sequence: head.length + place + 1,
      type: entry.type,
      step: entry.step ?? null,
      attempt: state.attempt,
      message,
      data: toJson(redact({ ...entry.data, ...(entry.error ? { error: entry.error } : {}) })),
      at: now,
    };
  });
  if (state === undefined) throw new Error(`Cannot append to operation ${operationId}: nothing was given.`);
  const error = entries.findLast((entry) => entry.error !== undefined)?.error;
  const length = head.length + rows.length;
  const row = { operationId, fencingToken, journalLength: head.length };
  if (!(await writeState(record, row, state, length, error))) return undefined;
  await db.insertInto("operationJournal").values(rows).execute();
  // An ended operation keeps no lease, on itself or on its stack.
  if (state.finishedAt !== null) await stackLeasesEnd(record, operationId);
  return { length, state };
}

interface ExpectedRow {
  readonly operationId: string;
  readonly fencingToken: number | undefined;
  readonly journalLength: number;
}

/** False when the operation's row is not as expected. */
async function writeState(
  { db, now }: Bookkeeping,
  expected: ExpectedRow,
  state: OperationState,
  journalLength: number,
  error: OperationErrorValue | undefined,
): Promise<boolean> {
  const { status, currentStep, attempt, compensation, cancelRequestedAt, startedAt, finishedAt } = state;
  let update = db
    .updateTable("operations")
    .set({
      ...{ status, currentStep, attempt, compensation, journalLength, updatedAt: now },
      ...{ cancelRequestedAt, startedAt, finishedAt },
      ...(error === undefined ? {} : { error: toJson(redact(error)) }),
      ...(finishedAt === null ? {} : { leaseOwner: null, leaseExpiresAt: null }),
    })
    .where("operationId", "=", expected.operationId)
    .where("journalLength", "=", expected.journalLength);
  if (expected.fencingToken !== undefined) update = update.where("fencingToken", "=", expected.fencingToken);
  const { numUpdatedRows } = await update.executeTakeFirst();
  return numUpdatedRows === 1n;
}

function cleanMessage(entry: JournalAppend): string | null {
  return entry.message === undefined || entry.message === null ? null : redactText(entry.message);
}

/** Folded now; undefined when there is no such operation. Progress entries change no state and are not read. */
export async function journalState(db: Reader, operationId: string): Promise<OperationState | undefined> {
  const rows = await db
    .selectFrom("operationJournal")
    .select(["type", "at", "step", "message"])
    .where("operationId", "=", operationId)
    .where("type", "<>", "progress")
    .orderBy("sequence")
    .execute();
  return foldOperation(rows.map((row) => ({ ...row, type: row.type as JournalEntryType })));
}

/** Entries after a sequence, oldest first. */
export async function journalList(
  db: Reader,
  operationId: string,
  after: number,
  limit: number,
): Promise<JournalEntry[]> {
  const rows = await db
    .selectFrom("operationJournal")
    .selectAll()
    .where("operationId", "=", operationId)
    .where("sequence", ">", after)
    .orderBy("sequence")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, type: row.type as JournalEntryType, data: fromJson(row.data) }));
}
