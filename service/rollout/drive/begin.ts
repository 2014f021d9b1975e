import { ProblemError } from "../../../contract/errors.ts";
import type { Operation } from "../../../contract/operation.ts";
import type { Rollout, RolloutTarget } from "../../../contract/rollout.ts";
import { operationLiveOfTarget } from "../../../registry/operation.ts";
import type { Change } from "../../../registry/registry.ts";
import {
  rolloutOperationsQueued,
  rolloutTargetsBegin,
  rolloutTargetsOf,
  rolloutTargetsSet,
} from "../../../registry/rolloutTarget.ts";
import type { ServiceContext } from "../../app/context.ts";
import { requestRepair } from "../../app/driftRepair.ts";
import { requestOperations } from "../../app/requestOperations.ts";
import { breakerAdmit, openBreakers, rolloutHolder } from "../../breaker/breakers.ts";
import { limits } from "../../config/limits.ts";
import { recordRefused, refusedByPolicies, UNDECIDED } from "../policies.ts";
import { NO_SPEC } from "../preview/preview.ts";
import { type Resolved, resolveSome, wouldChange } from "../preview/specs.ts";
import { applyRecord, keepRelease } from "./before.ts";
import { type Bar, barsOf, saysItRests } from "./facts.ts";
import { passBy } from "./passBy.ts";
import { restoreRecord } from "./takeBack.ts";

/**
 * Begins targets of a rollout: the change of the tenant's record and the operation that brings it about come to be together, in
 * the caller's change, or neither. Everything that could keep a target from beginning is looked at again here, on what this change reads.
 * What needs no engine run (a flag, a field that is no part of the spec, a stack that is as it should be) gets no operation.
 *
 * Only a few operations of each plane wait in the queue at any time, whatever a wave's concurrency: what waits there would begin though the rollout has been
 * halted or paused since, its window has closed, or its plane has failed.
 */
export interface Begun {
  readonly operations: number;
  /** Moved on in any way: begun, ended, left out. What waits for another's operation has not. */
  readonly moved: number;
  /** Some were left because enough of their plane wait in the queue. */
  readonly full?: boolean;
}

/** What beginning needs of the service. */
export type Beginning = Pick<ServiceContext, "settings" | "policy" | "metrics">;

export async function beginTargets(
  change: Change,
  service: Beginning,
  rollout: Rollout,
  targetIds: readonly string[],
): Promise<Begun> {
  const { rolloutId } = rollout;
  const rows = await rolloutTargetsOf(change.db, rolloutId, targetIds);
  const pending = rows.filter(
    ({ status, rollbackRequestedAt }) => status === "pending" && !rollbackRequestedAt,
  );
  const breakers = await openBreakers(change.db);
  const bars = await barsOf(change.db, rollout.change, pending, breakers, change.now);
  let [operations, moved, full] = [0, 0, false];
  const queued = await rolloutOperationsQueued(change.db, rolloutId);
  for (const targetId of targetIds) {
    const row = pending.find((one) => one.targetId === targetId);
    const bar = bars.get(targetId);
    if (row === undefined || bar === undefined) continue;
    if ((queued.get(row.planeName) ?? 0) >= limits.rolloutQueuedAhead) {
      full = true;
      continue;
    }
    const mayNot = bar.skip ?? bar.held;
    if (mayNot !== undefined) {
      if (saysItRests(mayNot)) await passBy(change, rollout, [targetId]);
      else {
        const status = bar.skip === undefined ? "held" : "skipped";
        await rolloutTargetsSet(change, rolloutId, [targetId], { status, reason: mayNot });
      }
      moved += 1;
      continue;
    }
    const isClosed = bar.mayStartAt !== undefined;
    const { emergency } = rollout.rules;
    if (isClosed && emergency === undefined) continue;
    const outcome = await beginTarget(change, service, rollout, row, bar);
    if (isClosed && emergency !== undefined && outcome !== "waits" && outcome !== "refused") {
      await change.audit({
        action: "window.bypassed",
        target: { type: "target", id: targetId },
        tenantId: row.tenantId,
        reason: emergency.reason,
        details: { planeName: row.planeName, rolloutId, closedBecause: bar.whyClosed ?? null },
      });
    }
    if (outcome === "operation") {
      operations += 1;
      queued.set(row.planeName, (queued.get(row.planeName) ?? 0) + 1);
    }
    if (outcome !== "waits") moved += 1;
  }
  return { operations, moved, full };
}

