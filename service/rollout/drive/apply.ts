import type { Rollout } from "../../../contract/rollout.ts";
import type { Change } from "../../../registry/registry.ts";
import { rolloutRollbackBegin } from "../../../registry/rolloutControl.ts";
import {
  rolloutFinish,
  rolloutHalt,
  rolloutStuck,
  rolloutTargetsUnwell,
  rolloutUnstuck,
} from "../../../registry/rolloutDrive.ts";
import { rolloutTargetsOf, rolloutTargetsSet } from "../../../registry/rolloutTarget.ts";
import {
  rolloutWaveAwaitApproval,
  rolloutWaveBake,
  rolloutWaveEnd,
  rolloutWaveStart,
} from "../../../registry/rolloutWave.ts";
import { targetGet, targetUpdate } from "../../../registry/target.ts";
import { limits } from "../../config/limits.ts";
import type { Action } from "../decide/action.ts";
import { type Beginning, type Begun, beginTargets } from "./begin.ts";
import { saysItRests } from "./facts.ts";
import { passBy } from "./passBy.ts";
import { takeBackTargets } from "./takeBack.ts";

/** What carrying out a batch of actions has come to. */
export interface Applied {
  /** Whether the next decision will see anything new; else what stands in the way wakes the driver when it ends. */
  readonly moved: boolean;
  /** Whether operations wait for a worker. */
  readonly operations: number;
  /** Only the first of many targets: what was decided to come after them has to be decided again. */
  readonly partly?: true;
  /** As many wait in the queue as may: the next is begun when one of them has left it, which wakes the driver. */
  readonly full?: boolean;
}

/** Carries out what was decided, in its order, in the caller's change: all of it comes to be, or nothing. */
export async function applyActions(
  change: Change,
  service: Beginning,
  rollout: Rollout,
  actions: readonly Action[],
): Promise<Applied> {
  let [moved, operations, full] = [false, 0, false];
  for (const action of actions) {
    const done = await apply(change, service, rollout, action);
    moved ||= done.moved;
    operations += done.operations;
    full ||= done.full === true;
    if (done.partly) break;
  }
  return { moved, operations, full };
}

const MOVED: Applied = { moved: true, operations: 0 };

async function apply(change: Change, service: Beginning, rollout: Rollout, action: Action): Promise<Applied> {
  const { rolloutId } = rollout;
  switch (action.kind) {
    case "start":
      return asBegun(await beginTargets(change, service, rollout, few(action.targetIds)), action);
    case "rollBack":
      return asApplied(await takeBackTargets(change, service, rollout, few(action.targetIds)));
    case "skip":
    case "hold": {
      const { targetIds, reason } = action;
      if (saysItRests(reason)) return passSomeBy(change, rollout, targetIds);
      await rolloutTargetsSet(change, rolloutId, targetIds, { status: STATUS_OF[action.kind], reason });
      return MOVED;
    }
    case "fail":
      await rolloutTargetsUnwell(change, rolloutId, action);
      return MOVED;
    case "endBake":
      return endBake(change, rolloutId, action.targetIds);
    case "awaitApproval":
      await rolloutWaveAwaitApproval(change, rolloutId, action.wave);
      return MOVED;
    case "startWave":
      await rolloutWaveStart(change, rolloutId, action.wave);
      return MOVED;
    case "startBake":
      await rolloutWaveBake(change, rolloutId, action.wave, new Date(action.until).toISOString());
      return MOVED;
    case "endWave":
      await rolloutWaveEnd(change, rolloutId, action.wave);
      return MOVED;
    case "halt":
      await rolloutHalt(change, rolloutId, await named(change, rolloutId, action.reason));
      return MOVED;
    case "beginRollback":
      await rolloutRollbackBegin(change, rolloutId, await named(change, rolloutId, action.reason));
      return MOVED;
    case "stuck":
      await rolloutStuck(change, rolloutId, action);
      return MOVED;
    case "unstuck":
      await rolloutUnstuck(change, rolloutId);
      return MOVED;
    case "finish":
      await rolloutFinish(change, rolloutId, action.status, action.reason);
      return MOVED;
    case "wakeAt":
      return { moved: false, operations: 0 };
  }
}

const STATUS_OF = { skip: "skipped", hold: "held" } as const;

/** Of those that were wanted again since it was decided nothing is written: they are decided on anew. */
async function passSomeBy(change: Change, rollout: Rollout, targetIds: readonly string[]): Promise<Applied> {
  const some = few(targetIds);
  await passBy(change, rollout, some);
  return some.length < targetIds.length ? { ...MOVED, partly: true } : MOVED;
}

/** The rest is decided again: a change must not keep all others waiting for long. */
function few(targetIds: readonly string[]): readonly string[] {
  return targetIds.slice(0, limits.rolloutStartsAtOnce);
}

/** Of those that were cut off the next may be of another plane, whose queue has room. */
function asBegun(begun: Begun, { targetIds }: { readonly targetIds: readonly string[] }): Applied {
  const isWhole = few(targetIds).length === targetIds.length;
  return { ...asApplied(begun), full: begun.full === true && isWhole };
}

function asApplied({ moved, operations }: { moved: number; operations: number }): Applied {
  return { moved: moved > 0, operations };
}

/** Healthy to the end of the bake: the release it has is one that it can be taken back to. */
async function endBake(change: Change, rolloutId: string, proven: readonly string[]): Promise<Applied> {
  const targetIds = few(proven);
  await rolloutTargetsSet(change, rolloutId, targetIds, { status: "succeeded", reason: null });
  for (const targetId of targetIds) {
    const { currentReleaseNumber: verifiedReleaseNumber } = await targetGet(change.db, targetId);
    if (verifiedReleaseNumber === null) continue;
    await targetUpdate(change, targetId, { verifiedReleaseNumber }, { action: "target.verified" });
  }
  return targetIds.length < proven.length ? { ...MOVED, partly: true } : MOVED;
}

/** Which tenants failed and why, up to a few: whoever reads that it halted asks that first. */
async function named(change: Change, rolloutId: string, reason: string): Promise<string> {
  const failed = (await rolloutTargetsOf(change.db, rolloutId)).filter(({ status }) => status === "failed");
  const words = failed
    .slice(0, FAILURES_NAMED)
    .map(
      ({ tenantId, planeName, reason: why }) =>
        `tenant ${tenantId} failed on ${planeName}: ${why ?? "it failed"}`,
    );
  return [reason, ...words].join("; ");
}

const FAILURES_NAMED = 5;
