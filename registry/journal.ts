import type { JournalEntry } from "../contract/operation.ts";
import type { JournalEntryType } from "../contract/vocabulary.ts";
import { type Bookkeeping, operationLock } from "./bookkeeping.ts";
import { fromJson, toJson } from "./json.ts";
import { applyEntry, foldOperation, type OperationState } from "./operationFold.ts";
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

/**
 * Appends entries in order and brings the operation's row up to their fold. An illegal entry throws
 * IllegalJournalEntry and nothing of the transaction stays. A worker passes its fencing token; an older one is
 * refused. Requests by people (cancel) pass none: they may come at any time.
 */
export async function journalAppend(
  record: Bookkeeping,
  operationId: string,
  entries: readonly JournalAppend[],
  fencingToken?: number,
): Promise<OperationState> {
  const { db, now } = record;
  await record.lock(operationLock(operationId));
  const row = await db
    .selectFrom("operations")
    .select(["journalLength", "fencingToken"])
    .where("operationId", "=", operationId)
    .executeTakeFirst();
  if (row === undefined) throw new Error(`Cannot append to operation ${operationId}: it must exist.`);
  if (fencingToken !== undefined && fencingToken !== row.fencingToken) throw new LeaseLostError(operationId);
  let state = await journalState(db, operationId);
  const rows = entries.map((entry, place) => {
    const message = cleanMessage(entry);
    state = applyEntry(state, { ...entry, message, at: now });
    return {
      operationId,
      sequence: row.journalLength + place + 1,
      type: entry.type,
      step: entry.step ?? null,
      attempt: state.attempt,
      message,
      data: toJson(redact({ ...entry.data, ...(entry.error ? { error: entry.error } : {}) })),
      at: now,
    };
  });
  if (state === undefined) throw new Error(`Cannot append to operation ${operationId}: nothing was given.`);
  await db.insertInto("operationJournal").values(rows).execute();
  const error = entries.findLast((entry) => entry.error !== undefined)?.error;
  await writeState(record, operationId, state, row.journalLength + rows.length, error);
  return state;
}

/** An ended operation keeps no lease, on itself or on its stack. */
async function writeState(
  record: Bookkeeping,
  operationId: string,
  state: OperationState,
  journalLength: number,
  error: OperationErrorValue | undefined,
): Promise<void> {
  const { db, now } = record;
  const { status, currentStep, attempt, compensation, cancelRequestedAt, startedAt, finishedAt } = state;
  await db
    .updateTable("operations")
    .set({
      ...{ status, currentStep, attempt, compensation, journalLength, updatedAt: now },
      ...{ cancelRequestedAt, startedAt, finishedAt },
      ...(error === undefined ? {} : { error: toJson(redact(error)) }),
      ...(finishedAt === null ? {} : { leaseOwner: null, leaseExpiresAt: null }),
    })
    .where("operationId", "=", operationId)
    .execute();
  if (finishedAt !== null) await stackLeasesEnd(record, operationId);
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
