import type { Page, PageRequest } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import type {
  Rollout,
  RolloutApprove,
  RolloutControl,
  RolloutCreate,
  RolloutCreated,
  RolloutDetail,
  RolloutListQuery,
  RolloutPreview,
  RolloutRetarget,
  RolloutRetry,
  RolloutRollback,
  RolloutSkip,
  RolloutStart,
  RolloutTarget,
  RolloutTargetListQuery,
} from "../../contract/rollout.ts";
import type { OperationId } from "../../contract/routes.ts";
import type { Change } from "../../registry/registry.ts";
import { releaseGet } from "../../registry/release.ts";
import * as registry from "../../registry/rollout.ts";
import * as control from "../../registry/rolloutControl.ts";
import { rolloutDetail } from "../../registry/rolloutDetail.ts";
import * as preview from "../../registry/rolloutPreview.ts";
import * as rows from "../../registry/rolloutTarget.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

export async function rolloutCreate(context: RequestContext, input: RolloutCreate): Promise<RolloutCreated> {
  await authorize(context, "rolloutCreate");
  throw new ProblemError("cohort_empty", {
    detail: `Cannot roll out a ${input.change.kind}: nobody is selected.`,
  });
}

export async function rolloutList(context: RequestContext, query: RolloutListQuery): Promise<Page<Rollout>> {
  await authorize(context, "rolloutList");
  return context.registry.read((db) => registry.rolloutList(db, query));
}

export async function rolloutGet(context: RequestContext, rolloutId: string): Promise<RolloutDetail> {
  await authorize(context, "rolloutGet");
  return context.registry.read((db) => rolloutDetail(db, rolloutId));
}

export async function rolloutTargetList(
  context: RequestContext,
  rolloutId: string,
  query: RolloutTargetListQuery,
): Promise<Page<RolloutTarget>> {
  await authorize(context, "rolloutTargetList");
  return context.registry.read(async (db) => {
    await registry.rolloutGet(db, rolloutId);
    return rows.rolloutTargetList(db, rolloutId, query);
  });
}

export async function rolloutPreviewGet(
  context: RequestContext,
  rolloutId: string,
  page: PageRequest,
): Promise<RolloutPreview> {
  await authorize(context, "rolloutPreviewGet");
  return context.registry.read((db) => preview.rolloutPreviewGet(db, rolloutId, page));
}

type Id = string;
type On<T> = (context: RequestContext, rolloutId: Id, body: T) => Promise<RolloutDetail>;

export const rolloutPreview: On<RolloutControl> = controlled("rolloutPreview", (change, id, { reason }) =>
  control.rolloutPreview(change, id, reason),
);
export const rolloutStart: On<RolloutStart> = controlled("rolloutStart", (change, id, { reason }) =>
  control.rolloutStart(change, id, { queue: false, reason }),
);
export const rolloutPause: On<RolloutControl> = controlled("rolloutPause", (change, id, { reason }) =>
  control.rolloutPause(change, id, reason),
);
export const rolloutResume: On<RolloutControl> = controlled("rolloutResume", (change, id, { reason }) =>
  control.rolloutResume(change, id, reason),
);
export const rolloutCancel: On<RolloutControl> = controlled("rolloutCancel", (change, id, { reason }) =>
  control.rolloutCancel(change, id, reason),
);
export const rolloutApprove: On<RolloutApprove> = controlled(
  "rolloutApprove",
  (change, id, { wave, reason }) => control.rolloutApprove(change, id, wave, reason),
);
export const rolloutSkip: On<RolloutSkip> = controlled("rolloutSkip", (change, id, { targetIds, reason }) =>
  control.rolloutSkip(change, id, targetIds, reason),
);
export const rolloutRetry: On<RolloutRetry> = controlled("rolloutRetry", (change, id, body) =>
  control.rolloutRetry(change, id, body),
);
export const rolloutRetarget: On<RolloutRetarget> = controlled(
  "rolloutRetarget",
  async (change, id, { releaseNumber, reason }) => {
    await releaseGet(change.db, releaseNumber);
    await control.rolloutRetarget(change, id, releaseNumber, reason);
  },
);
export const rolloutRollback: On<RolloutRollback> = controlled("rolloutRollback", (change, id, body) =>
  control.rolloutRollback(change, id, body),
);

/** Authorized, carried out in one change, and looked at by the driver at once. */
function controlled<T>(
  operationId: OperationId,
  work: (change: Change, id: Id, body: T) => Promise<unknown>,
): On<T> {
  return async (context, rolloutId, body) => {
    await authorize(context, operationId);
    return changeAs(context, async (change) => {
      await work(change, rolloutId, body);
      change.afterCommit(() => context.nudges.nudge("rollouts"));
      return rolloutDetail(change.db, rolloutId);
    });
  };
}
