import { ProblemError } from "../../contract/errors.ts";
import type { Rollout, RolloutRollback } from "../../contract/rollout.ts";
import { hasEnded } from "../../contract/rolloutActions.ts";
import { pinCreate } from "../../registry/pin.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { rolloutGet, rolloutsUnderWay, rolloutsUnfinished } from "../../registry/rollout.ts";
import { rolloutRollback } from "../../registry/rolloutControl.ts";
import { rolloutTargetsOf } from "../../registry/rolloutTarget.ts";
import { isOfTenant } from "../rollout/drive/record.ts";

/** One rollout has its planes to itself: two at once would undo each other's order. */
export async function othersOnPlanes(db: Reader, { rolloutId, planes }: Rollout): Promise<Rollout[]> {
  return (await rolloutsUnderWay(db, planes)).filter((other) => other.rolloutId !== rolloutId);
}

/** One that waits keeps its place on all of its planes, else those of few planes would pass by one of many for ever. */
export async function queuedBefore(db: Reader, { rolloutId, planes }: Rollout): Promise<Rollout[]> {
  return (await rolloutsUnfinished(db)).filter(
    (other) =>
      other.status === "queued" &&
      other.cancelRequestedAt === null &&
      other.rolloutId !== rolloutId &&
      other.planes.some((plane) => planes.includes(plane)),
  );
}

export function busyWith(other: Rollout, { planes }: Pick<Rollout, "planes">): ProblemError {
  const shared = other.planes.filter((plane) => planes.includes(plane));
  return new ProblemError("rollout_in_progress", {
    detail: `Cannot go on: no other rollout must be under way on ${shared.join(", ")}, and ${other.rolloutId} is ${other.status}.`,
    hint: 'Wait for it to end, cancel it, or make the rollout with whenBusy "queue".',
    rolloutId: other.rolloutId,
  });
}

/** An ended rollout has left its planes to others. */
export async function refuseBusyAgain(change: Change, rolloutId: string): Promise<void> {
  const rollout = await rolloutGet(change.db, rolloutId);
  if (!hasEnded(rollout.status)) return;
  const [other] = await othersOnPlanes(change.db, rollout);
  if (other !== undefined) throw busyWith(other, rollout);
}

/**
 * A person takes targets back. Each is held where it was until its pin is released, so that the next rollout does not bring it what was
 * just taken from it. What is the tenant's and not one target's is taken back on all of its targets.
 */
export async function rollBackOnPurpose(
  change: Change,
  rolloutId: string,
  body: RolloutRollback,
): Promise<void> {
  const rollout = await rolloutGet(change.db, rolloutId);
  const { change: what } = rollout;
  if (what.kind === "drift_repair") throw notTakenBack();
  const scope = await whole(change.db, rollout, body.scope);
  const marked = await rolloutRollback(change, rolloutId, { ...body, scope });
  const rows = new Map((await rolloutTargetsOf(change.db, rolloutId)).map((row) => [row.targetId, row]));
  const reason = body.reason ?? rollout.reason ?? `rollback of rollout ${rolloutId}`;
  for (const { targetId, tenantId } of marked) {
    const releaseNumber = what.kind === "release" ? (rows.get(targetId)?.before.releaseNumber ?? null) : null;
    await pinCreate(change, { tenantId, targetId, releaseNumber, kind: "rollback", reason, expiresAt: null });
  }
}

async function whole(
  db: Reader,
  { rolloutId, change }: Rollout,
  scope: RolloutRollback["scope"],
): Promise<RolloutRollback["scope"]> {
  if (scope.kind === "all" || !isOfTenant(change)) return scope;
  const rows = await rolloutTargetsOf(db, rolloutId);
  const isNamed = ({ targetId, wave }: (typeof rows)[number]) =>
    scope.kind === "wave" ? wave === scope.wave : scope.targetIds.includes(targetId);
  const tenants = new Set(rows.filter(isNamed).map(({ tenantId }) => tenantId));
  const known = rows.filter(({ tenantId }) => tenants.has(tenantId)).map(({ targetId }) => targetId);
  // What is no target of the rollout stays in, to be refused by name.
  const named = scope.kind === "targets" ? scope.targetIds : [];
  return { kind: "targets", targetIds: [...new Set([...named, ...known])] };
}

function notTakenBack(): ProblemError {
  return new ProblemError("invalid_request", {
    detail:
      "Cannot roll back: the rollout must change something of its own, and repairs put back what was recorded.",
    hint: "What drifted is in the findings; make the change itself with a release or a field if it was meant.",
    errors: [{ path: "rollout.change.kind", message: "cannot be rolled back", value: "drift_repair" }],
  });
}
