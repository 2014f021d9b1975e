import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Operation, OperationDetail, OperationListQuery } from "../contract/operation.ts";
import type { OnFailure, OperationKind } from "../contract/vocabulary.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { journalAppend, journalState } from "./journal.ts";
import { fromJson, toJson } from "./json.ts";
import { queueTurn, refuseWhenFull } from "./queue.ts";
import { redact, redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { OperationTable } from "./schema.ts";

export interface OperationCreate {
  readonly kind: OperationKind;
  readonly tenantId: string;
  readonly targetId: string | null;
  readonly planeName: string | null;
  readonly rolloutId?: string | null;
  /** Default: compensate. */
  readonly onFailure?: OnFailure | undefined;
  /** From its beginning on. */
  readonly deadlineMs?: number | undefined;
  readonly retryOf?: string;
  /** What the steps need beyond the records; plain data, no secrets. */
  readonly input?: Record<string, unknown>;
  readonly reason?: string | null;
}

/** For whoever names none; the service has one for each kind. */
const DEFAULT_DEADLINE_MS = 7_200_000;

/**
 * Queues an operation and audits `operation.created`. Of one target at most one may be unfinished: the second gets
 * `operation_in_progress` with the id of the first.
 */
export async function operationCreate(change: Change, input: OperationCreate): Promise<Operation> {
  if (input.targetId !== null) {
    const live = await operationLiveOfTarget(change.db, input.targetId);
    if (live !== undefined) throw inProgress(live);
  }
  await refuseWhenFull(change);
  const operationId = newId();
  const { context, now } = change;
  const reason = input.reason ? redactText(input.reason) : null;
  try {
    await change.db
      .insertInto("operations")
      .values({
        operationId,
        kind: input.kind,
        tenantId: input.tenantId,
        targetId: input.targetId,
        planeName: input.planeName,
        rolloutId: input.rolloutId ?? null,
        onFailure: input.onFailure ?? "compensate",
        compensation: null,
        deadlineMs: input.deadlineMs ?? DEFAULT_DEADLINE_MS,
        retryOf: input.retryOf ?? null,
        input: toJson(redact(input.input ?? {})),
        reason,
        requestedBy: context.actor.id,
        requestId: context.requestId,
        correlationId: context.correlationId,
        status: "queued",
        currentStep: null,
        attempt: 0,
        journalLength: 0,
        error: null,
        leaseOwner: null,
        leaseExpiresAt: null,
        fencingToken: 0,
        turn: await queueTurn(change, input.tenantId),
        dispatchedAt: null,
        createdAt: now,
        updatedAt: now,
        cancelRequestedAt: null,
        startedAt: null,
        finishedAt: null,
      })
      .execute();
  } catch (error) {
    if (change.uniqueViolation(error) !== undefined) throw inProgress(undefined, error);
    throw error;
  }
  const { traceparent } = context;
  const created = { kind: input.kind, ...(traceparent !== undefined && { traceparent }) };
  await journalAppend(change, operationId, [{ type: "created", data: created }]);
  const { kind, tenantId, targetId, planeName } = input;
  await change.audit({
    action: "operation.created",
    target: { type: "operation", id: operationId },
    tenantId,
    reason,
    details: { kind, targetId, planeName, rolloutId: input.rolloutId ?? null },
  });
  return await operationGet(change.db, operationId);
}

function inProgress(live: Operation | undefined, cause?: unknown): ProblemError {
  const which =
    live === undefined ? "another operation" : `operation ${live.operationId} (${live.kind}, ${live.status})`;
  return new ProblemError("operation_in_progress", {
    detail: `Cannot begin: a target takes one operation at a time, and ${which} has not ended.`,
    hint: "Wait for it to end, follow its events, or cancel it.",
    errors: [
      { path: "target", message: "has an operation under way", ...(live && { value: live.operationId }) },
    ],
    ...(live === undefined ? {} : { operationId: live.operationId }),
    cause,
  });
}

export async function operationFind(db: Reader, operationId: string): Promise<Operation | undefined> {
  const row = await db
    .selectFrom("operations")
    .selectAll()
    .where("operationId", "=", operationId)
    .executeTakeFirst();
  return row && fromRow(row);
}

export async function operationGet(db: Reader, operationId: string): Promise<Operation> {
  const operation = await operationFind(db, operationId);
  if (operation !== undefined) return operation;
  throw operationNotFound(operationId);
}

export function operationNotFound(operationId: string): ProblemError {
  return new ProblemError("operation_not_found", {
    detail: `Cannot find an operation with the id ${operationId}.`,
    hint: "List operations with GET /v1/control-plane/operations.",
    errors: [{ path: "path.operationId", message: "is no operation's id", value: operationId }],
  });
}

/** With its steps, folded from the journal. */
export async function operationDetail(db: Reader, operationId: string): Promise<OperationDetail> {
  const operation = await operationGet(db, operationId);
  const state = await journalState(db, operationId);
  return { ...operation, steps: [...(state?.steps ?? [])] };
}

/** The span of the request that asked for it, if that was traced. */
export async function operationTraceparent(db: Reader, operationId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("operationJournal")
    .select("data")
    .where("operationId", "=", operationId)
    .where("sequence", "=", 1)
    .executeTakeFirst();
  const { traceparent } = row === undefined ? {} : fromJson<{ traceparent?: unknown }>(row.data as never);
  return typeof traceparent === "string" ? traceparent : undefined;
}

/** What `operationCreate` was given as input. */
export async function operationInput(db: Reader, operationId: string): Promise<Record<string, unknown>> {
  const row = await db
    .selectFrom("operations")
    .select("input")
    .where("operationId", "=", operationId)
    .executeTakeFirst();
  if (row === undefined) throw operationNotFound(operationId);
  return fromJson(row.input);
}

export async function operationLiveOfTarget(db: Reader, targetId: string): Promise<Operation | undefined> {
  const row = await db
    .selectFrom("operations")
    .selectAll()
    .where("targetId", "=", targetId)
    .where("finishedAt", "is", null)
    .executeTakeFirst();
  return row && fromRow(row);
}

/** Newest first. */
export async function operationList(db: Reader, query: OperationListQuery): Promise<Page<Operation>> {
  let rows = db.selectFrom("operations").selectAll();
  if (query.status) rows = rows.where("status", "=", query.status);
  if (query.tenantId) rows = rows.where("tenantId", "=", query.tenantId);
  if (query.targetId) rows = rows.where("targetId", "=", query.targetId);
  if (query.rolloutId) rows = rows.where("rolloutId", "=", query.rolloutId);
  if (query.cursor) {
    const [createdAt, operationId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "operationId"), "<", tuple(createdAt, operationId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("operationId", "desc")
    .limit(query.limit + 1)
    .execute();
  return toPage(found, query.limit, fromRow, (row) => [row.createdAt, row.operationId]);
}

export function operationFromRow(row: Selectable<OperationTable>): Operation {
  return fromRow(row);
}

function fromRow(row: Selectable<OperationTable>): Operation {
  return {
    operationId: row.operationId,
    kind: row.kind,
    status: row.status,
    tenantId: row.tenantId,
    targetId: row.targetId,
    planeName: row.planeName,
    rolloutId: row.rolloutId,
    currentStep: row.currentStep,
    attempt: row.attempt,
    reason: row.reason,
    error: row.error === null ? null : fromJson(row.error),
    onFailure: row.onFailure,
    compensation: row.compensation,
    retryOf: row.retryOf,
    deadlineAt: deadlineOf(row),
    requestedBy: row.requestedBy,
    requestId: row.requestId,
    correlationId: row.correlationId,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    cancelRequestedAt: row.cancelRequestedAt,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
  };
}

function deadlineOf({ startedAt, deadlineMs }: Selectable<OperationTable>): string | null {
  return startedAt === null ? null : new Date(Date.parse(startedAt) + deadlineMs).toISOString();
}
