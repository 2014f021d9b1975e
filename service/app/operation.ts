import type { Page } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import type { Operation, OperationDetail, OperationListQuery } from "../../contract/operation.ts";
import { journalAppend, journalList, journalState } from "../../registry/journal.ts";
import * as registry from "../../registry/operation.ts";
import { isFinished } from "../../registry/operationFold.ts";
import type { Change } from "../../registry/registry.ts";
import { targetGet } from "../../registry/target.ts";
import { limits } from "../config.ts";
import type { OperationInput } from "../operations/saga.ts";
import { sagas } from "../operations/sagas.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import type { EventFeed } from "./eventFeed.ts";

export async function operationList(
  context: RequestContext,
  query: OperationListQuery,
): Promise<Page<Operation>> {
  await authorize(context, "operationList");
  return context.registry.read((db) => registry.operationList(db, query));
}

export async function operationGet(context: RequestContext, operationId: string): Promise<OperationDetail> {
  await authorize(context, "operationGet");
  return context.registry.read((db) => registry.operationDetail(db, operationId));
}

/** The journal as a feed that can be read from any point, and that ends when the operation has. */
export async function operationEvents(context: RequestContext, operationId: string): Promise<EventFeed> {
  await authorize(context, "operationEvents");
  await context.registry.read((db) => registry.operationGet(db, operationId));
  return {
    subscribe: (wake) => context.nudges.on(`operation:${operationId}`, wake),
    read: (after) =>
      context.registry.read(async (db) => {
        // The status first: entries that come after it are seen at the next reading.
        const { status } = await registry.operationGet(db, operationId);
        const entries = await journalList(db, operationId, after, limits.journalReadEntries);
        const events = entries.map((entry) => ({ sequence: entry.sequence, event: entry.type, data: entry }));
        return { events, ended: isFinished(status) };
      }),
  };
}

/** In the queue it ends at once; under way it is told to stop, and ends when its engine run has. */
export async function operationCancel(
  context: RequestContext,
  operationId: string,
  reason: string | undefined,
): Promise<Operation> {
  await authorize(context, "operationCancel");
  const operation = await changeAs(context, async (change) => {
    const before = await registry.operationGet(change.db, operationId);
    if (isFinished(before.status)) throw alreadyFinished(before);
    await requestCancel(change, before);
    await change.audit({
      action: "operation.cancel_requested",
      target: { type: "operation", id: operationId },
      tenantId: before.tenantId,
      reason: reason ?? null,
      details: { kind: before.kind, status: before.status },
    });
    return registry.operationGet(change.db, operationId);
  });
  context.cancelOperation(operationId);
  context.nudges.nudge(`operation:${operationId}`);
  context.nudges.nudge("operations");
  context.nudges.nudge("rollouts");
  return operation;
}

async function requestCancel(change: Change, operation: Operation): Promise<void> {
  const { operationId, status, kind, targetId } = operation;
  const state = await journalState(change.db, operationId);
  if (state?.cancelRequested === true) return;
  if (status !== "queued" || targetId === null) {
    await journalAppend(change, operationId, [{ type: "cancel_requested" }]);
    return;
  }
  await journalAppend(change, operationId, [{ type: "cancel_requested" }, { type: "cancelled" }]);
  const input = (await registry.operationInput(change.db, operationId)) as OperationInput;
  const target = await targetGet(change.db, targetId);
  const ended = { operation, input, target, results: {}, outcome: "cancelled", begun: false } as const;
  await sagas[kind].end(change, ended);
}

function alreadyFinished(operation: Operation): ProblemError {
  return new ProblemError("operation_finished", {
    detail: `Cannot cancel: the operation must be under way, and it has ${operation.status}.`,
    hint: "Ask for another operation to change what it has done.",
    errors: [{ path: "operation.status", message: "allows no cancelling", value: operation.status }],
  });
}
