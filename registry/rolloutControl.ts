import { ProblemError } from "../contract/errors.ts";
import type { Rollout, RolloutRollback } from "../contract/rollout.ts";
import { allowedActions, hasEnded, mayAct, type RolloutAction } from "../contract/rolloutActions.ts";
import type { Change } from "./registry.ts";
import { type RolloutEvent, type RolloutPatch, rolloutGet, rolloutUpdate } from "./rollout.ts";
import { rolloutPreviewForget } from "./rolloutPreview.ts";
import { rolloutApprovalsForget, setWave } from "./rolloutWave.ts";

/**
 * What a person does with a rollout. Each function refuses what the status does not allow (contract/rolloutActions.ts), writes the
 * change with its audit event and its outbox event, and leaves what follows from it to the next decision.
 */
type Reason = string | undefined;

/**
 * All that is pending is previewed anew; once it has begun, so is what failed: a plan that has changed since fails again at
 * each retry. An ended one goes on with it; whether its planes are free is the caller's to check.
 */
export async function rolloutPreview(change: Change, rolloutId: string, reason: Reason): Promise<void> {
  const rollout = await allowed(change, rolloutId, "preview");
  if (rollout.status !== "previewed") await makePending(change, rollout);
  const again = { statusReason: null, finishedAt: null, endedAs: null } as const;
  const patch = { status: "previewing", previewDigest: null, ...again } as const;
  await rolloutUpdate(change, rolloutId, patch, { action: EVENTS.preview, reason });
  await rolloutPreviewForget(change, rolloutId);
}

/** previewed → running, or queued while another rollout has one of its planes. The preview is the caller's to check. */
export async function rolloutStart(
  change: Change,
  rolloutId: string,
  { queue, reason }: { readonly queue: boolean; readonly reason?: Reason },
): Promise<void> {
  const rollout = await allowed(change, rolloutId, "start");
  const patch: RolloutPatch = queue
    ? { status: "queued", queuedAt: change.now, statusReason: null }
    : { status: "running", startedAt: rollout.startedAt ?? change.now, statusReason: null };
  await rolloutUpdate(change, rolloutId, patch, {
    action: queue ? "rollout.queued" : "rollout.started",
    reason,
    details: { previewDigest: rollout.previewDigest },
  });
}

/** queued → running, by itself, when its planes are free. */
export async function rolloutActivate(change: Change, rolloutId: string): Promise<void> {
  const { status, startedAt } = await rolloutGet(change.db, rolloutId);
  if (status !== "queued") return;
  const patch = { status: "running", startedAt: startedAt ?? change.now } as const;
  await rolloutUpdate(change, rolloutId, patch, { action: "rollout.started" });
}

export async function rolloutPause(change: Change, rolloutId: string, reason: Reason): Promise<void> {
  await act(change, rolloutId, "pause", reason, { status: "paused", statusReason: reason ?? null });
}

export async function rolloutResume(change: Change, rolloutId: string, reason: Reason): Promise<void> {
  await act(change, rolloutId, "resume", reason, { status: "running", statusReason: null });
}

/** What has begun ends first: the rollout is over when the decision says so. */
export async function rolloutCancel(change: Change, rolloutId: string, reason: Reason): Promise<void> {
  const statusReason = reason ?? `cancelled by ${change.context.actor.name}`;
  await act(change, rolloutId, "cancel", reason, { cancelRequestedAt: change.now, statusReason });
}

export async function rolloutApprove(
  change: Change,
  rolloutId: string,
  wave: number,
  reason: Reason,
): Promise<void> {
  const { waveCount } = await allowed(change, rolloutId, "approve");
  if (wave > waveCount) throw noSuchWave(wave, waveCount);
  await setWave(change, rolloutId, wave, { approvedBy: change.context.actor.id, approvedAt: change.now });
  await rolloutUpdate(change, rolloutId, {}, { action: "rollout.approved", reason, details: { wave } });
}

/** pending, held or failed → skipped. */
export async function rolloutSkip(
  change: Change,
  rolloutId: string,
  targetIds: readonly string[],
  reason: Reason,
): Promise<void> {
  await allowed(change, rolloutId, "skip");
  await requireStatus(change, rolloutId, targetIds, ["pending", "held", "failed"]);
  await change.db
    .updateTable("rolloutTargets")
    .set({
      status: "skipped",
      reason: reason ?? `skipped by ${change.context.actor.name}`,
      rollbackRequestedAt: null,
      updatedAt: change.now,
    })
    .where("rolloutId", "=", rolloutId)
    .where("targetId", "in", [...targetIds])
    .execute();
  await rolloutUpdate(change, rolloutId, {}, { action: "rollout.skipped", reason, details: { targetIds } });
}

/**
 * failed → pending, within their waves, which are open again. An ended or halted rollout goes on with it; whether its planes
 * are free is the caller's to check. Answers how many there were.
 */
