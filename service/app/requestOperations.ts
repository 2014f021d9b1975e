import type { Operation } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import type { DeploymentState, OnFailure, OperationKind } from "../../contract/vocabulary.ts";
import { driftToMend } from "../../registry/driftMend.ts";
import { operationCreate } from "../../registry/operation.ts";
import type { Change } from "../../registry/registry.ts";
import { type TargetPatch, targetUpdate } from "../../registry/target.ts";
import type { TransitionAction } from "../../registry/tenantLifecycle.ts";
import { limits } from "../config/limits.ts";
import { placeOf } from "../operations/place.ts";
import type { OperationInput } from "../operations/saga.ts";
import { noteEnvironment } from "../tracing/scope.ts";

export interface OperationRequest {
  readonly kind: OperationKind;
  /** What the target shows while the operation is under way. */
  readonly state: DeploymentState;
  readonly input: Omit<OperationInput, "before" | "wanted">;
  readonly patch?: TargetPatch;
  readonly reason?: string | undefined;
  readonly rolloutId?: string;
  readonly onFailure?: OnFailure | undefined;
  /** Default: what `limits` has for the kind. */
  readonly deadlineMs?: number | undefined;
  /** Where the tenant as a whole is to go: asked for again when the operation is retried. */
  readonly transition?: TransitionAction | undefined;
  readonly retryOf?: string;
}

/** One operation a target, with what is wanted written on the target. The second on a target that has one is refused. */
export async function requestOperations(
  change: Change,
  targets: readonly Target[],
  request: OperationRequest,
): Promise<Operation[]> {
  const operations: Operation[] = [];
  for (const target of targets) operations.push(await requestOperation(change, target, request));
  return operations;
}

async function requestOperation(
  change: Change,
  target: Target,
  request: OperationRequest,
): Promise<Operation> {
  const { kind, state, patch = {}, transition, rolloutId = null, reason = null } = request;
  const { tenantId, targetId, planeName } = target;
  noteEnvironment(placeOf(planeName).environment);
  const { deploymentState, requestedState, suspensionMode, targetReleaseNumber, lastOperationStatus } =
    target;
  const states = { deploymentState, requestedState, suspensionMode, lastOperationStatus };
  // A run that could put nothing right is not asked for because of it.
  const toMend = (await driftToMend(change.db, [target])).has(targetId);
  const drift = target.drift === "drifted" && !toMend ? "clean" : target.drift;
  const before = { ...states, targetReleaseNumber, drift };
  const wanted = { state, patch, ...(transition && { transition }) };
  const input: OperationInput = { ...request.input, before, wanted };
  const { onFailure, deadlineMs = limits.operationDeadlineMs[kind], retryOf } = request;
  const facts = { kind, tenantId, targetId, planeName, rolloutId, reason, onFailure, deadlineMs };
  const operation = await operationCreate(change, {
    ...facts,
    ...(retryOf && { retryOf }),
    input: { ...input },
  });
  const shown = { ...patch, deploymentState: state, lastOperationStatus: "queued" as const };
  await targetUpdate(change, targetId, { ...shown, lastOperationId: operation.operationId }, { reason });
  return operation;
}
