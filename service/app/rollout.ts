import type { Page, PageRequest } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import type { Rollout, RolloutCreate, RolloutCreated, RolloutDetail } from "../../contract/rollout.ts";
import type { Target } from "../../contract/target.ts";
import type { RolloutStatus } from "../../contract/vocabulary.ts";
import type { Reader } from "../../registry/registry.ts";
import { releaseGet } from "../../registry/release.ts";
import * as registry from "../../registry/rollout.ts";
import { targetsMatching } from "../../registry/target.ts";
import { rolloutWarnings } from "../preflight/rolloutWarnings.ts";
import { planWaves } from "../rollout/waves.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { declaredElsewhere } from "./declaredReleases.ts";
import { requireKnown } from "./fleetScope.ts";

/** Suspended targets are left out: they get the release when they are deployed or reactivated. */
const deployable = ["ready", "updating", "failed"] as const;

export async function rolloutCreate(context: RequestContext, input: RolloutCreate): Promise<RolloutCreated> {
  await authorize(context, "rolloutCreate");
  // Asked before the change is opened: no cloud is waited for while others wait for the registry.
  const warnings = await rolloutWarnings(context, input.maxConcurrency, (db) => rolloutTargets(db, input));
  return changeAs(context, async (change) => {
    const release = await releaseGet(change.db, input.releaseNumber);
    await requireKnown(change.db, input);
    await refuseSecond(change.db);
    const targets = await rolloutTargets(change.db, input);
    const waves = planWaves(
      targets.map((target) => target.tenantId),
      input.waves,
    );
    const waveOf = (target: Target) => waves.findIndex((wave) => wave.includes(target.tenantId)) + 1;
    change.afterCommit(() => context.nudges.nudge("rollouts"));
    const rollout = await registry.rolloutCreate(change, {
      release,
      strategy: {
        waves: input.waves,
        maxConcurrency: input.maxConcurrency,
        ...(input.onFailure && { onFailure: input.onFailure }),
      },
      waveCount: waves.length,
      reason: input.reason ?? null,
      targets: targets.map((target) => {
        const { targetId, tenantId, planeName, currentReleaseNumber: fromReleaseNumber } = target;
        return { targetId, tenantId, planeName, fromReleaseNumber, wave: waveOf(target) };
      }),
    });
    return { ...rollout, warnings };
  });
}

export async function rolloutList(
  context: RequestContext,
  page: PageRequest & { readonly status?: RolloutStatus | undefined },
): Promise<Page<Rollout>> {
  await authorize(context, "rolloutList");
  return context.registry.read((db) => registry.rolloutList(db, page));
}

export async function rolloutGet(context: RequestContext, rolloutId: string): Promise<RolloutDetail> {
  await authorize(context, "rolloutGet");
  return context.registry.read((db) => registry.rolloutDetail(db, rolloutId));
}

/** A halted rollout starts nothing more; when what runs has ended, it ends as cancelled. */
export async function rolloutCancel(
  context: RequestContext,
  rolloutId: string,
  reason: string | undefined,
): Promise<Rollout> {
  await authorize(context, "rolloutCancel");
  return changeAs(context, async (change) => {
    const rollout = await registry.rolloutGet(change.db, rolloutId);
    if (rollout.finishedAt !== null) throw finished(rollout);
    change.afterCommit(() => context.nudges.nudge("rollouts"));
    const haltReason = rollout.haltReason ?? `cancelled by ${context.principal.name}`;
    return registry.rolloutUpdate(change, rolloutId, { status: "halted", haltReason }, reason);
  });
}

async function rolloutTargets(db: Reader, input: RolloutCreate): Promise<Target[]> {
  const { planes, tenantIds, waves } = input;
  const matching = await targetsMatching(db, { planes, tenantIds, deploymentStates: deployable });
  const running = matching.filter((target) => target.requestedState === "present");
  const elsewhere = await declaredElsewhere(
    db,
    running.map((target) => target.tenantId),
    input.releaseNumber,
  );
  const targets = running.filter((target) => !elsewhere.has(target.tenantId));
  const present = new Set(targets.map((target) => target.tenantId));
  const named = [
    ...(tenantIds ?? []),
    ...waves.flatMap((wave) => ("tenantIds" in wave ? wave.tenantIds : [])),
  ];
  const declared = named.find((tenantId) => elsewhere.has(tenantId));
  if (declared !== undefined) throw declaredOtherwise(declared, input.releaseNumber);
  const absent = named.find((tenantId) => !present.has(tenantId));
  if (absent !== undefined || targets.length === 0) throw nothingToRollOut(absent);
  return targets;
}

function declaredOtherwise(tenantId: string, releaseNumber: number): ProblemError {
  return new ProblemError("managed_by_manifest", {
    detail: `Cannot roll out release ${releaseNumber} to tenant ${tenantId}: its manifest names another release.`,
    hint: "Change spec.release in its manifest, take it out to let rollouts decide, or leave the tenant out.",
    errors: [{ path: "body.tenantIds", message: "names a tenant with a declared release", value: tenantId }],
  });
}

function nothingToRollOut(tenantId: string | undefined): ProblemError {
  const which = tenantId === undefined ? "an active tenant" : `a running target of tenant ${tenantId}`;
  return new ProblemError("target_missing", {
    detail: `Cannot roll out: there must be ${which} within the planes and tenants named.`,
    hint: "Activate the tenant first, or leave it out.",
    errors: [
      { path: "body.tenantIds", message: "has no running target", ...(tenantId && { value: tenantId }) },
    ],
  });
}

/** Two rollouts at once would undo each other's order. */
async function refuseSecond(db: Reader): Promise<void> {
  const [other] = await registry.rolloutsUnfinished(db);
  if (other === undefined) return;
  throw new ProblemError("rollout_in_progress", {
    detail: `Cannot roll out: rollout ${other.rolloutId} of release ${other.releaseNumber} is ${other.status}.`,
    hint: "Wait for it to end, or cancel it.",
    rolloutId: other.rolloutId,
  });
}

function finished(rollout: Rollout): ProblemError {
  return new ProblemError("rollout_finished", {
    detail: `Cannot cancel: the rollout must be under way, and it ${rollout.status === "succeeded" ? "has" : "was"} ${rollout.status}.`,
    hint: "Make another rollout to change what it has done.",
    errors: [{ path: "rollout.status", message: "allows no cancelling", value: rollout.status }],
  });
}
