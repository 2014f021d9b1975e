import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Rollout, RolloutListQuery } from "../contract/rollout.ts";
import { ROLLOUT_UNDER_WAY } from "../contract/rolloutActions.ts";
import type { RolloutChange } from "../contract/rolloutChange.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { RolloutTable } from "./schema.ts";

export interface RolloutPatch {
  readonly status?: Rollout["status"];
  readonly statusReason?: string | null;
  readonly change?: RolloutChange;
  readonly currentWave?: number;
  readonly previewDigest?: string | null;
  readonly stuckSince?: string | null;
  readonly stuckReason?: string | null;
  readonly cancelRequestedAt?: string | null;
  readonly endedAs?: Rollout["endedAs"];
  readonly previewedAt?: string | null;
  readonly queuedAt?: string | null;
  readonly startedAt?: string | null;
  readonly finishedAt?: string | null;
}

export interface RolloutEvent {
  /** Such as rollout.paused: of the audit event and of the outbox event. */
  readonly action: string;
  readonly reason?: string | null | undefined;
  readonly outcome?: "succeeded" | "failed";
  readonly details?: Record<string, unknown>;
}

/** Writes what changed, with its audit event and its outbox event; counts as progress. */
export async function rolloutUpdate(
  change: Change,
  rolloutId: string,
  patch: RolloutPatch,
  event: RolloutEvent,
): Promise<void> {
  const { change: what, statusReason, stuckReason, ...plain } = patch;
  await change.db
    .updateTable("rollouts")
    .set({
      ...plain,
      ...(statusReason === undefined ? {} : { statusReason: statusReason && redactText(statusReason) }),
      ...(stuckReason === undefined ? {} : { stuckReason: stuckReason && redactText(stuckReason) }),
      ...(what === undefined
        ? {}
        : { change: toJson(what), releaseNumber: what.kind === "release" ? what.releaseNumber : null }),
      updatedAt: change.now,
      ...(patch.stuckSince ? {} : { progressAt: change.now }),
    })
    .where("rolloutId", "=", rolloutId)
    .execute();
  await change.audit({
    action: event.action,
    target: { type: "rollout", id: rolloutId },
    outcome: event.outcome ?? "succeeded",
    reason: event.reason ?? null,
    details: { ...(patch.status && { status: patch.status }), ...event.details },
  });
  await change.outbox({
    type: event.action,
    payload: {
      rolloutId,
      ...(patch.status && { status: patch.status }),
      ...(statusReason ? { statusReason } : {}),
      ...event.details,
    },
  });
}

export async function rolloutGet(db: Reader, rolloutId: string): Promise<Rollout> {
  const row = await db
    .selectFrom("rollouts")
    .selectAll()
    .where("rolloutId", "=", rolloutId)
    .executeTakeFirst();
  if (row !== undefined) return fromRow(row, (await planesOf(db, [rolloutId])).get(rolloutId) ?? []);
  throw new ProblemError("rollout_not_found", {
    detail: `Cannot find a rollout with the id ${rolloutId}.`,
    hint: "List rollouts with GET /v1/control-plane/rollouts.",
    errors: [{ path: "path.rolloutId", message: "is no rollout's id", value: rolloutId }],
  });
}

/** Oldest first: what a starting service takes up again. */
export async function rolloutsUnfinished(db: Reader): Promise<Rollout[]> {
  const rows = await db
    .selectFrom("rollouts")
    .selectAll()
    .where("finishedAt", "is", null)
    .orderBy("createdAt")
    .orderBy("rolloutId")
    .execute();
  return withPlanes(db, rows);
}

/**
 * Those that have these planes to themselves, oldest first; all there are when none is named. One that was retargeted keeps its planes while
 * it is previewed anew: half of the fleet has what it brought.
 */
export async function rolloutsUnderWay(db: Reader, planes?: readonly string[]): Promise<Rollout[]> {
  const rows = await db
    .selectFrom("rollouts")
    .selectAll()
    .where("finishedAt", "is", null)
    .where(({ or, and, eb }) =>
      or([
        eb("status", "in", [...ROLLOUT_UNDER_WAY]),
        and([eb("status", "in", ["previewing", "previewed"]), eb("startedAt", "is not", null)]),
      ]),
    )
    .orderBy("createdAt")
    .orderBy("rolloutId")
    .execute();
  const found = await withPlanes(db, rows);
  if (planes === undefined) return found;
  return found.filter((rollout) => rollout.planes.some((plane) => planes.includes(plane)));
}

/** Newest first. */
export async function rolloutList(db: Reader, query: RolloutListQuery): Promise<Page<Rollout>> {
  let rows = db.selectFrom("rollouts").selectAll();
  if (query.status) rows = rows.where("status", "=", query.status);
  if (query.cursor) {
    const [createdAt, rolloutId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "rolloutId"), "<", tuple(createdAt, rolloutId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("rolloutId", "desc")
    .limit(query.limit + 1)
    .execute();
  const planes = await planesOf(
    db,
    found.map(({ rolloutId }) => rolloutId),
  );
  const toItem = (row: Row) => fromRow(row, planes.get(row.rolloutId) ?? []);
  return toPage(found, query.limit, toItem, (row) => [row.createdAt, row.rolloutId]);
}

type Row = Selectable<RolloutTable>;

async function withPlanes(db: Reader, rows: readonly Row[]): Promise<Rollout[]> {
  const planes = await planesOf(
    db,
    rows.map(({ rolloutId }) => rolloutId),
  );
  return rows.map((row) => fromRow(row, planes.get(row.rolloutId) ?? []));
}

async function planesOf(db: Reader, rolloutIds: readonly string[]): Promise<Map<string, string[]>> {
  const planes = new Map<string, string[]>();
  if (rolloutIds.length === 0) return planes;
  const rows = await db
    .selectFrom("rolloutPlanes")
    .selectAll()
    .where("rolloutId", "in", [...rolloutIds])
    .orderBy("rolloutId")
    .orderBy("planeName")
    .execute();
  for (const { rolloutId, planeName } of rows) {
    const known = planes.get(rolloutId);
    if (known === undefined) planes.set(rolloutId, [planeName]);
    else known.push(planeName);
  }
  return planes;
}

function fromRow(row: Row, planes: string[]): Rollout {
  const { releaseNumber: _releaseNumber, change, scope, rules, ...rest } = row;
  return { ...rest, change: fromJson(change), scope: fromJson(scope), rules: fromJson(rules), planes };
}