export async function rolloutRetry(
  change: Change,
  rolloutId: string,
  { targetIds, reason }: { readonly targetIds?: readonly string[] | undefined; readonly reason?: Reason },
): Promise<number> {
  const rollout = await allowed(change, rolloutId, "retry");
  if (targetIds) await requireStatus(change, rolloutId, targetIds, ["failed"]);
  const again = await makePending(change, rollout, targetIds);
  if (again === 0) throw nothingFailed();
  const status = rollout.status === "paused" ? "paused" : "running";
  const patch = {
    status,
    statusReason: null,
    finishedAt: null,
    endedAs: null,
    cancelRequestedAt: null,
  } as const;
  await rolloutUpdate(change, rolloutId, patch, {
    action: "rollout.retried",
    reason,
    details: { targets: again },
  });
  return again;
}

/** What is pending or failed is to get another release; it is previewed anew before anything more begins. */
export async function rolloutRetarget(
  change: Change,
  rolloutId: string,
  releaseNumber: number,
  reason: Reason,
): Promise<void> {
  const rollout = await allowed(change, rolloutId, "retarget");
  if (rollout.change.kind !== "release") throw noRelease(rollout);
  const before = rollout.change.releaseNumber;
  const what = { kind: "release", releaseNumber } as const;
  await makePending(change, { ...rollout, change: what });
  await change.db
    .updateTable("rolloutTargets")
    .set({ toReleaseNumber: releaseNumber, updatedAt: change.now })
    .where("rolloutId", "=", rolloutId)
    .where("status", "=", "pending")
    .execute();
  await rolloutPreviewForget(change, rolloutId);
  await rolloutApprovalsForget(change, rolloutId);
  const patch = { change: what, status: "previewing", previewDigest: null, statusReason: null } as const;
  const details = { from: before, to: releaseNumber };
  await rolloutUpdate(change, rolloutId, patch, { action: "rollout.retargeted", reason, details });
}

/**
 * Marks what has begun to be rolled back and skips what has not. The whole of a rollout goes to `rolling_back`; a part leaves it where it
 * is, and takes an ended one up again until the part is done. Answers whom it marked.
 */
export async function rolloutRollback(
  change: Change,
  rolloutId: string,
  { scope, reason }: RolloutRollback,
): Promise<{ targetId: string; tenantId: string }[]> {
  const rollout = await allowed(change, rolloutId, "rollback");
  if (scope.kind === "wave" && scope.wave > rollout.waveCount)
    throw noSuchWave(scope.wave, rollout.waveCount);
  if (scope.kind === "targets") await requireStatus(change, rolloutId, scope.targetIds, undefined);
  const marked = await markForRollback(change, rolloutId, scope);
  const patch = { ...afterRollback(rollout, scope), statusReason: reason ?? null, finishedAt: null };
  const details = { scope, targets: marked.length };
  await rolloutUpdate(change, rolloutId, patch, { action: "rollout.rollback_asked", reason, details });
  return marked;
}

function afterRollback({ status, endedAs }: Rollout, scope: RolloutRollback["scope"]): RolloutPatch {
  if (scope.kind === "all") return { status: "rolling_back", endedAs: null };
  return hasEnded(status) ? { status: "rolling_back", endedAs: status } : { status, endedAs };
}

/** Everything that has begun, because the tolerance was exceeded. */
export async function rolloutRollbackBegin(
  change: Change,
  rolloutId: string,
  statusReason: string,
): Promise<void> {
  await markForRollback(change, rolloutId, { kind: "all" });
  const patch = { status: "rolling_back", statusReason } as const;
  await rolloutUpdate(change, rolloutId, patch, { action: "rollout.rolling_back", outcome: "failed" });
}

async function markForRollback(
  { db, now }: Change,
  rolloutId: string,
  scope: RolloutRollback["scope"],
): Promise<{ targetId: string; tenantId: string }[]> {
  const within = () => {
    let rows = db.updateTable("rolloutTargets").where("rolloutId", "=", rolloutId);
    if (scope.kind === "wave") rows = rows.where("wave", "=", scope.wave);
    if (scope.kind === "targets") rows = rows.where("targetId", "in", scope.targetIds);
    return rows;
  };
  await within()
    .set({ status: "skipped", reason: "the rollout was rolled back before it began", updatedAt: now })
    .where("status", "=", "pending")
    .execute();
  // Nobody catches up with what is taken back.
  await within().set({ passedByAt: null, passedBy: null }).where("passedByAt", "is not", null).execute();
  // Whatever has begun, though it was skipped or made pending again since: half of a change may be there.
  return await within()
    .set({ rollbackRequestedAt: now, updatedAt: now })
    .where("attempt", ">", 0)
    .where("status", "in", ["running", "baking", "succeeded", "failed", "skipped", "held"])
    .returning(["targetId", "tenantId"])
    .execute();
}

