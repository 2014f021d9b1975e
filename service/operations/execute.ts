import type { Operation } from "../../contract/operation.ts";
import { type JournalAppend, journalAppend, LeaseLostError } from "../../registry/journal.ts";
import { operationInput } from "../../registry/operation.ts";
import { IllegalJournalEntry } from "../../registry/operationFold.ts";
import { type ClaimedOperation, operationRelease, operationRenew } from "../../registry/operationLease.ts";
import type { OperationErrorValue } from "../../registry/schema.ts";
import { targetGet } from "../../registry/target.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config.ts";
import { describeFailure } from "./failure.ts";
import { type PastRun, pastRunOf } from "./pastRun.ts";
import { createProgress } from "./progress.ts";
import { backoffMs, pause, stepRetry } from "./retry.ts";
import type { EndedRun, OperationInput, Saga, Step, StepResults, StepRun } from "./saga.ts";
import { sagas } from "./sagas.ts";

/** One claimed operation from its first step to its end, or to the point where the process stops. */
interface Execution {
  readonly service: ServiceContext;
  readonly operation: Operation;
  readonly fencingToken: number;
  readonly input: OperationInput;
  readonly targetId: string;
  readonly signal: AbortSignal;
  said: number;
}

export async function executeOperation(
  service: ServiceContext,
  { operation, fencingToken }: ClaimedOperation,
  stop: AbortController,
): Promise<void> {
  const { operationId, targetId } = operation;
  if (targetId === null) throw new Error(`Cannot run operation ${operationId}: it must name a target`);
  const input = await service.registry.read((db) => operationInput(db, operationId));
  const past = await service.registry.read((db) => pastRunOf(db, operationId));
  const base = { service, operation, fencingToken, targetId, signal: stop.signal, said: 0 };
  const execution: Execution = { ...base, input: input as OperationInput };
  const keepLease = renewLease(execution, stop);
  const startedAt = Date.now();
  try {
    if (!(await begin(execution, past.begun))) return;
    if (past.cancelRequested) stop.abort("cancel");
    const outcome = await runSteps(execution, sagas[operation.kind], past);
    if (outcome === undefined) return;
    service.metrics.operationSeconds.observe(
      { kind: operation.kind, status: outcome },
      (Date.now() - startedAt) / 1000,
    );
  } finally {
    clearInterval(keepLease);
  }
}

/** False when somebody cancelled it between the claim and its beginning. */
async function begin(execution: Execution, again: boolean): Promise<boolean> {
  try {
    await append(execution, [{ type: again ? "resumed" : "started" }]);
    return true;
  } catch (thrown) {
    if (thrown instanceof IllegalJournalEntry) return false;
    throw thrown;
  }
}

/** Undefined when the process stops or the lease is lost: then nothing more may be written but the release. */
async function runSteps(
  execution: Execution,
  saga: Saga,
  past: PastRun,
): Promise<EndedRun["outcome"] | undefined> {
  const results: Record<string, Readonly<Record<string, unknown>>> = { ...past.results };
  let outcome: EndedRun["outcome"] = "succeeded";
  let error: OperationErrorValue | undefined;
  try {
    for (const step of saga.steps) {
      if (results[step.name] !== undefined && step.inMemory === undefined) continue;
      execution.signal.throwIfAborted();
      const cutOffRunId = past.cutOff?.step === step.name ? past.cutOff.runId : undefined;
      results[step.name] = await runStep(execution, step, results, cutOffRunId);
    }
  } catch (thrown) {
    const { reason } = execution.signal;
    if (thrown instanceof LeaseLostError || reason === "lease_lost") return undefined;
    if (reason === "shutdown") return void (await giveBack(execution));
    outcome = reason === "cancel" ? "cancelled" : "failed";
    error = outcome === "failed" ? describeFailure(thrown) : undefined;
    if (error?.code === "internal") logUnforeseen(execution, thrown);
  }
  await end(execution, saga, { results, outcome, begun: true }, error);
  return outcome;
}