async function beginTarget(
  change: Change,
  service: Beginning,
  rollout: Rollout,
  row: RolloutTarget,
  bar: Bar,
): Promise<"operation" | "ended" | "refused" | "waits"> {
  const { rolloutId, change: what } = rollout;
  const { settings } = service;
  const { targetId } = row;
  // Somebody's own operation runs there. The target waits; it keeps its place.
  if ((await operationLiveOfTarget(change.db, targetId)) !== undefined) return "waits";
  try {
    const [resolved] = await resolveSome(change.db, settings, what, [row]);
    if (resolved === undefined) return await end(change, rolloutId, targetId, "failed", "the target is gone");
    if (resolved.problem !== undefined)
      return await end(change, rolloutId, targetId, "failed", resolved.problem);
    const refused = wouldChange(what, resolved) && (await refuse(change, service, rollout, row, bar));
    if (refused) return refused;
    if (resolved.isApplied) {
      const { changed } = await applyRecord(change, rollout, row);
      return await endAtOnce(change, rolloutId, targetId, changed);
    }
    const holder = rolloutHolder(rolloutId, targetId);
    if (!(await breakerAdmit(change, settings, holder, bar.place))) return "waits";
    const operation = await requestWithRecord(change, rollout, row, resolved);
    await keepRelease(change, rollout, row, resolved.target);
    await rolloutTargetsBegin(change, rolloutId, "running", [
      { targetId, operationId: operation?.operationId ?? null },
    ]);
    return "operation";
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    if (thrown.code === "operation_in_progress" || thrown.code === "queue_full") return "waits";
    return await end(change, rolloutId, targetId, "failed", thrown.message);
  }
}

/**
 * Policies may have been written since it was previewed, and so may the tenant. While they cannot be evaluated nothing is begun, and it
 * says so: counted as failures, a broken policy would take back what has nothing to do with it.
 */
async function refuse(
  change: Change,
  service: Beginning,
  rollout: Rollout,
  row: RolloutTarget,
  { mayStartAt, whyClosed = "" }: Bar,
): Promise<"refused" | "waits" | undefined> {
  const window = { open: mayStartAt === undefined, why: whyClosed };
  const found = await refusedByPolicies(change.db, service, rollout, row, window);
  if (found === undefined) return undefined;
  const { isDenied, reason } = found;
  // Told once, not at every look.
  if (isDenied || row.reason?.startsWith(UNDECIDED) !== true) {
    await recordRefused(change, service, rollout, row, found);
    const ended = isDenied ? ({ status: "skipped", endedAt: change.now } as const) : {};
    await rolloutTargetsSet(change, rollout.rolloutId, [row.targetId], { reason, ...ended });
  }
  return isDenied ? "refused" : "waits";
}

/** Nothing to run. A record that was changed is watched like a deployment; nothing at all ends here. */
async function endAtOnce(
  change: Change,
  rolloutId: string,
  targetId: string,
  recordChanged: boolean,
): Promise<"ended"> {
  await rolloutTargetsBegin(change, rolloutId, "running", [{ targetId, operationId: null }]);
  const status = recordChanged ? "baking" : "unchanged";
  await rolloutTargetsSet(change, rolloutId, [targetId], { status, endedAt: change.now });
  return "ended";
}

async function end(
  change: Change,
  rolloutId: string,
  targetId: string,
  status: "failed",
  reason: string,
): Promise<"ended"> {
  await rolloutTargetsSet(change, rolloutId, [targetId], { status, reason, endedAt: change.now });
  return "ended";
}

/** Whatever refuses the operation leaves the record as it was: the target may be skipped before it is its turn again. */
async function requestWithRecord(
  change: Change,
  rollout: Rollout,
  row: RolloutTarget,
  resolved: Resolved,
): Promise<Operation | undefined> {
  const { changed, before } = await applyRecord(change, rollout, row);
  try {
    return await request(change, rollout, row, resolved);
  } catch (thrown) {
    if (changed) await restoreRecord(change, rollout, { ...row, before });
    throw thrown;
  }
}

async function request(
  change: Change,
  rollout: Rollout,
  row: RolloutTarget,
  { target, digest }: Resolved,
): Promise<Operation | undefined> {
  const { rolloutId, change: what, rules } = rollout;
  const reason = rollout.reason ?? reasonFor(rollout);
  if (what.kind === "drift_repair") {
    const binding = row.specDigest === null ? {} : { findings: { digest: row.specDigest } };
    const [repair] = await requestRepair(change, row.targetId, binding, reason, rolloutId);
    return repair;
  }
  const releaseNumber = row.toReleaseNumber ?? target.currentReleaseNumber;
  const { planDigest, specDigest } = row;
  const plan =
    planDigest === null || specDigest === null || specDigest === NO_SPEC || digest === undefined
      ? {}
      : { plan: { digest: planDigest, specDigest } };
  const [operation] = await requestOperations(change, [target], {
    ...{ kind: "tenant_deploy", state: "updating", rolloutId, onFailure: rules.onFailure, reason },
    input: { ...(releaseNumber !== null && { releaseNumber }), ...plan },
    patch: releaseNumber === null ? {} : { targetReleaseNumber: releaseNumber },
  });
  return operation;
}

function reasonFor({ change }: Rollout): string {
  switch (change.kind) {
    case "release":
      return `rollout of release ${change.releaseNumber}`;
    case "plan":
      return `rollout of plan ${change.plan}, version ${change.planVersion ?? 1}`;
    case "flag":
      return `rollout of flag ${change.flagKey}`;
    case "field":
      return `rollout of ${change.field}`;
    case "drift_repair":
      return "rollout of drift repairs";
  }
}
