import type { Rollout, RolloutHealth, RolloutWave } from "../contract/rollout.ts";
import type { OperationStatus, RolloutTargetStatus } from "../contract/vocabulary.ts";
import { fromJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import { rolloutGet, rolloutUpdate } from "./rollout.ts";
import { rolloutTargetsSet } from "./rolloutTarget.ts";
import { rolloutWaves } from "./rolloutWave.ts";
import type { OperationErrorValue } from "./schema.ts";

/** What the next decision needs: the rollout, its waves, and the targets that have not ended for good, each with its operation. */
export interface StoredRollout {
  readonly rollout: Rollout;
  readonly waves: readonly RolloutWave[];
  readonly targets: readonly StoredRolloutTarget[];
}

export interface StoredRolloutTarget {
  readonly targetId: string;
  readonly tenantId: string;
  readonly planeName: string;
  readonly wave: number;
  readonly status: RolloutTargetStatus;
  readonly reason: string | null;
  readonly operationId: string | null;
  readonly rollbackRequestedAt: string | null;
  readonly health: RolloutHealth | null;
  readonly endedAt: string | null;
  /** The later of what the rollout wrote and what its operation did. */
  readonly progressAt: string | null;
  /** Of its last operation, as it stands now; null when it has none. */
  readonly operation: StoredRolloutOperation | null;
}

export interface StoredRolloutOperation {
  readonly status: OperationStatus;
  readonly error: OperationErrorValue | null;
  readonly updatedAt: string;
  readonly finishedAt: string | null;
}

const OPEN: readonly RolloutTargetStatus[] = ["pending", "running", "baking", "failed", "rolling_back"];

/**
 * Five queries, however many targets there are. Waves carry no counts here; `progressAt` is that of the targets and their previews too. While
 * none has begun and none may, as in a first preview, targets are left out: there is nothing to decide about them.
 */
export async function rolloutView(db: Reader, rolloutId: string): Promise<StoredRollout> {
  const rollout = await rolloutGet(db, rolloutId);
  const moved = await db
    .selectFrom("rolloutTargets")
    .select(({ fn }) => [fn.max("progressAt").as("at"), fn.max("previewedAt").as("previewedAt")])
    .where("rolloutId", "=", rolloutId)
    .executeTakeFirst();
  const previewedAt = rollout.status === "previewing" ? (moved?.previewedAt ?? null) : null;
  const movedAt = later(moved?.at ?? null, previewedAt);
  const waves = await rolloutWaves(db, rolloutId);
  const rows = isUntouched(rollout) ? [] : await openRows(db, rolloutId);
  const targets = rows.map(
    ({ operationStatus, error, updatedAt, finishedAt, health, progressAt, ...row }): StoredRolloutTarget => ({
      ...row,
      health: health && fromJson(health),
      progressAt: later(progressAt, updatedAt),
      operation:
        operationStatus === null || updatedAt === null
          ? null
          : { status: operationStatus, error: error && fromJson(error), updatedAt, finishedAt },
    }),
  );
  return {
    rollout: { ...rollout, progressAt: later(rollout.progressAt, movedAt) },
    waves,
    targets,
  };
}

function isUntouched({ status, startedAt, cancelRequestedAt }: Rollout): boolean {
  const isBefore = status === "previewing" || status === "previewed";
  return isBefore && startedAt === null && cancelRequestedAt === null;
}

async function openRows(db: Reader, rolloutId: string) {
  return await db
    .selectFrom("rolloutTargets as t")
    .leftJoin("operations as o", "o.operationId", "t.operationId")
    .select(["t.targetId", "t.tenantId", "t.planeName", "t.wave", "t.status", "t.reason", "t.operationId"])
    .select(["t.rollbackRequestedAt", "t.health", "t.endedAt", "t.progressAt"])
    .select(["o.status as operationStatus", "o.error", "o.updatedAt", "o.finishedAt"])
    .where("t.rolloutId", "=", rolloutId)
    .where(({ or, eb }) => or([eb("t.status", "in", [...OPEN]), eb("t.rollbackRequestedAt", "is not", null)]))
    .orderBy("t.wave")
    .orderBy("t.targetId")
    .execute();
}

function later(left: string | null, right: string | null): string | null {
  if (left === null || right === null) return left ?? right;
  return left > right ? left : right;
}

/** running → halted: it waits for a person. Audits `rollout.halted`. */
export async function rolloutHalt(change: Change, rolloutId: string, statusReason: string): Promise<void> {
  const event = { action: "rollout.halted", outcome: "failed" } as const;
  await rolloutUpdate(change, rolloutId, { status: "halted", statusReason }, event);
}

/** baking → failed. No operation says so, so it is told here: audits `rollout.targets_unwell`. */
export async function rolloutTargetsUnwell(
  change: Change,
  rolloutId: string,
  { targetIds, reason }: { readonly targetIds: readonly string[]; readonly reason: string },
): Promise<void> {
  await rolloutTargetsSet(change, rolloutId, targetIds, { status: "failed", reason });
  const details = { targets: targetIds.length, targetIds: targetIds.slice(0, IDS_TOLD) };
  const event = { action: "rollout.targets_unwell", outcome: "failed", details } as const;
  await rolloutUpdate(change, rolloutId, {}, { ...event, reason: redactText(reason) });
}

/** An event names no more targets than these. */
const IDS_TOLD = 100;

/** Said once: in the audit trail, as an event, and in the rollout until it moves again. */
export async function rolloutStuck(
  change: Change,
  rolloutId: string,
  { targetIds, reason }: { readonly targetIds: readonly string[]; readonly reason: string },
): Promise<void> {
  const patch = { stuckSince: change.now, stuckReason: reason };
  const details = { targets: targetIds.length, targetIds: targetIds.slice(0, IDS_TOLD), stuckReason: reason };
  await rolloutUpdate(change, rolloutId, patch, { action: "rollout.stuck", outcome: "failed", details });
}

export async function rolloutUnstuck(change: Change, rolloutId: string): Promise<void> {
  const patch = { stuckSince: null, stuckReason: null };
  await rolloutUpdate(change, rolloutId, patch, { action: "rollout.unstuck" });
}

/** The end. Audits `rollout.<status>`; why it was halted or rolled back stays when nothing else is said. */
export async function rolloutFinish(
  change: Change,
  rolloutId: string,
  status: "succeeded" | "failed" | "cancelled" | "rolled_back",
  reason: string | null,
): Promise<void> {
  const patch = {
    ...{ status, finishedAt: change.now, stuckSince: null, stuckReason: null },
    ...(reason === null ? {} : { statusReason: reason }),
  };
  const outcome = status === "succeeded" || status === "cancelled" ? "succeeded" : "failed";
  await rolloutUpdate(change, rolloutId, patch, { action: `rollout.${status}`, outcome });
}
