import { ProblemError } from "../../contract/errors.ts";
import type { Rollout, RolloutDetail, RolloutTarget } from "../../contract/rollout.ts";
import type { RolloutTargetStatus } from "../../contract/vocabulary.ts";
import { operationFind } from "../../registry/operation.ts";
import type { Change } from "../../registry/registry.ts";
import {
  rolloutDetail,
  rolloutsUnfinished,
  rolloutTargetSet,
  rolloutUpdate,
} from "../../registry/rollout.ts";
import { targetFind } from "../../registry/target.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { requestOperations } from "../app/requestOperations.ts";
import { doAlone } from "../jobs.ts";
import { pastRunOf } from "../operations/pastRun.ts";
import { createWaker, type Waker } from "../waker.ts";
import { type Decision, decide } from "./decide.ts";

/**
 * Carries out what decide.ts decides: reads how the operations of a rollout stand, asks for the decision, writes it, until there is
 * nothing to do but wait. Each decision is one change, so a restart finds a rollout as it was and goes on.
 */
export function createRolloutDriver(service: ServiceContext): Waker {
  return createWaker(service, "rollouts", async () => {
    if ((await service.registry.read(rolloutsUnfinished)).length === 0) return;
    await doAlone(service, "rollouts", async (lost) => {
      const rollouts = await service.registry.read(rolloutsUnfinished);
      for (const rollout of rollouts) await drive(service, rollout, lost);
    });
  });
}

async function drive(service: ServiceContext, rollout: Rollout, lost: AbortSignal): Promise<void> {
  while (!lost.aborted) {
    await observeOperations(service, rollout.rolloutId);
    const detail = await service.registry.read((db) => rolloutDetail(db, rollout.rolloutId));
    if (decisionOn(detail).kind === "wait") return;
    const step = await service.registry.change(controllerFor(detail), (change) => advance(change, detail));
    if (step.decision === "start") service.nudges.nudge("operations");
    if (step.decision === "finish" || step.decision === "wait" || !step.moved) return;
  }
}

/** Decided on what the change itself reads: another process may have driven the rollout since it was looked at. */
async function advance(
  change: Change,
  { rolloutId }: RolloutDetail,
): Promise<{ decision: Decision["kind"]; moved: boolean }> {
  const detail = await rolloutDetail(change.db, rolloutId);
  const decision = decisionOn(detail);
  const isOver = detail.finishedAt !== null || decision.kind === "wait";
  if (isOver) return { decision: "wait", moved: false };
  return { decision: decision.kind, moved: await apply(change, detail, decision) };
}

function decisionOn({ strategy, status, targets }: RolloutDetail): Decision {
  return decide({
    maxConcurrency: strategy.maxConcurrency,
    cancelRequested: status === "halted",
    targets,
  });
}

/** False when nothing could be done now: what stands in the way wakes us when it ends. */
async function apply(
  change: Change,
  rollout: RolloutDetail,
  decision: Exclude<Decision, { kind: "wait" }>,
): Promise<boolean> {
  const { rolloutId } = rollout;
  switch (decision.kind) {
    case "start": {
      let started = 0;
      for (const targetId of decision.targetIds) started += (await start(change, rollout, targetId)) ? 1 : 0;
      const { wave } = decision;
      if (started > 0) await rolloutUpdate(change, rolloutId, { status: "running", currentWave: wave });
      return started > 0;
    }
    case "skip": {
      for (const targetId of decision.targetIds) {
        await rolloutTargetSet(change, rolloutId, targetId, { status: "skipped", error: decision.reason });
      }
      const haltReason = rollout.haltReason ?? whyHalted(rollout) ?? decision.reason;
      await rolloutUpdate(change, rolloutId, { status: "halted", haltReason });
      return true;
    }
    case "finish":
      await rolloutUpdate(change, rolloutId, { status: decision.outcome });
      return true;
  }
}

function whyHalted({ targets }: RolloutDetail): string | undefined {
  const failed = targets.find(({ status }) => status === "failed");
  return failed && `tenant ${failed.tenantId} failed on ${failed.planeName}: ${failed.error ?? "it failed"}`;
}

async function start(change: Change, rollout: RolloutDetail, targetId: string): Promise<boolean> {
  const { rolloutId, releaseNumber } = rollout;
  const target = await targetFind(change.db, targetId);
  if (target === undefined || target.deletedAt !== null || target.requestedState !== "present") {
    const error = "the target is no longer to run";
    await rolloutTargetSet(change, rolloutId, targetId, { status: "skipped", error });
    return true;
  }
  try {
    const [operation] = await requestOperations(change, [target], {
      kind: "tenant_deploy",
      state: "updating",
      input: { releaseNumber },
      patch: { targetReleaseNumber: releaseNumber },
      reason: `rollout of release ${releaseNumber}`,
      onFailure: rollout.strategy.onFailure,
      rolloutId,
    });
    const operationId = operation?.operationId ?? null;
    await rolloutTargetSet(change, rolloutId, targetId, { status: "running", operationId });
    return true;
  } catch (thrown) {
    // Somebody's own operation runs there. The target waits; it keeps its place.
    if (thrown instanceof ProblemError && thrown.code === "operation_in_progress") return false;
    throw thrown;
  }
}

async function observeOperations(service: ServiceContext, rolloutId: string): Promise<void> {
  const { targets } = await service.registry.read((db) => rolloutDetail(db, rolloutId));
  for (const target of targets.filter(({ status }) => status === "running")) {
    const seen = await outcomeOf(service, target);
    if (seen === undefined) continue;
    await service.registry.record((record) => rolloutTargetSet(record, rolloutId, target.targetId, seen));
  }
}

async function outcomeOf(
  service: ServiceContext,
  { operationId }: RolloutTarget,
): Promise<{ status: RolloutTargetStatus; error?: string } | undefined> {
  if (operationId === null) return { status: "failed", error: "its operation is missing" };
  const operation = await service.registry.read((db) => operationFind(db, operationId));
  if (operation === undefined) return { status: "failed", error: "its operation is missing" };
  if (operation.status === "failed")
    return { status: "failed", error: operation.error?.message ?? "it failed" };
  if (operation.status === "cancelled") return { status: "failed", error: "its operation was cancelled" };
  if (operation.status !== "succeeded") return undefined;
  const { results } = await service.registry.read((db) => pastRunOf(db, operationId));
  return { status: results.deploy?.unchanged === true ? "unchanged" : "succeeded" };
}
