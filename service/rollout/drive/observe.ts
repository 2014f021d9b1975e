import type { Rollout, RolloutTarget } from "../../../contract/rollout.ts";
import { operationGet } from "../../../registry/operation.ts";
import type { Change } from "../../../registry/registry.ts";
import type { StoredRollout, StoredRolloutTarget } from "../../../registry/rolloutDrive.ts";
import {
  type RolloutTargetPatch,
  rolloutTargetsOf,
  rolloutTargetsSet,
} from "../../../registry/rolloutTarget.ts";
import { controllerFor, type ServiceContext } from "../../app/context.ts";
import { PLAN_CHANGED } from "../../operations/planCheck.ts";
import { isOfTenant } from "./record.ts";
import { restoreRecord } from "./takeBack.ts";

/** Writes down what became of the operations of a rollout's targets. True when there was anything new. */
export async function observeOperations(
  service: ServiceContext,
  { rollout, targets }: StoredRollout,
): Promise<boolean> {
  const ended = targets.filter(hasEndedOperation);
  if (ended.length === 0) return false;
  const { rolloutId, change: what } = rollout;
  const unchanged = new Set(await unchangedOf(service, ended));
  for (let from = 0; from < ended.length; from += TARGETS_PER_CHANGE) {
    const chunk = ended.slice(from, from + TARGETS_PER_CHANGE);
    await service.registry.change(controllerFor(rollout), async (change) => {
      const rows = await rolloutTargetsOf(
        change.db,
        rolloutId,
        chunk.map(({ targetId }) => targetId),
      );
      const failed: RolloutTarget[] = [];
      for (const target of chunk) {
        const row = rows.find(({ targetId }) => targetId === target.targetId);
        if (row === undefined || row.status !== target.status || row.operationId !== target.operationId)
          continue;
        const patch = patchFor(target, unchanged.has(target.targetId), change.now);
        await rolloutTargetsSet(change, rolloutId, [target.targetId], patch);
        if (target.status === "running" && patch.status === "failed") failed.push(row);
      }
      if (isOfTenant(what)) for (const row of failed) await giveUpRecord(change, rollout, row);
    });
  }
  return true;
}

const TARGETS_PER_CHANGE = 50;

function hasEndedOperation({ status, operation }: StoredRolloutTarget): boolean {
  if (status !== "running" && status !== "rolling_back") return false;
  return operation === null || operation.finishedAt !== null;
}

function patchFor(
  { status, operation }: StoredRolloutTarget,
  unchanged: boolean,
  now: string,
): RolloutTargetPatch {
  const endedAt = operation?.finishedAt ?? now;
  const succeeded = operation?.status === "succeeded";
  const reason = succeeded ? null : whyFailed(operation);
  if (status === "rolling_back") {
    const how = succeeded ? ({ status: "rolled_back" } as const) : ({ status: "failed" } as const);
    const words = reason === null ? {} : { reason: `rolling it back failed: ${reason}` };
    return { ...how, ...words, endedAt, progressAt: endedAt, rollbackRequestedAt: null };
  }
  const next = succeeded ? (unchanged ? "unchanged" : "baking") : "failed";
  return { status: next, reason, endedAt, progressAt: endedAt };
}

function whyFailed(operation: StoredRolloutTarget["operation"]): string {
  if (operation === null) return "its operation is missing";
  if (operation.status === "cancelled") return operation.error?.message ?? "its operation was cancelled";
  return operation.error?.message ?? "it failed";
}

/** The few of which a succeeded operation found nothing to do. */
async function unchangedOf(
  { registry }: ServiceContext,
  ended: readonly StoredRolloutTarget[],
): Promise<string[]> {
  const succeeded = ended.filter(
    ({ status, operation }) => status === "running" && operation?.status === "succeeded",
  );
  const byOperation = new Map(succeeded.map(({ operationId, targetId }) => [operationId ?? "", targetId]));
  if (byOperation.size === 0) return [];
  const rows = await registry.read((db) =>
    db
      .selectFrom("operationJournal")
      .select(["operationId", "data"])
      .where("operationId", "in", [...byOperation.keys()].slice(0, 1_000))
      .where("type", "=", "step_succeeded")
      .where("step", "=", "deploy")
      .execute(),
  );
  return rows.flatMap(({ operationId, data }) =>
    data.includes('"unchanged":true') ? [byOperation.get(operationId) ?? ""] : [],
  );
}

/**
 * The stack is as it was, so the record must not say otherwise, unless another target of the tenant has got the change or is
 * getting it; and unless the operation was to leave what it made, for a person to go on from.
 */
async function giveUpRecord(change: Change, rollout: Rollout, row: RolloutTarget): Promise<void> {
  if (row.operationId !== null) {
    const { compensation, error, startedAt } = await operationGet(change.db, row.operationId);
    const isAsBefore = compensation === "succeeded" || error?.code === PLAN_CHANGED || startedAt === null;
    if (!isAsBefore) return;
  }
  const others = await change.db
    .selectFrom("rolloutTargets")
    .select("targetId")
    .where("rolloutId", "=", rollout.rolloutId)
    .where("tenantId", "=", row.tenantId)
    .where("status", "in", ["running", "baking", "succeeded", "rolling_back"])
    .limit(1)
    .executeTakeFirst();
  if (others === undefined) await restoreRecord(change, rollout, row);
}
