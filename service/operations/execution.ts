import type { Operation } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import { operationLock } from "../../registry/bookkeeping.ts";
import {
  type JournalAppend,
  type JournalHead,
  journalAppend,
  LeaseLostError,
} from "../../registry/journal.ts";
import { operationFence } from "../../registry/operationLease.ts";
import type { Change, ChangeScope } from "../../registry/registry.ts";
import type { OperationErrorValue } from "../../registry/schema.ts";
import { targetGet } from "../../registry/target.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import type { EngineEvent } from "../engine/engine.ts";
import { inSpan } from "../tracing/tracing.ts";
import { describeFailure } from "./failure.ts";
import { interruptedNotesOf } from "./interruptedNotes.ts";
import type { KeptLease } from "./lease.ts";
import { patiently } from "./patience.ts";
import { permitOf } from "./permit.ts";
import { leftUntouched } from "./planCheck.ts";
import { createProgress } from "./progress.ts";
import { backoffMs, pause, stepRetry } from "./retry.ts";
import type { OperationInput, Step, StepResults, StepRun } from "./saga.ts";
import { isHandedOver, type OperationStop } from "./stop.ts";

/** What all parts of one operation's run share, and how one step of it is done or undone. */
export interface Execution {
  readonly service: ServiceContext;
  readonly operation: Operation;
  readonly fencingToken: number;
  readonly input: OperationInput;
  readonly targetId: string;
  readonly stop: OperationStop;
  readonly lease: KeptLease;
  /** Steps that earlier runs began. */
  readonly begunBefore: ReadonlySet<string>;
  /** Goes with the next entry that must be written, so that a step does not wait for the disk three times. */
  readonly pending: JournalAppend[];
  /** Where the journal ended when this run last wrote to it. */
  head?: JournalHead;
  said: number;
}

export async function append(execution: Execution, entries: readonly JournalAppend[]): Promise<void> {
  const all = [...execution.pending.splice(0), ...entries];
  if (all.length === 0) return;
  await patiently(execution.stop, () => write(execution, all));
}

async function write(execution: Execution, entries: readonly JournalAppend[]): Promise<void> {
  const { service, operation, fencingToken } = execution;
  const { operationId } = operation;
  try {
    const head = await service.registry.record(
      (record) => journalAppend(record, operationId, entries, fencingToken, execution.head),
      operationLock(operationId),
    );
    // What a step says meanwhile may come in between.
    if (head.length > (execution.head?.length ?? 0)) execution.head = head;
  } finally {
    // Also when nobody can tell whether it was written: whoever follows the operation looks.
    service.nudges.nudge(`operation:${operationId}`);
  }
}

/** Progress is told, not promised: past its bound, or while the registry is away, it is dropped. */
export function say(
  execution: Execution,
  step: string,
  message: string,
  data: Record<string, unknown> = {},
): void {
  execution.said += 1;
  if (execution.said > limits.progressPerOperation) return;
  const isFirst = execution.pending.length === 0;
  execution.pending.push({ type: "progress", step, message, data });
  // Mostly the step's end takes it along before that.
  if (isFirst) setTimeout(() => void tell(execution), limits.progressWaitMs).unref();
}

/** What was said while a step goes on. */
async function tell(execution: Execution): Promise<void> {
  const { pending } = execution;
  if (pending.some(({ type }) => type !== "progress")) return;
  const said = pending.splice(0);
  if (said.length === 0) return;
  // Whether the lease still holds is found out by what must be written.
  await write(execution, said).catch(() => undefined);
}

/** Doing and undoing differ in the words of the journal, in what interrupts them, and in what they call. */
interface Direction {
  readonly name: "do" | "undo";
  readonly started: JournalAppend["type"];
  readonly succeeded: JournalAppend["type"];
  readonly failed: JournalAppend["type"];
  readonly signalOf: (stop: OperationStop) => AbortSignal;
  readonly call: (step: Step, run: StepRun) => Promise<Record<string, unknown>>;
}

const DO: Direction = {
  name: "do",
  started: "step_started",
  succeeded: "step_succeeded",
  failed: "step_failed",
  signalOf: (stop) => stop.doing,
  call: (step, run) => step.run(run),
};

const UNDO: Direction = {
  name: "undo",
  started: "undo_started",
  succeeded: "undo_succeeded",
  failed: "undo_failed",
  signalOf: (stop) => stop.undoing,
  call: async (step, run) => {
    if (typeof step.undo === "function") await step.undo(run);
    return {};
  },
};

export function doStep(
  execution: Execution,
  step: Step,
  results: StepResults,
  cutOffRunId: string | undefined,
): Promise<Record<string, unknown>> {
  return attempt(execution, step, results, cutOffRunId, DO);
}

export async function undoStep(
  execution: Execution,
  step: Step,
  results: StepResults,
  cutOffRunId: string | undefined,
): Promise<void> {
  await attempt(execution, step, results, cutOffRunId, UNDO);
}

