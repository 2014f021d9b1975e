import { createHash } from "node:crypto";
import pLimit from "p-limit";
import type { Rollout } from "../../../contract/rollout.ts";
import type { RolloutChange } from "../../../contract/rolloutChange.ts";
import { rolloutGet, rolloutsUnfinished } from "../../../registry/rollout.ts";
import {
  type PreviewedTarget,
  rolloutPreviewed,
  rolloutTargetPreviewed,
  rolloutTargetPreviewFailed,
  rolloutTargetPreviewRefused,
  rolloutTargetsToPreview,
} from "../../../registry/rolloutPreview.ts";
import { type PreviewedFacts, rolloutPreviewedTargets } from "../../../registry/rolloutPreviewed.ts";
import { rolloutTargetsOf, rolloutTargetsSet } from "../../../registry/rolloutTarget.ts";
import { specDigest } from "../../../stacks/tenant/spec.ts";
import { controllerFor, type ServiceContext } from "../../app/context.ts";
import { limits } from "../../config/limits.ts";
import { planOf } from "../../engine/changes.ts";
import type { PreviewResult } from "../../engine/engine.ts";
import { monotonicMs } from "../../engine/monotonic.ts";
import { doAlone } from "../../jobs.ts";
import { describeFailure } from "../../operations/failure.ts";
import { pause } from "../../operations/retry.ts";
import { holderOfStack, holdStack, type StackHold } from "../../operations/stackLocks.ts";
import { createWaker } from "../../waker.ts";
import { type RefusedTarget, recordRefused, refusedByPolicies, WINDOW_AWAITED } from "../policies.ts";
import { previewGroup } from "./groups.ts";
import { type Question, type Resolved, resolveSome, wouldChange } from "./specs.ts";

/**
 * Previews what rollouts would change: every target whose spec is not what is applied, with the real engine, as many at once as
 * there are engine workers. It changes nothing. A target without a change costs no engine run; one that cannot be previewed says
 * why and stops no other. What is done is kept target by target, so whoever goes on after a kill does the rest.
 */
export interface Previewer {
  wake(): void;
  stop(): Promise<void>;
}

/** The plan of a target for which there is nothing to do. */
export const NO_CHANGES: PreviewResult = planOf([], {});

/** Instead of a spec's digest where nothing is deployed. */
export const NO_SPEC = "none";

export function createPreviewer(service: ServiceContext): Previewer {
  const stopping = new AbortController();
  const waker = createWaker(service, "previews", async () => {
    if ((await toPreview(service)).length === 0) return;
    await doAlone(service, "rollout-previews", async (lost) => {
      const signal = AbortSignal.any([stopping.signal, lost]);
      // A batch of each in turn: a small one must not wait for hours behind one of the whole fleet.
      for (;;) {
        const rollouts = await toPreview(service);
        if (rollouts.length === 0 || signal.aborted) return;
        let failed = 0;
        for (const rollout of rollouts) {
          if (signal.aborted) return;
          await previewSome(service, rollout, signal).catch((thrown: unknown) => {
            failed += 1;
            service.log.error({ err: thrown, rolloutId: rollout.rolloutId }, "a rollout cannot be previewed");
          });
        }
        // The regular wake tries again what keeps failing.
        if (failed === rollouts.length) return;
      }
    });
  });
  return {
    wake: waker.wake,
    stop() {
      stopping.abort("shutdown");
      return waker.stop();
    },
  };
}

async function toPreview({ registry }: ServiceContext): Promise<Rollout[]> {
  const unfinished = await registry.read(rolloutsUnfinished);
  return unfinished.filter(isToPreview);
}

function isToPreview({ status, cancelRequestedAt }: Rollout): boolean {
  return status === "previewing" && cancelRequestedAt === null;
}

async function previewSome(
  service: ServiceContext,
  { rolloutId }: Rollout,
  signal: AbortSignal,
): Promise<void> {
  const { registry } = service;
  const rollout = await registry.read((db) => rolloutGet(db, rolloutId));
  if (!isToPreview(rollout)) return;
  const batch = await registry.read((db) => rolloutTargetsToPreview(db, rolloutId, limits.previewBatch));
  if (batch.length === 0) await finish(service, rollout);
  else await previewBatch(service, rollout, batch, signal);
}

