import { type Selectable, sql } from "kysely";
import type { Page } from "../contract/common.ts";
import type {
  Rollout,
  RolloutCounts,
  RolloutHealth,
  RolloutTarget,
  RolloutTargetListQuery,
} from "../contract/rollout.ts";
import type { RolloutBefore, RolloutChange } from "../contract/rolloutChange.ts";
import { ROLLOUT_TARGET_STATUSES } from "../contract/vocabulary.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, pageAfterNumber, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Reader } from "./registry.ts";
import type { RolloutTargetTable } from "./schema.ts";

/** Keeps a statement's parameters well under what both databases take. */
const ROWS_PER_UPDATE = 500;

/** What a rollout's books may set of a target; what is left out stays. */
export interface RolloutTargetPatch {
  readonly status?: RolloutTarget["status"];
  readonly reason?: string | null;
  readonly operationId?: string | null;
  readonly previewGroup?: string | null;
  readonly planDigest?: string | null;
  readonly specDigest?: string | null;
  readonly previewedAt?: string | null;
  readonly previewError?: string | null;
  readonly rollbackRequestedAt?: string | null;
  readonly health?: RolloutHealth | null;
  readonly startedAt?: string | null;
  readonly endedAt?: string | null;
  readonly progressAt?: string | null;
  /** When the rollout passed it by because it rested, and what it had then. */
  readonly passedByAt?: string;
  readonly passedBy?: RolloutBefore;
}

/**
 * Sets the same of many targets, in one statement for every 500. The operation of a target audits itself: this only says how the
 * rollout sees it.
 */
export async function rolloutTargetsSet(
  record: Bookkeeping,
  rolloutId: string,
  targetIds: readonly string[],
  patch: RolloutTargetPatch,
): Promise<void> {
  const { health, reason, previewError, passedBy, ...plain } = patch;
  for (let from = 0; from < targetIds.length; from += ROWS_PER_UPDATE) {
    await record.db
      .updateTable("rolloutTargets")
      .set({
        ...plain,
        ...(reason === undefined ? {} : { reason: reason && redactText(reason) }),
        ...(previewError === undefined ? {} : { previewError: previewError && redactText(previewError) }),
        ...(health === undefined ? {} : { health: health && toJson(health) }),
        ...(passedBy === undefined ? {} : { passedBy: toJson(passedBy) }),
        updatedAt: record.now,
      })
      .where("rolloutId", "=", rolloutId)
      .where("targetId", "in", targetIds.slice(from, from + ROWS_PER_UPDATE))
      .execute();
  }
}

/** What a look at a target that bakes has found, unless it no longer bakes or has been deployed again since. */
export async function rolloutTargetLooked(
  { db, now }: Bookkeeping,
  rolloutId: string,
  { targetId, operationId }: Pick<RolloutTarget, "targetId" | "operationId">,
  health: RolloutHealth,
): Promise<void> {
  await db
    .updateTable("rolloutTargets")
    .set({ health: toJson(health), updatedAt: now })
    .where("rolloutId", "=", rolloutId)
    .where("targetId", "=", targetId)
    .where("status", "=", "baking")
    .where("operationId", operationId === null ? "is" : "=", operationId)
    .execute();
}

/** Sets something else of each target, in as many statements as there are different patches (their operations apart). */
export async function rolloutTargetsSetEach(
  record: Bookkeeping,
  rolloutId: string,
  rows: readonly (RolloutTargetPatch & { readonly targetId: string })[],
): Promise<void> {
  const groups = new Map<string, { patch: RolloutTargetPatch; targetIds: string[] }>();
  for (const { targetId, ...patch } of rows) {
    const key = JSON.stringify(patch);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { patch, targetIds: [targetId] });
    else group.targetIds.push(targetId);
  }
  for (const { patch, targetIds } of groups.values()) {
    await rolloutTargetsSet(record, rolloutId, targetIds, patch);
  }
}

/** Begins targets with an operation each: another attempt, whose outcome is open. */
export async function rolloutTargetsBegin(
  record: Bookkeeping,
  rolloutId: string,
  status: "running" | "rolling_back",
  rows: readonly { readonly targetId: string; readonly operationId: string | null }[],
): Promise<void> {
  const { now, db } = record;
  for (let from = 0; from < rows.length; from += ROWS_PER_UPDATE) {
    const chunk = rows.slice(from, from + ROWS_PER_UPDATE);
    const cases = chunk.map(({ targetId, operationId }) => sql`when ${targetId} then ${operationId}`);
    await db
      .updateTable("rolloutTargets")
      .set(({ eb }) => ({
        status,
        // What is rolled back because it failed goes on saying why.
        ...(status === "running" ? { reason: null } : {}),
        operationId: sql<string | null>`case target_id ${sql.join(cases, sql` `)} end`,
        attempt: eb("attempt", "+", 1),
        health: null,
        startedAt: now,
        endedAt: null,
        progressAt: now,
        updatedAt: now,
      }))
      .where("rolloutId", "=", rolloutId)
      .where(
        "targetId",
        "in",
        chunk.map(({ targetId }) => targetId),
      )
      .execute();
  }
}

/** How many of its targets' operations on each plane no process has begun yet. */
export async function rolloutOperationsQueued(db: Reader, rolloutId: string): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom("rolloutTargets as t")
    .innerJoin("operations as o", "o.operationId", "t.operationId")
    .select(({ fn }) => ["t.planeName", fn.countAll<number | string>().as("queued")])
    .where("t.rolloutId", "=", rolloutId)
    .where("t.status", "in", ["running", "rolling_back"])
    .where("o.status", "=", "queued")
    .groupBy("t.planeName")
    .execute();
  return new Map(rows.map(({ planeName, queued }) => [planeName, Number(queued)]));
}