async function makePending(
  change: Change,
  { rolloutId, change: what }: Rollout,
  targetIds?: readonly string[],
): Promise<number> {
  let rows = change.db
    .updateTable("rolloutTargets")
    .set({
      ...{ status: "pending", reason: null, health: null, rollbackRequestedAt: null, endedAt: null },
      ...(what.kind === "release" ? { toReleaseNumber: what.releaseNumber } : {}),
      updatedAt: change.now,
    })
    .where("rolloutId", "=", rolloutId)
    .where("status", "=", "failed");
  if (targetIds) rows = rows.where("targetId", "in", [...targetIds]);
  const again = await rows.returning("wave").execute();
  const waves = [...new Set(again.map(({ wave }) => wave))];
  await setWave(change, rolloutId, waves, { bakeUntil: null, endedAt: null });
  return again.length;
}

async function act(
  change: Change,
  rolloutId: string,
  action: RolloutAction,
  reason: Reason,
  patch: RolloutPatch,
): Promise<void> {
  await allowed(change, rolloutId, action);
  await rolloutUpdate(change, rolloutId, patch, { action: EVENTS[action], reason });
}

const EVENTS: Readonly<Record<RolloutAction, RolloutEvent["action"]>> = {
  preview: "rollout.preview_asked",
  start: "rollout.started",
  pause: "rollout.paused",
  resume: "rollout.resumed",
  cancel: "rollout.cancel_asked",
  approve: "rollout.approved",
  skip: "rollout.skipped",
  retry: "rollout.retried",
  retarget: "rollout.retargeted",
  rollback: "rollout.rollback_asked",
};

/** The rollout, if its status allows the action. */
async function allowed(change: Change, rolloutId: string, action: RolloutAction): Promise<Rollout> {
  const rollout = await rolloutGet(change.db, rolloutId);
  const { status, cancelRequestedAt } = rollout;
  if (cancelRequestedAt !== null && !hasEnded(status) && action !== "rollback") throw beingCancelled(action);
  if (mayAct(action, status)) return rollout;
  const next = allowedActions(status);
  throw new ProblemError(hasEnded(status) ? "rollout_finished" : "rollout_status", {
    detail: `Cannot ${action} the rollout: its status must allow that, and it is ${status}.`,
    hint: next.length === 0 ? "Make another rollout." : `It allows: ${next.join(", ")}.`,
    errors: [{ path: "rollout.status", message: `does not allow ${action}`, value: status }],
    rolloutId,
  });
}

function beingCancelled(action: RolloutAction): ProblemError {
  return new ProblemError("rollout_status", {
    detail: `Cannot ${action} the rollout: it must not be cancelled, and it ends as soon as what runs has ended.`,
    hint: "Wait for its end. Rolling back is allowed at any time.",
    errors: [{ path: "rollout.cancelRequestedAt", message: "is set" }],
  });
}

async function requireStatus(
  { db }: Change,
  rolloutId: string,
  targetIds: readonly string[],
  statuses: readonly string[] | undefined,
): Promise<void> {
  const rows = await db
    .selectFrom("rolloutTargets")
    .select(["targetId", "status"])
    .where("rolloutId", "=", rolloutId)
    .where("targetId", "in", [...targetIds])
    .execute();
  const statusOf = new Map(rows.map(({ targetId, status }) => [targetId, status]));
  const wrong = targetIds.filter((targetId) => {
    const status = statusOf.get(targetId);
    return status === undefined || statuses?.includes(status) === false;
  });
  if (wrong.length === 0) return;
  const must = statuses === undefined ? "be a target of the rollout" : `be ${statuses.join(" or ")}`;
  throw new ProblemError("target_missing", {
    detail: `Cannot do that to ${wrong.length} of the targets: each must ${must}.`,
    hint: "List them with GET /v1/control-plane/rollouts/:rolloutId/targets.",
    errors: wrong.slice(0, 50).map((targetId) => ({
      path: "body.targetIds",
      message: `is ${statusOf.get(targetId) ?? "no target of the rollout"}`,
      value: targetId,
    })),
  });
}

function nothingFailed(): ProblemError {
  return new ProblemError("target_missing", {
    detail: "Cannot retry: at least one target of the rollout must have failed, and none has.",
    hint: "Resume a rollout that is halted or paused. What was skipped or held needs another rollout.",
    errors: [{ path: "rollout.counts.failed", message: "must be at least 1", value: 0 }],
  });
}

function noSuchWave(wave: number, waveCount: number): ProblemError {
  return new ProblemError("invalid_request", {
    detail: `Cannot find wave ${wave}: it must be from 1 to ${waveCount}.`,
    hint: "Get the rollout to see its waves.",
    errors: [{ path: "body.wave", message: `must be from 1 to ${waveCount}`, value: wave }],
  });
}

function noRelease({ change }: Rollout): ProblemError {
  return new ProblemError("invalid_request", {
    detail: `Cannot retarget the rollout: it must bring a release, and it brings a change of kind ${change.kind}.`,
    hint: "Cancel it and make another rollout.",
    errors: [{ path: "rollout.change.kind", message: "must be release", value: change.kind }],
  });
}
