import type { Cohort } from "../contract/cohort.ts";
import type { RolloutDetail } from "../contract/rollout.ts";
import type { RolloutBefore, RolloutChange } from "../contract/rolloutChange.ts";
import type { RolloutRules, WaveSettings } from "../contract/rolloutStrategy.ts";
import { newId } from "./id.ts";
import { toJson } from "./json.ts";
import type { Change } from "./registry.ts";
import { rolloutDetail } from "./rolloutDetail.ts";

export interface RolloutCreateFacts {
  readonly change: RolloutChange;
  readonly scope: Cohort;
  readonly rules: RolloutRules;
  /** In order. */
  readonly waves: readonly {
    readonly name: string | null;
    readonly size: number;
    readonly settings: WaveSettings;
  }[];
  readonly targets: readonly RolloutTargetFacts[];
  readonly reason?: string | null;
}

export interface RolloutTargetFacts {
  readonly targetId: string;
  readonly tenantId: string;
  readonly planeName: string;
  /** 1 is the first. */
  readonly wave: number;
  readonly before: RolloutBefore;
  /** Why it is left out from the start. */
  readonly skip?: { readonly status: "skipped" | "held"; readonly reason: string };
  /** What it has now, of one that rests and is to catch up. */
  readonly passedBy?: RolloutBefore;
}

const ROWS_PER_INSERT = 500;

/** Begins it as `previewing`. Audits `rollout.created` on the fleet's chain. */
export async function rolloutCreate(change: Change, input: RolloutCreateFacts): Promise<RolloutDetail> {
  const { context, now, db } = change;
  const rolloutId = newId();
  const releaseNumber = input.change.kind === "release" ? input.change.releaseNumber : null;
  await db
    .insertInto("rollouts")
    .values({
      rolloutId,
      change: toJson(input.change),
      releaseNumber,
      scope: toJson(input.scope),
      rules: toJson(input.rules),
      status: "previewing",
      statusReason: null,
      reason: input.reason ?? null,
      waveCount: input.waves.length,
      currentWave: 0,
      targetCount: input.targets.length,
      previewDigest: null,
      stuckSince: null,
      stuckReason: null,
      cancelRequestedAt: null,
      endedAs: null,
      createdBy: context.actor.id,
      requestId: context.requestId,
      correlationId: context.correlationId,
      createdAt: now,
      updatedAt: now,
      previewedAt: null,
      queuedAt: null,
      startedAt: null,
      progressAt: now,
      finishedAt: null,
    })
    .execute();
  await insertParts(change, rolloutId, input);
  const planes = [...new Set(input.targets.map(({ planeName }) => planeName))].sort();
  await change.audit({
    action: "rollout.created",
    target: { type: "rollout", id: rolloutId },
    reason: input.reason ?? null,
    details: {
      change: input.change,
      scope: input.scope,
      rules: input.rules,
      waves: input.waves,
      planes,
      targets: input.targets.length,
    },
  });
  await change.outbox({ type: "rollout.created", payload: { rolloutId, change: input.change, planes } });
  return await rolloutDetail(db, rolloutId);
}

async function insertParts({ db, now }: Change, rolloutId: string, input: RolloutCreateFacts): Promise<void> {
  const planes = [...new Set(input.targets.map(({ planeName }) => planeName))];
  if (planes.length > 0) {
    const rows = planes.map((planeName) => ({ rolloutId, planeName }));
    await db.insertInto("rolloutPlanes").values(rows).execute();
  }
  if (input.waves.length > 0) {
    const rows = input.waves.map(({ name, size, settings }, index) => ({
      ...{ rolloutId, wave: index + 1, name, size, settings: toJson(settings) },
      ...{ approvalAskedAt: null, approvedBy: null, approvedAt: null },
      ...{ startedAt: null, bakeUntil: null, endedAt: null },
    }));
    await db.insertInto("rolloutWaves").values(rows).execute();
  }
  const toReleaseNumber = input.change.kind === "release" ? input.change.releaseNumber : null;
  for (let from = 0; from < input.targets.length; from += ROWS_PER_INSERT) {
    const rows = input.targets
      .slice(from, from + ROWS_PER_INSERT)
      .map(({ skip, before, passedBy, ...target }) => ({
        ...target,
        rolloutId,
        status: skip?.status ?? ("pending" as const),
        reason: skip?.reason ?? null,
        before: toJson(before),
        toReleaseNumber,
        ...{ operationId: null, previewGroup: null, planDigest: null, specDigest: null, previewedAt: null },
        ...{ previewError: null, rollbackRequestedAt: null, health: null, attempt: 0 },
        ...{ startedAt: null, endedAt: null, progressAt: null, updatedAt: now },
        ...{ passedByAt: passedBy ? now : null, passedBy: passedBy ? toJson(passedBy) : null },
      }));
    await db.insertInto("rolloutTargets").values(rows).execute();
  }
}