/** Wave by wave, of a status or a preview group when asked. */
export async function rolloutTargetList(
  db: Reader,
  rolloutId: string,
  query: RolloutTargetListQuery,
): Promise<Page<RolloutTarget>> {
  let rows = db.selectFrom("rolloutTargets").selectAll().where("rolloutId", "=", rolloutId);
  if (query.status) rows = rows.where("status", "=", query.status);
  if (query.wave) rows = rows.where("wave", "=", query.wave);
  if (query.previewGroup) rows = rows.where("previewGroup", "=", query.previewGroup);
  if (query.cursor) {
    const wave = pageAfterNumber(query.cursor, 0);
    const [, targetId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("wave", "targetId"), ">", tuple(wave, targetId)),
    );
  }
  const found = await rows
    .orderBy("wave")
    .orderBy("targetId")
    .limit(query.limit + 1)
    .execute();
  return toPage(found, query.limit, fromRow, (row) => [String(row.wave), row.targetId]);
}

/** Those named, in no order; all of them when none is named. */
export async function rolloutTargetsOf(
  db: Reader,
  rolloutId: string,
  targetIds?: readonly string[],
): Promise<RolloutTarget[]> {
  let rows = db.selectFrom("rolloutTargets").selectAll().where("rolloutId", "=", rolloutId);
  if (targetIds) rows = rows.where("targetId", "in", [...targetIds]);
  return (await rows.execute()).map(fromRow);
}

/** Those of one tenant, one for each of its planes. */
export async function rolloutTargetsOfTenant(
  db: Reader,
  rolloutId: string,
  tenantId: string,
): Promise<RolloutTarget[]> {
  const rows = await db
    .selectFrom("rolloutTargets")
    .selectAll()
    .where("rolloutId", "=", rolloutId)
    .where("targetId", "in", (eb) =>
      eb.selectFrom("targets").select("targets.targetId").where("targets.tenantId", "=", tenantId),
    )
    .execute();
  return rows.map(fromRow);
}

const AHEAD: readonly RolloutTarget["status"][] = ["pending", "running", "failed", "rolling_back"];

/** Of what a rollout writes on the tenant, these reach its targets by a deployment. */
const DEPLOYED: readonly RolloutChange["kind"][] = ["plan", "field"];

/** A rollout that has written on a tenant, and is still to bring it to one of its targets. */
export type RolloutAhead = Pick<Rollout, "rolloutId" | "status">;

/**
 * Of the tenants' targets, those that a rollout under way is still to bring what it has written on the tenant, or to be told what to do with: a
 * release is no part of the record.
 */
export async function rolloutTargetsAhead(
  db: Reader,
  tenantIds: readonly string[],
): Promise<Map<string, RolloutAhead>> {
  if (tenantIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("rollouts as r")
    .innerJoin("rolloutTargets as t", "t.rolloutId", "r.rolloutId")
    .select(["t.targetId", "r.rolloutId", "r.status", "r.change"])
    .where("r.finishedAt", "is", null)
    .where("r.startedAt", "is not", null)
    .where("r.releaseNumber", "is", null)
    .where("t.tenantId", "in", [...tenantIds])
    .where("t.status", "in", [...AHEAD])
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("rolloutTargets as begun")
          .select("begun.targetId")
          .whereRef("begun.rolloutId", "=", "t.rolloutId")
          .whereRef("begun.tenantId", "=", "t.tenantId")
          .where("begun.attempt", ">", 0),
      ),
    )
    .execute();
  const written = rows.filter(({ change }) => DEPLOYED.includes(fromJson(change).kind));
  return new Map(written.map(({ targetId, rolloutId, status }) => [targetId, { rolloutId, status }]));
}

/** What the rollout overwrites of a target: by it it is rolled back. */
export async function rolloutBeforeSet(
  { db, now }: Bookkeeping,
  rolloutId: string,
  targetId: string,
  before: RolloutTarget["before"],
): Promise<void> {
  await db
    .updateTable("rolloutTargets")
    .set({ before: toJson(before), updatedAt: now })
    .where("rolloutId", "=", rolloutId)
    .where("targetId", "=", targetId)
    .execute();
}

/** How many targets of each wave are in each status. */
export async function rolloutCountsByWave(
  db: Reader,
  rolloutId: string,
): Promise<Map<number, RolloutCounts>> {
  const rows = await db
    .selectFrom("rolloutTargets")
    .select(({ fn }) => ["wave", "status", fn.countAll<number | string>().as("targets")])
    .where("rolloutId", "=", rolloutId)
    .groupBy(["wave", "status"])
    .execute();
  const waves = new Map<number, RolloutCounts>();
  for (const { wave, status, targets } of rows) {
    const counts = waves.get(wave) ?? noCounts();
    counts[status] = Number(targets);
    waves.set(wave, counts);
  }
  return waves;
}

export function noCounts(): RolloutCounts {
  return Object.fromEntries(ROLLOUT_TARGET_STATUSES.map((status) => [status, 0])) as RolloutCounts;
}

export function totalCounts(byWave: ReadonlyMap<number, RolloutCounts>): RolloutCounts {
  const total = noCounts();
  for (const counts of byWave.values()) {
    for (const status of ROLLOUT_TARGET_STATUSES) total[status] += counts[status];
  }
  return total;
}

function fromRow(row: Selectable<RolloutTargetTable>): RolloutTarget {
  const { rolloutId: _rolloutId, previewedAt: _previewedAt, passedByAt: _at, passedBy: _had, ...shown } = row;
  const { before, health, ...rest } = shown;
  return { ...rest, before: fromJson(before), health: health && fromJson(health) };
}
