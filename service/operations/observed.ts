import type { Target } from "../../contract/target.ts";
import { driftFindingsResolve } from "../../registry/driftFinding.ts";
import type { Change } from "../../registry/registry.ts";
import { rolloutsCaughtUp } from "../../registry/rolloutPassedBy.ts";
import {
  type TargetPatch,
  targetAppliedSpec,
  targetNextGeneration,
  targetObserve,
  targetsOfTenant,
  targetUpdate,
} from "../../registry/target.ts";
import { tenantGet, tenantWrite } from "../../registry/tenant.ts";
import { stackName } from "../../stacks/tenant/names.ts";
import { namesOf } from "./removal.ts";
import { type EndedRun, oldStateOf } from "./saga.ts";
import { resolvedOf } from "./steps.ts";

/** What operations write about their target when they end. */

/** The stack is as its spec says; `state` is what that means for the target. */
export async function recordDeployed(
  change: Change,
  run: EndedRun,
  state: "ready" | "suspended",
): Promise<void> {
  const { target, results, operation, input } = run;
  const { spec, digest, releaseNumber } = resolvedOf(results);
  const applied = results.deploy ?? results.repair ?? {};
  const outputs = (applied.outputs ?? {}) as Record<string, unknown>;
  const patch: TargetPatch = {
    deploymentState: state,
    currentReleaseNumber: releaseNumber,
    currentSpecDigest: digest,
    lastOperationStatus: "succeeded",
    ...(applied.unchanged === true ? {} : { appliedSpec: spec, ...placeOf(outputs) }),
    // A rollout waits for the end of the bake before it says so.
    ...(state === "ready" && operation.rolloutId === null && { verifiedReleaseNumber: releaseNumber }),
  };
  const details = { unchanged: applied.unchanged === true, resources: applied.resources ?? null };
  const { reason } = operation;
  await targetUpdate(change, target.targetId, patch, { action: "target.deployed", reason, details });
  if (input.caughtUpAt !== undefined) await rolloutsCaughtUp(change, target.targetId, input.caughtUpAt);
  if (state === "suspended" && target.suspensionMode !== "access") {
    await targetObserve(change, target.targetId, { health: "unknown", healthReason: "suspended" });
  } else if (results.wait_until_steady?.services !== undefined) {
    await targetObserve(change, target.targetId, { health: "healthy" });
  }
  if (applied.refreshed === true) {
    await driftFindingsResolve(change, target, operation.kind === "drift_repair" ? "repair" : "deploy");
  }
}

function placeOf(outputs: Record<string, unknown>): TargetPatch {
  const text = (name: string) => (typeof outputs[name] === "string" ? outputs[name] : null);
  return {
    clusterName: text("clusterName"),
    serviceNamespace: text("serviceNamespace"),
    routingTarget: text("routingTarget"),
    publicName: text("publicName"),
  };
}

/**
 * An operation that failed or was cancelled: the target is as it was before, or, when what was made is still there, failed,
 * and another operation goes on from it.
 */
export async function recordUnfinished(change: Change, run: EndedRun): Promise<void> {
  const { target, operation, input, outcome, begun, left } = run;
  const { reason } = operation;
  const options = { action: `target.${operation.kind}_${outcome}`, reason, details: { left } };
  const stood = left === "old" ? oldStateOf(input) : input.before;
  if (left === "between" || left === "new" || stood === undefined) {
    const patch = { deploymentState: "failed", lastOperationStatus: outcome } as const;
    const deletion = await namesOf(change, run);
    await targetUpdate(change, target.targetId, { ...patch, ...(deletion && { deletion }) }, options);
    return;
  }
  const { drift: _drift, ...before } = stood;
  const patch: TargetPatch = {
    ...before,
    ...(left === "old" && { deploymentState: await undoneState(change, run) }),
    ...(begun && { lastOperationStatus: outcome }),
  };
  await targetUpdate(change, target.targetId, patch, options);
  const wasRemoved = patch.deploymentState === "absent" || patch.deploymentState === "archived";
  if (left === "old" && wasRemoved) await nextGeneration(change, target);
  await withdrawRequest(change, target.tenantId);
}

/** What is left of a generation, such as a secret in its recovery window, must not be in the way of the next. */
export async function nextGeneration(change: Change, target: Target): Promise<void> {
  const generation = target.generation + 1;
  const next = { generation, stackName: stackName(target.planeName, generation) };
  await targetNextGeneration(change, target.targetId, next);
}

/** Undoing puts back the spec that was applied last, whatever an earlier failure had made of it since. */
async function undoneState(change: Change, { target, input }: EndedRun): Promise<Target["deploymentState"]> {
  const applied = await targetAppliedSpec(change.db, target.targetId);
  const goal = oldStateOf(input)?.requestedState;
  if (applied === null) return goal === "archived" ? "archived" : "absent";
  return applied.workload === "suspended" || goal === "suspended" ? "suspended" : "ready";
}

/** With nothing left that leads there, the tenant no longer goes where it was to go. */
async function withdrawRequest(change: Change, tenantId: string): Promise<void> {
  const tenant = await tenantGet(change.db, tenantId);
  if (tenant.status === tenant.requestedStatus || tenant.status === "decommissioning") return;
  const live = await targetsOfTenant(change.db, tenantId);
  const underWay = live.some(({ lastOperationStatus }) => lastOperationStatus === "queued");
  if (underWay) return;
  const withdrawn = { ...tenant, requestedStatus: tenant.status };
  await tenantWrite(change, tenant, withdrawn, "tenant.request_withdrawn");
}
