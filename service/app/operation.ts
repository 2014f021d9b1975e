import type { Page } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import type {
  Operation,
  OperationDetail,
  OperationListQuery,
  OperationRetry,
} from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import { operationLock } from "../../registry/bookkeeping.ts";
import { journalAppend, journalList, journalState } from "../../registry/journal.ts";
import * as registry from "../../registry/operation.ts";
import { endsOperation, isFinished } from "../../registry/operationFold.ts";
import type { Change } from "../../registry/registry.ts";
import { targetFind, targetGet } from "../../registry/target.ts";
import { tenantTransitionRequest } from "../../registry/tenantLifecycle.ts";
import { limits } from "../config/limits.ts";
import { type OperationInput, oldStateOf } from "../operations/saga.ts";
import { sagas } from "../operations/sagas.ts";
import { authorize, authorizeRecord } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import type { EventFeed } from "./eventFeed.ts";
import { requestOperations } from "./requestOperations.ts";

export async function operationList(
  context: RequestContext,
  query: OperationListQuery,
): Promise<Page<Operation>> {
  await authorize(context, "operationList", query.tenantId);
  return context.registry.read((db) => registry.operationList(db, query));
}

export async function operationGet(context: RequestContext, operationId: string): Promise<OperationDetail> {
  return authorizeRecord(context, "operationGet", (db) => registry.operationDetail(db, operationId));
}

/** The journal as a feed that can be read from any point, and that ends when the operation has. */
export async function operationEvents(context: RequestContext, operationId: string): Promise<EventFeed> {
  await authorizeRecord(context, "operationEvents", (db) => registry.operationGet(db, operationId));
  return {
    subscribe: (wake) => context.nudges.on(`operation:${operationId}`, wake),
    read: (after) =>
      context.registry.read(async (db) => {
        // With the one before them, which says whether the operation had ended when there are no more.
        const before = after > 0 ? 1 : 0;
        const most = limits.journalReadEntries + before;
        const list = () => journalList(db, operationId, after - before, most);
        let entries = await list();
        // Whoever asks from past the end is told by the status, which is read before what could follow it.
        const isOver =
          entries.length === 0 && isFinished((await registry.operationGet(db, operationId)).status);
        if (isOver) entries = await list();
        const events = entries
          .filter(({ sequence }) => sequence > after)
          .map((entry) => ({ sequence: entry.sequence, event: entry.type, data: entry }));
        const last = entries.at(-1)?.type;
        return { events, ended: last === undefined ? isOver : endsOperation(last) };
      }),
  };
}

/** In the queue it ends at once; under way it is told to stop, and ends when its engine run has. */
export async function operationCancel(
  context: RequestContext,
  operationId: string,
  reason: string | undefined,
): Promise<Operation> {
  const { tenantId } = await authorizeRecord(context, "operationCancel", (db) =>
    registry.operationGet(db, operationId),
  );
  const cancelling = async (change: Change) => {
    // What is read must hold until it is written: a worker may be about to begin it, or to turn it round.
    await change.lock(operationLock(operationId));
    const before = await registry.operationGet(change.db, operationId);
    if (isFinished(before.status)) throw alreadyFinished(before);
    if (before.compensation !== null) throw beingUndone(before);
    await requestCancel(context, change, before);
    await change.audit({
      action: "operation.cancel_requested",
      target: { type: "operation", id: operationId },
      tenantId: before.tenantId,
      reason: reason ?? null,
      details: { kind: before.kind, status: before.status },
    });
    return registry.operationGet(change.db, operationId);
  };
  const operation = await changeAs(context, cancelling, tenantId === null ? undefined : { tenantId });
  context.cancelOperation(operationId);
  context.nudges.nudge(`operation:${operationId}`);
  context.nudges.nudge("operations");
  context.nudges.nudge("rollouts");
  return operation;
}

async function requestCancel(service: RequestContext, change: Change, operation: Operation): Promise<void> {
  const { operationId, status, kind, targetId } = operation;
  const state = await journalState(change.db, operationId);
  if (state?.cancelRequestedAt != null) return;
  if (status !== "queued" || targetId === null) {
    await journalAppend(change, operationId, [{ type: "cancel_requested" }]);
    return;
  }
  await journalAppend(change, operationId, [{ type: "cancel_requested" }, { type: "cancelled" }]);
  const input = (await registry.operationInput(change.db, operationId)) as OperationInput;
  const target = await targetGet(change.db, targetId);
  const ended = {
    service,
    operation,
    input,
    target,
    results: {},
    outcome: "cancelled",
    left: "unchanged",
    begun: false,
  } as const;
  await sagas[kind].end(change, ended);
}

