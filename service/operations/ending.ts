import { type JournalAppend, journalAppend } from "../../registry/journal.ts";
import type { Change } from "../../registry/registry.ts";
import type { OperationErrorValue } from "../../registry/schema.ts";
import { targetGet } from "../../registry/target.ts";
import { controllerFor } from "../app/context.ts";
import { breakersCount, endedOperation } from "../breaker/breakers.ts";
import { limits } from "../config/limits.ts";
import { append, type Execution } from "./execution.ts";
import { recordUnfinished } from "./observed.ts";
import type { PastRun } from "./pastRun.ts";
import { patiently } from "./patience.ts";
import type { EndedRun, Saga } from "./saga.ts";

/** The terminal journal entry, the observed state and the audit event: one transaction. */
export async function endOperation(
  execution: Execution,
  observe: Saga["end"],
  ended: Pick<EndedRun, "results" | "outcome" | "begun" | "left">,
  error: OperationErrorValue | undefined,
): Promise<void> {
  const { service, operation, input, fencingToken, targetId } = execution;
  const { operationId, tenantId, kind, reason } = operation;
  const { outcome, left } = ended;
  const before = execution.pending.splice(0);
  const ending = async (change: Change) => {
    const entry: JournalAppend = {
      type: outcome,
      message: error?.message ?? null,
      data: { left },
      ...(error && { error }),
    };
    await journalAppend(change, operationId, [...before, entry], fencingToken, execution.head);
    const target = await targetGet(change.db, targetId);
    await observe(change, { service, operation, input, target, ...ended });
    await change.audit({
      action: `operation.${outcome}`,
      target: { type: "operation", id: operationId },
      tenantId,
      reason,
      outcome: outcome === "succeeded" ? "succeeded" : "failed",
      details: { kind, targetId, left, ...(error && { code: error.code, message: error.message }) },
    });
    await change.outbox({ type: `operation.${outcome}`, tenantId, payload: { operationId, kind, targetId } });
    const unchanged = ended.results.deploy?.unchanged === true;
    await breakersCount(change, service, endedOperation(operation, target, outcome, error, unchanged));
  };
  const scope = tenantId === null ? undefined : { tenantId };
  await patiently(execution.stop, () =>
    service.registry.change(controllerFor(operation), ending, scope),
  ).finally(() => service.nudges.nudge(`operation:${operationId}`));
  service.nudges.nudge("rollouts");
  // What it repaired or took away may have been the last finding of a cause.
  if (kind === "drift_repair" || kind === "tenant_decommission") service.nudges.nudge("drift");
}

/** Whether the process has ended so often without the operation getting on that the operation may be why. */
export function isHopeless({ stalls }: PastRun): boolean {
  return stalls >= limits.takeUpsWithoutProgress;
}

/**
 * Ends an operation that ends its processes, or whose end cannot be written, and says so: else it would be taken up for ever, and
 * whatever runs beside it would be interrupted each time. Nothing is undone, as it may be the undoing that does it.
 */
export async function giveUp(execution: Execution, past: PastRun): Promise<void> {
  const step = past.cutOff?.step;
  const where = step === undefined ? "" : ` at step ${step}`;
  const first = past.cause?.error === undefined ? "" : `${past.cause.error.message} `;
  const message =
    `${first}Cannot finish: the operation must get on when it is taken up, and ${past.stalls} times in a row it was interrupted${where} ` +
    "instead. What it made is partly there. Look in the service's log for how the process ended, correct the cause, then " +
    "retry this operation to go on from there.";
  const error = { code: "interrupted_too_often", message, retryable: false, ...(step && { step }) };
  const name = step ?? "resume";
  // An operation that was turned round counts as undone unless its last step says otherwise.
  if (past.cause !== undefined) {
    await append(execution, [
      { type: "resumed" },
      { type: "undo_started", step: name },
      { type: "undo_failed", step: name, message },
    ]);
  }
  const { results } = past;
  const left = { results, outcome: "failed", left: "between", begun: true } as const;
  await endOperation(execution, recordUnfinished, left, error);
}
