import { ProblemError } from "../../../contract/errors.ts";
import type { Rollout, RolloutTarget } from "../../../contract/rollout.ts";
import type { Target } from "../../../contract/target.ts";
import { canonicalJson } from "../../../registry/canonicalJson.ts";
import { flagOverrideFind, flagOverrideRemove, flagOverrideSet } from "../../../registry/flagOverride.ts";
import { operationLiveOfTarget } from "../../../registry/operation.ts";
import type { Change, Reader } from "../../../registry/registry.ts";
import { rolloutTargetsBegin, rolloutTargetsOf, rolloutTargetsSet } from "../../../registry/rolloutTarget.ts";
import { targetFind, targetUpdate } from "../../../registry/target.ts";
import { tenantFind, tenantWrite } from "../../../registry/tenant.ts";
import type { ServiceContext } from "../../app/context.ts";
import { requestOperations } from "../../app/requestOperations.ts";
import { incompatibleReleases } from "../choose/incompatible.ts";
import { resolveSome } from "../preview/specs.ts";
import type { Begun } from "./begin.ts";
import { isResting, whySkipped } from "./facts.ts";
import { changedRecord, restoredRecord } from "./record.ts";

/**
 * Takes targets of a rollout back to what each had before: the record, in the same change as the operation, and the release. Neither
 * windows nor circuit breakers keep it: they gate what is new. Where nothing has to be run it is done at once. A release that cannot
 * run with the schema that has come since is not brought back: the target is held where it is.
 */
export async function takeBackTargets(
  change: Change,
  service: Pick<ServiceContext, "settings">,
  rollout: Rollout,
  targetIds: readonly string[],
): Promise<Begun> {
  const rows = await rolloutTargetsOf(change.db, rollout.rolloutId, targetIds);
  let [operations, moved] = [0, 0];
  for (const row of rows) {
    if (row.rollbackRequestedAt === null || row.status === "rolling_back") continue;
    const outcome = await takeBackTarget(change, service, rollout, row);
    if (outcome === "operation") operations += 1;
    if (outcome !== "waits") moved += 1;
  }
  return { operations, moved };
}

async function takeBackTarget(
  change: Change,
  { settings }: Pick<ServiceContext, "settings">,
  rollout: Rollout,
  row: RolloutTarget,
): Promise<"operation" | "ended" | "waits"> {
  const { rolloutId, change: what } = rollout;
  const { targetId, before } = row;
  if ((await operationLiveOfTarget(change.db, targetId)) !== undefined) return "waits";
  const target = await targetFind(change.db, targetId);
  const gone = target === undefined ? "the target is gone" : whySkipped(target, what);
  if (target !== undefined && isResting(target)) return takeBackResting(change, rollout, row, target);
  if (target === undefined || gone !== undefined)
    return end(change, rolloutId, targetId, "failed", `it cannot be rolled back: ${gone ?? ""}`);
  if (what.kind === "release" && before.releaseNumber === null) {
    return end(
      change,
      rolloutId,
      targetId,
      "failed",
      "it cannot be rolled back: nothing was deployed before",
    );
  }
  const releaseNumber = what.kind === "release" ? before.releaseNumber : target.currentReleaseNumber;
  const unable = await whyIncompatible(change.db, target, releaseNumber);
  if (unable !== undefined) {
    return end(change, rolloutId, targetId, "held", `it cannot be rolled back and stays as it is: ${unable}`);
  }
  try {
    await restoreRecord(change, rollout, row);
    const asRelease = { kind: "release", releaseNumber: releaseNumber ?? 0 } as const;
    const question = { targetId, toReleaseNumber: releaseNumber };
    const [resolved] =
      releaseNumber === null ? [] : await resolveSome(change.db, settings, asRelease, [question]);
    const isThere = resolved?.digest !== undefined && resolved.isApplied;
    if (what.kind === "flag" || what.kind === "drift_repair" || isThere) {
      return end(change, rolloutId, targetId, "rolled_back", row.reason ?? rollout.statusReason);
    }
    const [operation] = await requestOperations(change, [target], {
      ...{ kind: "tenant_deploy", state: "updating", rolloutId, reason: `rollback of rollout ${rolloutId}` },
      input: releaseNumber === null ? {} : { releaseNumber },
      patch: releaseNumber === null ? {} : { targetReleaseNumber: releaseNumber },
    });
    const operationId = operation?.operationId ?? null;
    await rolloutTargetsBegin(change, rolloutId, "rolling_back", [{ targetId, operationId }]);
    return "operation";
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    if (thrown.code === "operation_in_progress" || thrown.code === "queue_full") return "waits";
    return end(change, rolloutId, targetId, "failed", `it cannot be rolled back: ${thrown.message}`);
  }
}

