import { LeaseLostError } from "../../registry/journal.ts";
import type { OperationErrorValue } from "../../registry/schema.ts";
import { append, type Execution, errorOf, undoStep } from "./execution.ts";
import type { Cause, PastRun } from "./pastRun.ts";
import { PLAN_CHANGED } from "./planCheck.ts";
import type { EndedRun, Saga, Step, StepResults } from "./saga.ts";
import { isHandedOver } from "./stop.ts";

export interface Compensation {
  readonly cause: Cause;
  readonly results: StepResults;
  /** Begun, in this or an earlier run. */
  readonly steps: ReadonlySet<string>;
  readonly past: PastRun;
}

export interface Compensated {
  readonly left: EndedRun["left"];
  /** The operation's error; it grows by why the undoing failed. */
  readonly error: OperationErrorValue | undefined;
}

/**
 * Undoes what was begun, last step first, and says what is left. The journal says that the operation has turned round before
 * the first step is undone; after a crash only those steps that were not undone yet are.
 */
export async function compensate(
  execution: Execution,
  saga: Saga,
  { cause, results, steps, past }: Compensation,
): Promise<Compensated> {
  const { error } = cause;
  const untouched = error?.code === PLAN_CHANGED ? error.step : undefined;
  const begun = saga.steps
    .filter(({ name, undo }) => steps.has(name) && name !== untouched && undo !== undefined)
    .reverse();
  if (begun.length === 0) return { left: "unchanged", error };
  const stays = execution.operation.onFailure === "keep" || begun.some(({ undo }) => undo === "impossible");
  if (stays) return { left: "between", error: notUndone(cause, begun) };
  if (past.cause === undefined) {
    const message = error?.message ?? "The operation was cancelled";
    const data = { outcome: cause.outcome, ...(error && { error }) };
    await append(execution, [{ type: "compensating", message, data }]);
  }
  for (const step of begun.filter(({ name }) => !past.undone.has(name))) {
    const cutOffRunId = leftOverOf(step, past);
    try {
      await undoStep(execution, step, results, cutOffRunId);
    } catch (thrown) {
      if (thrown instanceof LeaseLostError || isHandedOver(execution.stop.undoing.reason)) throw thrown;
      execution.service.log.error({ err: thrown, step: step.name }, "a step cannot be undone");
      return { left: "between", error: undoFailed(cause, step, thrown) };
    }
  }
  return { left: "old", error };
}

/** The engine run that was under way when the process ended was the step's own doing or its undoing. */
function leftOverOf(step: Step, { cutOff }: PastRun): string | undefined {
  return cutOff?.step === step.name ? cutOff.runId : undefined;
}

/** Nothing is undone, so the error must say what is there now and which way leads on; a cancellation has no other error. */
function notUndone(cause: Cause, latestFirst: readonly Step[]): OperationErrorValue {
  const names = latestFirst.map(({ name }) => name).reverse();
  const wall = latestFirst.findLast(({ undo }) => undo === "impossible");
  const why = wall === undefined ? "as was asked (onFailure keep)" : `as ${wall.name} cannot be undone`;
  const first = firstError(cause, names.at(-1));
  const words =
    `${first.message} Nothing was undone, ${why}: all or part of what ${names.join(", ")} did is there. ` +
    "Retry this operation to go forward from there.";
  return { ...first, message: words };
}

/** Of a cancelled operation that has left something between the old state and the new one. */
export const CANCELLED_MIDWAY = "cancelled_midway";

function firstError({ error, outcome }: Cause, step: string | undefined): OperationErrorValue {
  const message = `The operation was ${outcome}.`;
  return error ?? { code: CANCELLED_MIDWAY, message, retryable: false, ...(step && { step }) };
}

function undoFailed(cause: Cause, step: Step, thrown: unknown): OperationErrorValue {
  const { code, message } = errorOf(step.name, thrown);
  const first = firstError(cause, undefined);
  const words =
    `${first.message} Undoing step ${step.name} failed as well: ${message} What it made is partly there. Correct ` +
    "the cause, then retry this operation to go forward, or deploy again as it was to go back.";
  return { ...first, message: words, undo: { step: step.name, code, message } };
}