/** Tries until it succeeds, fails in a way that trying again does not mend, or has failed too often. */
async function attempt(
  execution: Execution,
  step: Step,
  results: StepResults,
  cutOffRunId: string | undefined,
  direction: Direction,
): Promise<Record<string, unknown>> {
  const signal = direction.signalOf(execution.stop);
  let untouched = !execution.begunBefore.has(step.name);
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    let heardOfResources = false;
    const runId = runIdOf(execution, step, attempt, direction);
    const begin: JournalAppend = { type: direction.started, step: step.name, data: { runId, attempt } };
    // Side by side; both are over before anything fails, so that nothing is written after a lease was given back.
    const [begun, target] = await Promise.allSettled([append(execution, [begin]), targetOf(execution)]);
    if (begun.status === "rejected") throw begun.reason;
    const progress = createProgress(async (entry) => say(execution, step.name, entry.message, entry.data));
    try {
      if (target.status === "rejected") throw target.reason;
      const onEvent = (event: EngineEvent) => {
        heardOfResources ||= event.type === "resource";
        progress.onEvent(event);
      };
      const notes = interruptedNotesOf(execution);
      const hooks = { runId, signal, onEvent, lease: execution.lease, notes };
      const past = {
        cutOffRunId: attempt === 1 ? cutOffRunId : undefined,
        begunBefore: attempt > 1 || execution.begunBefore.has(step.name),
        untouched,
      };
      const run = stepRun(execution, step, target.value, results, hooks, past);
      const attributes = { "tenantry.step": step.name, "tenantry.attempt": attempt };
      const name = direction.name === "do" ? `step ${step.name}` : `undo ${step.name}`;
      const result = await inSpan(
        execution.service.tracing,
        name,
        { attributes, facts: { step: step.name } },
        () => direction.call(step, run),
      );
      await progress.flush();
      // Nothing comes between this and what is appended next; lost with the process, the step is repeated.
      execution.pending.push({ type: direction.succeeded, step: step.name, data: keptOf(step, result) });
      return result;
    } catch (thrown) {
      await progress.flush();
      await fail(execution, step, attempt, thrown, direction);
      untouched &&= leftUntouched(heardOfResources, describeFailure(thrown).code);
    }
  }
}

function targetOf({ service, stop, targetId }: Execution): Promise<Target> {
  return patiently(stop, () => service.registry.read((db) => targetGet(db, targetId)));
}

function stepRun(
  execution: Execution,
  step: Step,
  target: Target,
  results: StepResults,
  hooks: StepRun["hooks"],
  past: Pick<StepRun, "cutOffRunId" | "begunBefore" | "untouched">,
): StepRun {
  const { service, operation, input } = execution;
  const causeId = input.causeId ?? operation.operationId;
  return {
    ...{ service, operation, causeId, input, target, results, hooks, ...past },
    permit: permitOf(execution.stop, hooks.signal, execution.lease),
    change: (work, scope) => changeAsOwner(execution, work, scope),
    say: async (message, data) => say(execution, step.name, message, data),
  };
}

function changeAsOwner<T>(
  { service, operation, fencingToken }: Execution,
  work: (change: Change) => Promise<T>,
  scope: ChangeScope | undefined,
): Promise<T> {
  const fenced = async (change: Change) => {
    await operationFence(change, operation.operationId, fencingToken);
    return work(change);
  };
  return service.registry.change(controllerFor(operation), fenced, scope);
}

/** What the journal keeps of a step's result. */
export function keptOf(step: Step, result: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(result).filter(([name]) => step.inMemory?.includes(name) !== true),
  );
}

/** Notes the failure; returns when the step may be tried again, after waiting, and else throws it on. */
async function fail(
  execution: Execution,
  step: Step,
  attempt: number,
  thrown: unknown,
  direction: Direction,
): Promise<void> {
  const { service, stop } = execution;
  const signal = direction.signalOf(stop);
  if (thrown instanceof LeaseLostError || isHandedOver(signal.reason) || isHandedOver(stop.undoing.reason)) {
    throw thrown;
  }
  const { code, message, retryable } = describeFailure(thrown);
  const again = retryable && attempt < stepRetry.attempts && !signal.aborted;
  const data = { code, retryable, again };
  await append(execution, [{ type: direction.failed, step: step.name, message, data }]);
  if (!again) throw thrown;
  service.metrics.stepRetries.inc({ step: step.name });
  const waitMs = backoffMs(stepRetry, attempt);
  const words = `Trying again in ${waitMs} ms (attempt ${attempt + 1} of ${stepRetry.attempts})`;
  say(execution, step.name, words);
  await pause(waitMs, signal);
}

/** The failure of a step as the operation's error. */
export function errorOf(step: string | undefined, thrown: unknown): OperationErrorValue {
  return { ...describeFailure(thrown), ...(step === undefined ? {} : { step }) };
}

function runIdOf(execution: Execution, step: Step, attempt: number, { name }: Direction): string {
  const { operation, fencingToken } = execution;
  const what = name === "do" ? step.name : `undo-${step.name}`;
  return `${operation.operationId}-${fencingToken}-${what}-${attempt}`;
}