/** It was put to rest after it had been changed: nothing is run now, and it wakes up as it was before the rollout. */
async function takeBackResting(
  change: Change,
  rollout: Rollout,
  row: RolloutTarget,
  target: Target,
): Promise<"ended"> {
  const { rolloutId, change: what } = rollout;
  const { targetId, before } = row;
  await restoreRecord(change, rollout, row);
  if (what.kind === "flag") return end(change, rolloutId, targetId, "rolled_back", rollout.statusReason);
  const { releaseNumber: targetReleaseNumber } = before;
  const isToGoBack = what.kind === "release" && targetReleaseNumber !== null;
  const unable = isToGoBack ? await whyIncompatible(change.db, target, targetReleaseNumber) : undefined;
  if (isToGoBack && unable === undefined) {
    const reason = `rollback of rollout ${rolloutId}`;
    await targetUpdate(change, targetId, { targetReleaseNumber }, { action: "target.goal_restored", reason });
  }
  const how = unable === undefined ? "goes back when it is reactivated" : `cannot be rolled back: ${unable}`;
  return end(change, rolloutId, targetId, "held", `it is ${target.requestedState} and ${how}`);
}

/** A database goes forward and not back: the release before may not know the schema that has come since. */
async function whyIncompatible(
  db: Reader,
  { currentReleaseNumber }: Target,
  releaseNumber: number | null,
): Promise<string | undefined> {
  if (releaseNumber === null || currentReleaseNumber === null) return undefined;
  const change = { kind: "release", releaseNumber } as const;
  const why = await incompatibleReleases(db, change, [{ currentReleaseNumber }]);
  return why.get(currentReleaseNumber);
}

async function end(
  change: Change,
  rolloutId: string,
  targetId: string,
  status: "failed" | "held" | "rolled_back",
  reason: string | null,
): Promise<"ended"> {
  const patch = { status, reason, rollbackRequestedAt: null, endedAt: change.now };
  await rolloutTargetsSet(change, rolloutId, [targetId], patch);
  return "ended";
}

/**
 * What the rollout has set of the tenant's record, as it was; what somebody has set to something else since stays as they want it.
 * The second target of a tenant finds nothing more to restore.
 */
export async function restoreRecord(
  change: Change,
  { rolloutId, change: what }: Rollout,
  { tenantId, before }: Pick<RolloutTarget, "tenantId" | "before">,
): Promise<void> {
  const reason = `rollback of rollout ${rolloutId}`;
  if (what.kind === "flag") {
    const now = await flagOverrideFind(change.db, what.flagKey, tenantId);
    if (now?.enabled !== what.enabled || now.expiresAt !== null || before.flag === undefined) return;
    const isOver = before.flag?.expiresAt != null && before.flag.expiresAt <= change.now;
    if (before.flag === null || isOver) await flagOverrideRemove(change, what.flagKey, tenantId, reason);
    else {
      const { enabled, ...options } = before.flag;
      await flagOverrideSet(change, what.flagKey, tenantId, enabled, { ...options, because: reason });
    }
    return;
  }
  if (what.kind !== "plan" && what.kind !== "field") return;
  const tenant = await tenantFind(change.db, tenantId);
  if (tenant === undefined || tenant.deletedAt !== null) return;
  const isOurs = canonicalJson(changedRecord(tenant, what)) === canonicalJson(tenant);
  if (!isOurs) return;
  await tenantWrite(change, tenant, restoredRecord(tenant, what, before), "tenant.updated", reason);
}
