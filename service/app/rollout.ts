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
import { mayAct } from "../../contract/rolloutActions.ts";
import type { RolloutChange } from "../../contract/rolloutChange.ts";
import type { Amount, WaveSettings } from "../../contract/rolloutStrategy.ts";
import type { OperationId } from "../../contract/routes.ts";
import { planGet } from "../../registry/plan.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { releaseGet } from "../../registry/release.ts";
import * as registry from "../../registry/rollout.ts";
import * as control from "../../registry/rolloutControl.ts";
import * as create from "../../registry/rolloutCreate.ts";
import { rolloutDetail } from "../../registry/rolloutDetail.ts";
import * as preview from "../../registry/rolloutPreview.ts";
import * as rows from "../../registry/rolloutTarget.ts";
import { rolloutWarnings } from "../preflight/rolloutWarnings.ts";
import { type Chosen, chooseTargets } from "../rollout/choose/candidates.ts";
import { type PlannedWave, planWaves } from "../rollout/choose/waves.ts";
import { amountOf } from "../rollout/decide/amount.ts";
import { refuseOutdated } from "../rollout/preview/outdated.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import {
  busyWith,
  othersOnPlanes,
  queuedBefore,
  refuseBusyAgain,
  rollBackOnPurpose,
} from "./rolloutPlanes.ts";

export async function rolloutCreate(context: RequestContext, input: RolloutCreate): Promise<RolloutCreated> {
  await authorize(context, "rolloutCreate");
  // Asked before the change is opened: no cloud is waited for while others wait for the registry.
  const warnings = await warningsOf(context, input);
  return changeAs(context, async (change) => {
    const { scope } = input;
    const what = await pinned(change.db, input.change);
    const waves = plannedWaves(await chooseTargets(change.db, what, scope, change.now), input);
    const { onExceeded, whenBusy, stuckAfterMs, emergency, onFailure } = input;
    change.afterCommit(() => context.nudges.nudge("previews"));
    const rollout = await create.rolloutCreate(change, {
      ...{ change: what, scope, reason: input.reason ?? null },
      rules: {
        onExceeded,
        whenBusy,
        stuckAfterMs,
        ...(emergency && { emergency }),
        ...(onFailure && { onFailure }),
      },
      waves: waves.map(({ name, size, settings }) => ({ name, size, settings })),
      targets: waves.flatMap(({ targets }, index) => targets.map((target) => factsFor(target, index + 1))),
    });
    return { ...rollout, warnings };
  });
}

/** A change to the newest version of a plan is one to the version that is the newest now. */
async function pinned(db: Reader, what: RolloutChange): Promise<RolloutChange> {
  if (what.kind !== "plan") return what;
  const { version } = await planGet(db, what.plan, what.planVersion);
  return { ...what, planVersion: version };
}

interface PlannedWaves extends Omit<PlannedWave, "targets"> {
  readonly targets: readonly Chosen[];
}

function plannedWaves(chosen: readonly Chosen[], input: RolloutCreate): PlannedWaves[] {
  const byId = new Map(chosen.map((one) => [one.targetId, one]));
  const { maxConcurrency, failureTolerance, concurrencyMode, bakeMs, healthGate, approval } = input;
  const defaults = { maxConcurrency, failureTolerance, concurrencyMode, bakeMs, healthGate, approval };
  return planWaves(chosen, input.waves, defaults).map((wave) => ({
    ...wave,
    targets: wave.targets.flatMap(({ targetId }) => byId.get(targetId) ?? []),
  }));
}

function factsFor(
  { targetId, tenantId, planeName, before, skip, passedBy }: Chosen,
  wave: number,
): create.RolloutTargetFacts {
  const left = { ...(skip && { skip }), ...(passedBy && { passedBy }) };
  return { targetId, tenantId, planeName, wave, before, ...left };
}

