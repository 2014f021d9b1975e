import { LeaseLostError } from "../../registry/journal.ts";
import { operationTraceparent } from "../../registry/operation.ts";
import { IllegalJournalEntry } from "../../registry/operationFold.ts";
import { type ClaimedOperation, operationRelease, operationRenew } from "../../registry/operationLease.ts";
import type { OperationErrorValue } from "../../registry/schema.ts";
import { targetGet } from "../../registry/target.ts";
import type { ServiceContext } from "../app/context.ts";
import { inSpan, noTracing } from "../tracing/tracing.ts";
import { compensate } from "./compensate.ts";
import { endOperation, giveUp, isHopeless } from "./ending.ts";
import { recoveryOf } from "./engineRun.ts";
import { append, doStep, type Execution, errorOf, keptOf } from "./execution.ts";
import { interruptedNotesOf } from "./interruptedNotes.ts";
import { type KeptLease, keepLease } from "./lease.ts";
import { type Cause, type PastRun, wholePastRunOf } from "./pastRun.ts";
import { placeOf } from "./place.ts";
import type { EndedRun, OperationInput, Saga } from "./saga.ts";
import { sagas } from "./sagas.ts";
import { isHandedOver, type OperationStop } from "./stop.ts";

/** Claimed, and since when its lease counts at the earliest, by the monotonic clock. */
export interface HeldOperation extends ClaimedOperation {
  readonly sinceMs: number;
}

/**
 * One claimed operation from its first step to its end, or to the point where the process stops.
 *
 * It goes forward through the saga's steps; a failure for good, a cancellation or the deadline turn it round, and then it is
 * undone (compensate.ts) unless it was asked to keep what it made. Everything is in the journal before it happens, so
 * whoever takes the operation up after a crash goes on in the same direction from the same step. Nothing is written
 * without the fencing token of the claim.
 */
export async function executeOperation(
  service: ServiceContext,
  claimed: HeldOperation,
  stop: OperationStop,
): Promise<void> {
  const { operation, fencingToken } = claimed;
  const { operationId, targetId } = operation;
  if (targetId === null) throw new Error(`Cannot run operation ${operationId}: it must name a target`);
  const lease = await leaseOf(service, claimed, stop);
  const startedAt = Date.now();
  try {
    const input = claimed.input as OperationInput;
    const past = await service.registry.read((db) => wholePastRunOf(db, operationId, input));
    const claim = { service, operation, fencingToken, targetId, stop, lease };
    const execution = { ...claim, input, begunBefore: past.steps, pending: [], said: 0 };
    await settleCutOff(execution, past);
    if (isHopeless(past)) return await giveUp(execution, past);
    if (!(await begin(execution, past.begun))) return;
    if (!past.begun) {
      const waited = (startedAt - Date.parse(operation.createdAt)) / 1000;
      service.metrics.operationWaitSeconds.observe(placeOf(operation.planeName), Math.max(0, waited));
    }
    const disarm = await armDeadline(execution, claimed.deadlineMs);
    const outcome = await traced(execution, () => run(execution, sagas[operation.kind], past)).finally(
      disarm,
    );
    if (outcome === undefined) return;
    const seconds = (Date.now() - startedAt) / 1000;
    const { kind, planeName, tenantId } = operation;
    const place = placeOf(planeName);
    service.metrics.operationSeconds.observe({ kind, status: outcome, ...place }, seconds);
    if (tenantId !== null) {
      service.metrics.tenants.operation({ tenantId, kind, status: outcome, ...place, seconds });
    }
  } finally {
    lease.stop();
  }
}

/** Part of the trace of the request that asked for it, also when another process takes it up. */
async function traced(
  { service, operation, fencingToken }: Execution,
  work: () => Promise<EndedRun["outcome"] | undefined>,
): Promise<EndedRun["outcome"] | undefined> {
  const { tracing, registry } = service;
  if (tracing === noTracing) return await work();
  const { operationId, kind, tenantId, planeName } = operation;
  const parent = await registry.read((db) => operationTraceparent(db, operationId));
  const { environment, region } = placeOf(planeName);
  const attributes = {
    ...{ "tenantry.operation_id": operationId, "tenantry.operation_kind": kind },
    ...{ "tenantry.tenant_id": tenantId ?? undefined, "tenantry.plane": planeName ?? undefined },
    ...{ "tenantry.environment": environment, "tenantry.region": region },
    "tenantry.claim": fencingToken,
  };
  return await inSpan(
    tracing,
    `operation ${kind}`,
    { kind: "consumer", parent, attributes },
    async (span) => {
      const outcome = await work();
      span.set({ "tenantry.outcome": outcome ?? "handed over" });
      if (outcome === "failed" || outcome === "cancelled") span.end({ code: outcome });
      return outcome;
    },
  );
}

/**
 * Whatever becomes of the operation, the engine run that a dead service left in the middle must be over before its stack is
 * touched again, or given free: runs that only look take no lock that would keep others away. What cannot be settled
 * here is met again, as the step's failure, by whoever needs the stack.
 */
async function settleCutOff(execution: Execution, past: PastRun): Promise<void> {
  if (past.cutOff === undefined) return;
  const { service, targetId } = execution;
  const { runId } = past.cutOff;
  try {
    const { projectName, stackName } = await service.registry.read((db) => targetGet(db, targetId));
    const notes = interruptedNotesOf(execution);
    await service.engine.settle({ projectName, stackName }, runId, notes);
    await service.engine.settle({ projectName, stackName }, recoveryOf(runId), notes);
  } catch (thrown) {
    service.log.warn({ err: thrown, runId }, "an earlier engine run cannot be settled yet");
  }
}