async function runStep(
  execution: Execution,
  step: Step,
  results: StepResults,
  cutOffRunId: string | undefined,
): Promise<Record<string, unknown>> {
  const { service, operation, signal } = execution;
  for (let attempt = 1; ; attempt += 1) {
    const runId = `${operation.operationId}-${execution.fencingToken}-${step.name}-${attempt}`;
    await append(execution, [{ type: "step_started", step: step.name, data: { runId, attempt } }]);
    const progress = createProgress((entry) => say(execution, step.name, entry.message, entry.data));
    try {
      const target = await service.registry.read((db) => targetGet(db, execution.targetId));
      const hooks = { runId, signal, onEvent: progress.onEvent };
      const run: StepRun = {
        ...{ service, operation, input: execution.input, target, results, hooks },
        cutOffRunId: attempt === 1 ? cutOffRunId : undefined,
        say: (message, data) => say(execution, step.name, message, data),
      };
      const result = await step.run(run);
      await progress.flush();
      const kept = Object.entries(result).filter(([name]) => step.inMemory?.includes(name) !== true);
      const data = Object.fromEntries(kept);
      await append(execution, [{ type: "step_succeeded", step: step.name, data }]);
      return result;
    } catch (thrown) {
      await progress.flush();
      await failStep(execution, step, attempt, thrown);
    }
  }
}

/** Notes the failure; returns when the step may be tried again, after waiting, and else throws it on. */
async function failStep(execution: Execution, step: Step, attempt: number, thrown: unknown): Promise<void> {
  const { signal, service } = execution;
  if (thrown instanceof LeaseLostError || signal.reason === "lease_lost") throw thrown;
  const { code, message, retryable } = describeFailure(thrown);
  const again = retryable && attempt < stepRetry.attempts && !signal.aborted;
  await append(execution, [
    { type: "step_failed", step: step.name, message, data: { code, retryable, again } },
  ]);
  if (!again) throw thrown;
  service.metrics.stepRetries.inc({ step: step.name });
  const waitMs = backoffMs(stepRetry, attempt);
  await say(
    execution,
    step.name,
    `Trying again in ${waitMs} ms (attempt ${attempt + 1} of ${stepRetry.attempts})`,
  );
  await pause(waitMs, signal);
  signal.throwIfAborted();
}

/** Progress is told, not promised: past its bound it is dropped. */
async function say(
  execution: Execution,
  step: string,
  message: string,
  data: Record<string, unknown> = {},
): Promise<void> {
  execution.said += 1;
  if (execution.said > limits.progressPerOperation) return;
  await append(execution, [{ type: "progress", step, message, data }]);
}

async function append(execution: Execution, entries: readonly JournalAppend[]): Promise<void> {
  const { service, operation, fencingToken } = execution;
  const { operationId } = operation;
  await service.registry.record((record) => journalAppend(record, operationId, entries, fencingToken));
  service.nudges.nudge(`operation:${operationId}`);
}

/** The terminal journal entry, the observed state and the audit event: one transaction. */
async function end(
  execution: Execution,
  saga: Saga,
  ended: Pick<EndedRun, "results" | "outcome" | "begun">,
  error: OperationErrorValue | undefined,
): Promise<void> {
  const { service, operation, input, fencingToken, targetId } = execution;
  const { operationId, tenantId, kind, reason } = operation;
  const { outcome } = ended;
  await service.registry.change(controllerFor(operation), async (change) => {
    const entry = { type: outcome, message: error?.message ?? null, ...(error && { error }) };
    await journalAppend(change, operationId, [entry], fencingToken);
    const target = await targetGet(change.db, targetId);
    await saga.end(change, { operation, input, target, ...ended });
    await change.audit({
      action: `operation.${outcome}`,
      target: { type: "operation", id: operationId },
      tenantId,
      reason,
      outcome: outcome === "succeeded" ? "succeeded" : "failed",
      details: { kind, targetId, ...(error && { code: error.code, message: error.message }) },
    });
    await change.outbox({ type: `operation.${outcome}`, tenantId, payload: { operationId, kind, targetId } });
  });
  service.nudges.nudge(`operation:${operationId}`);
  service.nudges.nudge("rollouts");
}

async function giveBack({ service, operation, fencingToken }: Execution): Promise<void> {
  await service.registry.record((record) => operationRelease(record, operation.operationId, fencingToken));
}

/** A lease that cannot be renewed stops the run: somebody else may work on the stack by now. */
function renewLease({ service, operation, fencingToken }: Execution, stop: AbortController): NodeJS.Timeout {
  const { operationId } = operation;
  return setInterval(() => {
    service.registry
      .record((record) => operationRenew(record, operationId, fencingToken, limits.operationLeaseMs))
      .catch((thrown: unknown) => {
        service.log.error({ err: thrown, operationId }, "cannot renew the lease");
        if (thrown instanceof LeaseLostError) stop.abort("lease_lost");
      });
  }, limits.operationLeaseMs / 3);
}

function logUnforeseen({ service, operation }: Execution, thrown: unknown): void {
  const { operationId, kind, requestId, correlationId } = operation;
  service.log.error({ err: thrown, operationId, kind, requestId, correlationId }, "a step failed unforeseen");
}