async function previewBatch(
  service: ServiceContext,
  rollout: Rollout,
  batch: readonly Question[],
  signal: AbortSignal,
): Promise<void> {
  const { registry, settings } = service;
  const limit = pLimit(settings.engineWorkers);
  const resolved = await registry.read((db) => resolveSome(db, settings, rollout.change, batch));
  const found = new Set(resolved.map(({ target }) => target.targetId));
  const gone = batch.map(({ targetId }) => targetId).filter((targetId) => !found.has(targetId));
  const refused = await refuseByPolicies(service, rollout, batch, resolved);
  const open = resolved.filter(({ target }) => !refused.has(target.targetId));
  const unchanged = open.filter(({ isApplied, problem }) => isApplied && problem === undefined);
  await registry.record(async (record) => {
    const skipped = { status: "skipped", reason: "the target is gone" } as const;
    if (gone.length > 0) await rolloutTargetsSet(record, rollout.rolloutId, gone, skipped);
    for (const one of unchanged) {
      await rolloutTargetPreviewed(record, rollout.rolloutId, previewedOf(one, NO_CHANGES));
    }
  });
  const others = open.filter((one) => !unchanged.includes(one));
  // All of them end before a failure is passed on: the next pass must not meet the stacks this one still looks at.
  const ends = await Promise.allSettled(
    others.map((one) =>
      limit(async () => {
        if (!signal.aborted) await previewTarget(service, rollout, one, signal);
      }),
    ),
  );
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** What the policies say of each target by itself. Those they refuse are out of the preview; answers their ids. */
async function refuseByPolicies(
  service: ServiceContext,
  rollout: Rollout,
  batch: readonly Question[],
  resolved: readonly Resolved[],
): Promise<ReadonlySet<string>> {
  const { registry } = service;
  const releases = new Map(batch.map(({ targetId, toReleaseNumber }) => [targetId, toReleaseNumber]));
  const refused = new Map<string, RefusedTarget>();
  for (const one of resolved) {
    if (one.problem !== undefined || !wouldChange(rollout.change, one)) continue;
    const { targetId, tenantId, planeName } = one.target;
    const asked = { tenantId, planeName, toReleaseNumber: releases.get(targetId) ?? null };
    const found = await registry.read((db) => refusedByPolicies(db, service, rollout, asked, WINDOW_AWAITED));
    if (found !== undefined) refused.set(targetId, found);
  }
  if (refused.size === 0) return new Set();
  await registry.change(controllerFor(rollout), async (change) => {
    const { rolloutId } = rollout;
    for (const row of await rolloutTargetsOf(change.db, rolloutId, [...refused.keys()])) {
      const found = refused.get(row.targetId);
      // Somebody may have skipped it meanwhile.
      if (found === undefined || row.status !== "pending") continue;
      const { isDenied, reason } = found;
      await recordRefused(change, service, rollout, row, found);
      if (isDenied) await rolloutTargetPreviewRefused(change, rolloutId, row.targetId, reason);
      else await rolloutTargetPreviewFailed(change, rolloutId, row.targetId, reason);
    }
  });
  return new Set(refused.keys());
}

async function previewTarget(
  service: ServiceContext,
  rollout: Rollout,
  resolved: Resolved,
  signal: AbortSignal,
): Promise<void> {
  const { registry, log } = service;
  const { rolloutId } = rollout;
  const { target, spec, problem } = resolved;
  const { targetId } = target;
  const fail = (why: string) =>
    registry.record((record) => rolloutTargetPreviewFailed(record, rolloutId, targetId, why));
  if (!isToPreview(await registry.read((db) => rolloutGet(db, rolloutId)))) return;
  if (spec === undefined) return fail(problem ?? "its spec cannot be resolved");
  const hold = await patientHold(service, targetId, `preview of rollout ${rolloutId}`, signal);
  if (hold === undefined) {
    if (signal.aborted) return;
    return fail(`an operation is under way on its stack (${await holderOfStack(service, targetId)})`);
  }
  try {
    const hooks = {
      runId: `${rolloutId}-${targetId}`,
      signal: AbortSignal.any([signal, hold.signal]),
      lease: hold.lease,
    };
    // What a killed service began may still run, and writes into the same folder.
    await service.engine.settle(target, hooks.runId);
    const { engine } = service;
    const plan = await (needsRefresh(resolved, rollout.change)
      ? engine.previewRepair(spec, hooks)
      : engine.preview(spec, hooks));
    await registry.record((record) => rolloutTargetPreviewed(record, rolloutId, previewedOf(resolved, plan)));
  } catch (thrown) {
    if (signal.aborted || hold.signal.aborted) return;
    const failure = describeFailure(thrown);
    if (failure.code === "internal") log.error({ err: thrown, targetId }, "a preview failed unforeseen");
    await fail(failure.message);
  } finally {
    await hold.release();
  }
}

/** As the deploy step chooses: a plain run compares with the state and would leave drift as it is. */
function needsRefresh({ isToMend }: Resolved, { kind }: RolloutChange): boolean {
  return isToMend || kind === "drift_repair";
}

async function patientHold(
  service: ServiceContext,
  targetId: string,
  holder: string,
  signal: AbortSignal,
): Promise<StackHold | undefined> {
  const untilMs = monotonicMs() + limits.previewPatienceMs;
  for (;;) {
    const hold = await holdStack(service, targetId, holder);
    if (hold !== undefined || signal.aborted || monotonicMs() >= untilMs) return hold;
    await pause(limits.previewLookMs, signal);
  }
}

function previewedOf({ target, tenant, spec, digest }: Resolved, plan: PreviewResult): PreviewedTarget {
  const { targetId, tenantId, planeName, region, currentSpecDigest } = target;
  const facts = { tenantId, slug: tenant.slug, accountId: spec?.plane.accountId ?? "", region, planeName };
  const digests = [currentSpecDigest, spec && specDigest(spec)].filter((one) => typeof one === "string");
  return {
    targetId,
    specDigest: digest ?? NO_SPEC,
    planDigest: plan.digest,
    group: previewGroup(plan, facts, digests),
  };
}

/** Previewed as a whole, unless somebody has skipped, cancelled or begun it anew meanwhile. */
async function finish(service: ServiceContext, rollout: Rollout): Promise<void> {
  const { rolloutId } = rollout;
  await service.registry.change(controllerFor(rollout), async (change) => {
    if (!isToPreview(await rolloutGet(change.db, rolloutId))) return;
    if ((await rolloutTargetsToPreview(change.db, rolloutId, 1)).length > 0) return;
    const previewed = await rolloutPreviewedTargets(change.db, rolloutId);
    await rolloutPreviewed(change, rolloutId, digestOf(previewed));
  });
  service.nudges.nudge("rollouts");
}

/** Of the whole preview: equal only when every target would get the same spec by the same plan. */
export function digestOf(previewed: readonly PreviewedFacts[]): string {
  const hash = createHash("sha256");
  for (const { targetId, specDigest, planDigest, previewError } of previewed) {
    hash.update(
      `${targetId} ${specDigest ?? ""} ${planDigest ?? ""} ${previewError === null ? "" : "failed"}\n`,
    );
  }
  return hash.digest("hex");
}
