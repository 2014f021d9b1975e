import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Release } from "../contract/release.ts";
import type { Rollout, RolloutDetail, RolloutTarget } from "../contract/rollout.ts";
import type { RolloutStatus } from "../contract/vocabulary.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { RolloutTable } from "./schema.ts";

export interface RolloutCreateFacts {
  readonly release: Pick<Release, "releaseId" | "number">;
  readonly strategy: Rollout["strategy"];
  readonly waveCount: number;
  readonly targets: readonly Pick<
    RolloutTarget,
    "targetId" | "tenantId" | "planeName" | "wave" | "fromReleaseNumber"
  >[];
  readonly reason?: string | null;
}

const ROWS_PER_INSERT = 1_000;

/** Audits `rollout.created` on the fleet's chain. */
export async function rolloutCreate(change: Change, input: RolloutCreateFacts): Promise<RolloutDetail> {
  const { context, now } = change;
  const rollout: Rollout = {
    rolloutId: newId(),
    releaseNumber: input.release.number,
    status: "queued",
    strategy: input.strategy,
    waveCount: input.waveCount,
    currentWave: 0,
    haltReason: null,
    createdBy: context.actor.id,
    requestId: context.requestId,
    correlationId: context.correlationId,
    createdAt: now,
    updatedAt: now,
    startedAt: null,
    finishedAt: null,
  };
  await change.db
    .insertInto("rollouts")
    .values({ ...rollout, strategy: toJson({ ...rollout.strategy }), releaseId: input.release.releaseId })
    .execute();
  for (let from = 0; from < input.targets.length; from += ROWS_PER_INSERT) {
    const rows = input.targets.slice(from, from + ROWS_PER_INSERT).map((target) => ({
      rolloutId: rollout.rolloutId,
      ...target,
      status: "pending" as const,
      operationId: null,
      error: null,
      updatedAt: now,
    }));
    await change.db.insertInto("rolloutTargets").values(rows).execute();
  }
  const { rolloutId, releaseNumber, waveCount } = rollout;
  const details = { releaseNumber, waveCount, targets: input.targets.length, strategy: input.strategy };
  await change.audit({
    action: "rollout.created",
    target: { type: "rollout", id: rolloutId },
    reason: input.reason ?? null,
    details,
  });
  await change.outbox({ type: "rollout.created", payload: { rolloutId, releaseNumber } });
  return await rolloutDetail(change.db, rolloutId);
}

export interface RolloutPatch {
  readonly status?: RolloutStatus;
  readonly currentWave?: number;
  readonly haltReason?: string | null;
}

const ENDED: readonly RolloutStatus[] = ["succeeded", "failed", "cancelled"];

/** Audits `rollout.<status>`, or `rollout.wave_started` when only the wave moves. */
export async function rolloutUpdate(
  change: Change,
  rolloutId: string,
  patch: RolloutPatch,
  reason?: string,
): Promise<Rollout> {
  const before = await rolloutGet(change.db, rolloutId);
  const status = patch.status ?? before.status;
  const currentWave = patch.currentWave ?? before.currentWave;
  const haltReason =
    patch.haltReason === undefined ? before.haltReason : patch.haltReason && redactText(patch.haltReason);
  if (status === before.status && currentWave === before.currentWave && haltReason === before.haltReason)
    return before;
  const after: Rollout = {
    ...before,
    status,
    currentWave,
    haltReason,
    updatedAt: change.now,
    startedAt: before.startedAt ?? (status === "running" ? change.now : null),
    finishedAt: ENDED.includes(status) ? (before.finishedAt ?? change.now) : null,
  };
  const { updatedAt, startedAt, finishedAt } = after;
  await change.db
    .updateTable("rollouts")
    .set({ status, currentWave, haltReason, updatedAt, startedAt, finishedAt })
    .where("rolloutId", "=", rolloutId)
    .execute();
  const action = status === before.status ? "rollout.wave_started" : `rollout.${status}`;
  await change.audit({
    action,
    target: { type: "rollout", id: rolloutId },
    outcome: status === "failed" || status === "halted" ? "failed" : "succeeded",
    reason: reason ?? null,
    details: { releaseNumber: before.releaseNumber, currentWave, waveCount: before.waveCount, haltReason },
  });
  await change.outbox({ type: action, payload: { rolloutId, status, currentWave } });
  return after;
}