/** False when somebody cancelled it between the claim and its beginning. */
async function begin(execution: Execution, again: boolean): Promise<boolean> {
  try {
    await append(execution, [{ type: again ? "resumed" : "started" }]);
    // It asks for the next when one has left the queue.
    if (!again && execution.operation.rolloutId !== null) execution.service.nudges.nudge("rollouts");
    return true;
  } catch (thrown) {
    if (thrown instanceof IllegalJournalEntry) return false;
    throw thrown;
  }
}

/** Undefined when somebody else goes on: then nothing more may be written but the release. */
async function run(
  execution: Execution,
  saga: Saga,
  past: PastRun,
): Promise<EndedRun["outcome"] | undefined> {
  const results: MutableResults = { ...past.results };
  const steps = new Set(past.steps);
  try {
    if (past.cancelRequested) execution.stop.abort("cancel");
    const cause = past.cause ?? (await goForward(execution, saga, past, results, steps));
    if (cause === undefined) {
      await endOperation(
        execution,
        saga.end,
        { results, outcome: "succeeded", left: "new", begun: true },
        undefined,
      );
      return "succeeded";
    }
    const { left, error } = await compensate(execution, saga, { cause, results, steps, past });
    await endOperation(execution, saga.end, { results, outcome: cause.outcome, left, begun: true }, error);
    return cause.outcome;
  } catch (thrown) {
    // A write may find it out before the lease's own timer does.
    if (thrown instanceof LeaseLostError) execution.stop.abort("lease_lost");
    const { reason } = execution.stop.undoing;
    if (reason === "lease_lost") return undefined;
    if (reason === "shutdown") return void (await giveBack(execution));
    throw thrown;
  }
}

type MutableResults = Record<string, Readonly<Record<string, unknown>>>;

/** Undefined when every step has succeeded, else why not. Throws when somebody else is to go on. */
async function goForward(
  execution: Execution,
  saga: Saga,
  past: PastRun,
  results: MutableResults,
  steps: Set<string>,
): Promise<Cause | undefined> {
  const { stop } = execution;
  let current: string | undefined;
  try {
    for (const [place, step] of saga.steps.entries()) {
      const before = results[step.name];
      if (before !== undefined && step.inMemory === undefined) continue;
      stop.doing.throwIfAborted();
      current = step.name;
      steps.add(step.name);
      const cutOffRunId = past.cutOff?.step === step.name ? past.cutOff.runId : undefined;
      const result = await doStep(execution, step, results, cutOffRunId);
      results[step.name] = result;
      if (before === undefined || isSame(keptOf(step, before), keptOf(step, result))) continue;
      // It has another result than before the interruption, so what came of the earlier one is done again.
      for (const later of saga.steps.slice(place + 1)) delete results[later.name];
    }
    return undefined;
  } catch (thrown) {
    const { reason } = stop.doing;
    if (thrown instanceof LeaseLostError || isHandedOver(reason) || isHandedOver(stop.undoing.reason))
      throw thrown;
    if (reason === "cancel") return { outcome: "cancelled", error: undefined };
    if (reason === "deadline") return { outcome: "cancelled", error: tooLate(current) };
    const error = errorOf(current, thrown);
    if (error.code === "internal") logUnforeseen(execution, current, thrown);
    return { outcome: "failed", error };
  }
}

function isSame(one: Record<string, unknown>, other: Record<string, unknown>): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function tooLate(step: string | undefined): OperationErrorValue {
  const where = step === undefined ? "" : ` at step ${step}`;
  const message =
    `Cannot finish: the operation must end within its deadline, and was${where} when it passed. ` +
    "Find out what takes so long, or ask again with a longer deadlineMs.";
  return { code: "deadline_exceeded", message, retryable: false, ...(step && { step }) };
}

/** Counted from the operation's beginning by the registry's clock, which wrote it down; a restart does not prolong it. */
async function armDeadline({ service, operation, stop }: Execution, deadlineMs: number): Promise<() => void> {
  // As it was claimed: one that had no deadline yet has just begun.
  const { deadlineAt } = operation;
  const nowMs = () => service.registry.record(async (record) => Date.parse(record.now));
  const leftMs = deadlineAt === null ? deadlineMs : Date.parse(deadlineAt) - (await nowMs());
  const timer = setTimeout(() => stop.abort("deadline"), Math.max(0, leftMs));
  return () => clearTimeout(timer);
}

async function giveBack(execution: Execution): Promise<void> {
  const { service, operation, fencingToken } = execution;
  // What cannot be written is done again.
  await append(execution, []).catch(() => undefined);
  await service.registry.record((record) => operationRelease(record, operation.operationId, fencingToken));
}

/** A lease that cannot be renewed stops the run: somebody else may work on the stack by now. */
function leaseOf(service: ServiceContext, claimed: HeldOperation, stop: OperationStop): Promise<KeptLease> {
  const { operation, fencingToken } = claimed;
  const { operationId } = operation;
  const { leaseMs, killTimeMs } = service.settings;
  return keepLease({
    ...{ leaseMs, killTimeMs, heldSinceMs: claimed.sinceMs },
    renew: () =>
      service.registry.record((record) => operationRenew(record, operationId, fencingToken, leaseMs)),
    isLost: (thrown) => thrown instanceof LeaseLostError,
    onLost: () => stop.abort("lease_lost"),
    onError: (thrown) => service.log.error({ err: thrown }, "cannot renew the lease"),
  });
}

function logUnforeseen({ service }: Execution, step: string | undefined, thrown: unknown): void {
  service.log.error({ err: thrown, step }, "a step failed unforeseen");
}