/** A flag starts no task; all other changes replace some. */
async function warningsOf(
  context: RequestContext,
  input: RolloutCreate,
): Promise<RolloutCreated["warnings"]> {
  if (input.change.kind === "flag") return [];
  return context.registry.read(async (db) => {
    try {
      const what = await pinned(db, input.change);
      const chosen = await chooseTargets(db, what, input.scope, new Date().toISOString());
      const waves = plannedWaves(chosen, input);
      const atOnce = Math.max(1, ...waves.map(({ settings, size }) => atOnceIn(settings, size)));
      return await rolloutWarnings(context, atOnce, async () =>
        chosen.filter(({ skip }) => skip === undefined),
      );
    } catch (thrown) {
      // What is wrong with the request is said where it is carried out.
      if (thrown instanceof ProblemError) return [];
      throw thrown;
    }
  });
}

function atOnceIn({ maxConcurrency }: WaveSettings, size: number): number {
  return Math.min(size, Math.max(1, amountOf(maxConcurrency as Amount, size)));
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

type On<T> = (context: RequestContext, rolloutId: string, body: T) => Promise<RolloutDetail>;
type Work<T> = (change: Change, rolloutId: string, body: T, context: RequestContext) => Promise<unknown>;

export const rolloutPreview: On<RolloutControl> = controlled(
  "rolloutPreview",
  async (change, id, { reason }) => {
    await refuseBusyAgain(change, id);
    await control.rolloutPreview(change, id, reason);
  },
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
export const rolloutRetry: On<RolloutRetry> = controlled("rolloutRetry", async (change, id, body) => {
  await refuseBusyAgain(change, id);
  await control.rolloutRetry(change, id, body);
});
export const rolloutRetarget: On<RolloutRetarget> = controlled(
  "rolloutRetarget",
  async (change, id, { releaseNumber, reason }) => {
    await releaseGet(change.db, releaseNumber);
    await control.rolloutRetarget(change, id, releaseNumber, reason);
  },
);
export const rolloutRollback: On<RolloutRollback> = controlled(
  "rolloutRollback",
  async (change, id, body) => {
    await refuseBusyAgain(change, id);
    await rollBackOnPurpose(change, id, body);
  },
);

/** The preview is compared before the change is opened: it may be of ten thousand targets. */
export async function rolloutStart(
  context: RequestContext,
  rolloutId: string,
  body: RolloutStart,
): Promise<RolloutDetail> {
  await authorize(context, "rolloutStart");
  const { registry: books, settings } = context;
  const looked = await books.read((db) => registry.rolloutGet(db, rolloutId));
  if (mayAct("start", looked.status))
    await books.read((db) => refuseOutdated(db, settings, looked, body.previewDigest));
  return change(context, rolloutId, body, async (change) => {
    const now = await registry.rolloutGet(change.db, rolloutId);
    const isOther = now.previewDigest !== body.previewDigest;
    if (isOther && mayAct("start", now.status))
      await refuseOutdated(change.db, settings, now, body.previewDigest);
    const others = [
      ...(await othersOnPlanes(change.db, now)),
      ...(now.startedAt === null ? await queuedBefore(change.db, now) : []),
    ];
    const [first] = others;
    if (first !== undefined && now.rules.whenBusy === "refuse") throw busyWith(first, now);
    await control.rolloutStart(change, rolloutId, { queue: first !== undefined, reason: body.reason });
  });
}

/** Authorized, carried out in one change, and looked at by the driver at once. */
function controlled<T>(operationId: OperationId, work: Work<T>): On<T> {
  return async (context, rolloutId, body) => {
    await authorize(context, operationId);
    return change(context, rolloutId, body, work);
  };
}

function change<T>(
  context: RequestContext,
  rolloutId: string,
  body: T,
  work: Work<T>,
): Promise<RolloutDetail> {
  return changeAs(context, async (change) => {
    await work(change, rolloutId, body, context);
    for (const topic of ["rollouts", "previews"]) change.afterCommit(() => context.nudges.nudge(topic));
    return rolloutDetail(change.db, rolloutId);
  });
}