/**
 * A new operation that asks for the same again. What was undone is done from the start; what was kept, or could not be undone, is
 * gone on with from the step that failed.
 */
export async function operationRetry(
  context: RequestContext,
  operationId: string,
  options: OperationRetry,
): Promise<Operation> {
  await authorizeRecord(context, "operationRetry", (db) => registry.operationGet(db, operationId));
  return changeAs(context, async (change) => {
    const failed = await registry.operationGet(change.db, operationId);
    const target = await retryableTarget(change, failed);
    const input = (await registry.operationInput(change.db, operationId)) as OperationInput;
    const {
      before: _before,
      beforeAll: _all,
      wanted,
      continues: _of,
      causeId = operationId,
      ...asked
    } = input;
    if (wanted === undefined) throw notRetryable(failed, "it was asked for before retries were known");
    const goesOn = failed.compensation !== "succeeded" && failed.startedAt !== null;
    const beforeAll = oldStateOf(input);
    const going = { continues: operationId, causeId, ...(beforeAll && { beforeAll }) };
    change.afterCommit(() => context.nudges.nudge("operations"));
    const reason = options.reason ?? failed.reason ?? undefined;
    const [operation] = await requestOperations(change, [target], {
      ...{
        kind: failed.kind,
        state: wanted.state,
        patch: wanted.patch,
        transition: wanted.transition,
        reason,
      },
      input: { ...asked, ...(goesOn && going) },
      onFailure: options.onFailure ?? failed.onFailure,
      deadlineMs: options.deadlineMs,
      retryOf: operationId,
    });
    if (operation === undefined) throw new Error("Cannot retry: one target must give one operation");
    if (wanted.transition !== undefined) {
      await tenantTransitionRequest(change, target.tenantId, wanted.transition, { reason });
    }
    return operation;
  });
}

/** The operation must have failed or been cancelled, and nothing may have happened to its target since. */
async function retryableTarget(change: Change, operation: Operation): Promise<Target> {
  const { operationId, status, targetId } = operation;
  if (status !== "failed" && status !== "cancelled") {
    const hint = status === "succeeded" ? undefined : "Wait until it has ended, or cancel it first.";
    throw notRetryable(operation, `it must have failed or been cancelled, and is ${status}`, { hint });
  }
  const target = targetId === null ? undefined : await targetFind(change.db, targetId);
  if (target === undefined || target.deletedAt !== null) {
    throw notRetryable(operation, "its target is gone");
  }
  if (target.lastOperationId !== operationId) {
    const later = target.lastOperationId ?? undefined;
    const hint = "Look at that one: retry it if it failed, or ask for what is wanted now with a new request.";
    throw notRetryable(operation, `operation ${later} came after it`, { hint, later });
  }
  return target;
}

interface NotRetryable {
  readonly hint?: string | undefined;
  /** The operation that came after. */
  readonly later?: string | undefined;
}

function notRetryable(
  operation: Operation,
  why: string,
  { hint = "Ask for what is wanted now with a new request.", later }: NotRetryable = {},
): ProblemError {
  return new ProblemError("operation_not_retryable", {
    detail: `Cannot retry operation ${operation.operationId}: ${why}.`,
    hint,
    ...(later !== undefined && { operationId: later }),
    errors: [{ path: "operation.status", message: "allows no retry", value: operation.status }],
  });
}

function beingUndone(operation: Operation): ProblemError {
  return new ProblemError("operation_compensating", {
    detail: `Cannot cancel operation ${operation.operationId}: it is being undone already, and that must end.`,
    hint: "Follow its events until it has ended.",
    errors: [
      { path: "operation.compensation", message: "allows no cancelling", value: operation.compensation },
    ],
  });
}

function alreadyFinished(operation: Operation): ProblemError {
  return new ProblemError("operation_finished", {
    detail: `Cannot cancel: the operation must be under way, and it ${operation.status === "cancelled" ? "was" : "has"} ${operation.status}.`,
    hint: "Ask for another operation to change what it has done.",
    errors: [{ path: "operation.status", message: "allows no cancelling", value: operation.status }],
  });
}
