import { ProblemError } from "../../contract/errors.ts";
import type { Rollout, RolloutTarget } from "../../contract/rollout.ts";
import { flagOverrideFind, flagOverrideRemove, flagOverrideSet } from "../../registry/flagOverride.ts";
import { operationLiveOfTarget } from "../../registry/operation.ts";
import type { Change } from "../../registry/registry.ts";
import { rolloutTargetsBegin, rolloutTargetsOf, rolloutTargetsSet } from "../../registry/rolloutTarget.ts";
import { targetFind } from "../../registry/target.ts";
import { tenantFind, tenantWrite } from "../../registry/tenant.ts";
import type { ServiceContext } from "../app/context.ts";
import { requestOperations } from "../app/requestOperations.ts";
import type { Begun } from "./begin.ts";
import { whySkipped } from "./facts.ts";
import { changedRecord, restoredRecord } from "./record.ts";
import { isApplied, resolveSome } from "./specs.ts";

/**
 * Takes targets of a rollout back to what each had before: the record, in the same change as the operation, and the release. Neither
 * windows nor circuit breakers keep it: they gate what is new. Where nothing has to be run it is done at once.
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
  const gone = target === undefined ? "the target is gone" : whySkipped(target);
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
  try {
    await restoreRecord(change, rollout, row);
    const releaseNumber = what.kind === "release" ? before.releaseNumber : target.currentReleaseNumber;
    const asRelease = { kind: "release", releaseNumber: releaseNumber ?? 0 } as const;
    const question = { targetId, toReleaseNumber: releaseNumber };
    const [resolved] =
      releaseNumber === null ? [] : await resolveSome(change.db, settings, asRelease, [question]);
    const isThere = resolved?.digest !== undefined && isApplied(target, resolved.digest);
    if (what.kind === "flag" || what.kind === "drift_repair" || isThere) {
      return end(change, rolloutId, targetId, "rolled_back", rollout.statusReason);
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

async function end(
  change: Change,
  rolloutId: string,
  targetId: string,
  status: "failed" | "rolled_back",
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
    if (now === undefined || now.enabled !== what.enabled || before.flag === undefined) return;
    if (before.flag === null) await flagOverrideRemove(change, what.flagKey, tenantId, reason);
    else if (before.flag !== now.enabled)
      await flagOverrideSet(change, what.flagKey, tenantId, before.flag, { reason });
    return;
  }
  if (what.kind !== "plan" && what.kind !== "field") return;
  const tenant = await tenantFind(change.db, tenantId);
  if (tenant === undefined || tenant.deletedAt !== null) return;
  const isOurs = JSON.stringify(changedRecord(tenant, what)) === JSON.stringify(tenant);
  if (!isOurs) return;
  await tenantWrite(change, tenant, restoredRecord(tenant, what, before), "tenant.updated", reason);
}