/** The operation of the target audits itself; this only says how the rollout sees it. */
export async function rolloutTargetSet(
  record: Bookkeeping,
  rolloutId: string,
  targetId: string,
  patch: Pick<RolloutTarget, "status"> & Partial<Pick<RolloutTarget, "operationId" | "error">>,
): Promise<void> {
  await record.db
    .updateTable("rolloutTargets")
    .set({
      status: patch.status,
      ...(patch.operationId === undefined ? {} : { operationId: patch.operationId }),
      ...(patch.error === undefined ? {} : { error: patch.error && redactText(patch.error) }),
      updatedAt: record.now,
    })
    .where("rolloutId", "=", rolloutId)
    .where("targetId", "=", targetId)
    .execute();
}

export async function rolloutGet(db: Reader, rolloutId: string): Promise<Rollout> {
  const row = await db
    .selectFrom("rollouts")
    .selectAll()
    .where("rolloutId", "=", rolloutId)
    .executeTakeFirst();
  if (row !== undefined) return fromRow(row);
  throw new ProblemError("rollout_not_found", {
    detail: `Cannot find a rollout with the id ${rolloutId}.`,
    hint: "List rollouts with GET /v1/control-plane/rollouts.",
    errors: [{ path: "path.rolloutId", message: "is no rollout's id", value: rolloutId }],
  });
}

/** Targets by wave. */
export async function rolloutDetail(db: Reader, rolloutId: string): Promise<RolloutDetail> {
  const rollout = await rolloutGet(db, rolloutId);
  const targets = await db
    .selectFrom("rolloutTargets")
    .select(["targetId", "tenantId", "planeName", "wave", "status"])
    .select(["operationId", "fromReleaseNumber", "error", "updatedAt"])
    .where("rolloutId", "=", rolloutId)
    .orderBy("wave")
    .orderBy("targetId")
    .execute();
  return { ...rollout, targets };
}

/** Oldest first: what a starting service takes up again. */
export async function rolloutsUnfinished(db: Reader): Promise<Rollout[]> {
  const rows = await db
    .selectFrom("rollouts")
    .selectAll()
    .where("finishedAt", "is", null)
    .orderBy("createdAt")
    .execute();
  return rows.map(fromRow);
}

/** The release of the last rollout that succeeded on a plane and ended after a time; undefined when there was none. */
export async function planeReleaseAfter(
  db: Reader,
  planeName: string,
  after: string,
): Promise<number | undefined> {
  const row = await db
    .selectFrom("rollouts")
    .select("releaseNumber")
    .where("status", "=", "succeeded")
    .where("finishedAt", ">", after)
    .where("rolloutId", "in", (targets) =>
      targets
        .selectFrom("rolloutTargets")
        .select("rolloutTargets.rolloutId")
        .where("planeName", "=", planeName),
    )
    .orderBy("finishedAt", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.releaseNumber;
}

/** Newest first. */
export async function rolloutList(
  db: Reader,
  page: PageRequest & { readonly status?: RolloutStatus | undefined },
): Promise<Page<Rollout>> {
  let rows = db.selectFrom("rollouts").selectAll();
  if (page.status) rows = rows.where("status", "=", page.status);
  if (page.cursor) {
    const [createdAt, rolloutId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "rolloutId"), "<", tuple(createdAt, rolloutId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("rolloutId", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, fromRow, (row) => [row.createdAt, row.rolloutId]);
}

function fromRow(row: Selectable<RolloutTable>): Rollout {
  const { releaseId: _releaseId, strategy, ...rest } = row;
  return { ...rest, strategy: fromJson(strategy) as Rollout["strategy"] };
}
