import { sql } from "kysely";
import { LIMITS, type PageRequest } from "../contract/common.ts";
import type { RolloutPreview, RolloutPreviewGroup } from "../contract/rollout.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfterNumber, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import { rolloutGet, rolloutUpdate } from "./rollout.ts";
import { rolloutTargetsSet } from "./rolloutTarget.ts";

export type PreviewGroupFacts = Omit<RolloutPreviewGroup, "targets" | "targetCount" | "tenantCount">;

const ROWS_PER_INSERT = 200;

/** A preview of one target, as it was found; its group is written once, when it is first seen. */
export interface PreviewedTarget {
  readonly targetId: string;
  readonly specDigest: string;
  readonly planDigest: string;
  readonly group: PreviewGroupFacts;
}

/** Bookkeeping: nothing has changed but what is known. */
export async function rolloutTargetPreviewed(
  record: Bookkeeping,
  rolloutId: string,
  { targetId, specDigest, planDigest, group }: PreviewedTarget,
): Promise<void> {
  const { groupKey, changes, operations, replaces, deletes } = group;
  await record.db
    .insertInto("rolloutPreviewGroups")
    .values({
      ...{ rolloutId, groupKey, position: 0, changes: toJson(changes), operations: toJson(operations) },
      ...{ replaces, deletes, targetCount: 0, tenantCount: 0 },
    })
    .onConflict((conflict) => conflict.columns(["rolloutId", "groupKey"]).doNothing())
    .execute();
  await setPreview(record, rolloutId, [targetId], {
    specDigest,
    planDigest,
    previewGroup: groupKey,
    previewError: null,
  });
}

/** It says why; a rollout cannot be started while one of its targets could not be previewed. */
export async function rolloutTargetPreviewFailed(
  record: Bookkeeping,
  rolloutId: string,
  targetId: string,
  previewError: string,
): Promise<void> {
  await setPreview(record, rolloutId, [targetId], {
    ...{ specDigest: null, planDigest: null, previewGroup: null, previewError },
  });
}

/** What the policies forbid is left out, until it is previewed again: by then they may allow it. */
export async function rolloutTargetPreviewRefused(
  record: Bookkeeping,
  rolloutId: string,
  targetId: string,
  reason: string,
): Promise<void> {
  const nothing = { specDigest: null, planDigest: null, previewGroup: null, previewedAt: record.now };
  const why = { reason, previewError: reason };
  await rolloutTargetsSet(record, rolloutId, [targetId], { ...nothing, ...why, status: "skipped" });
}

/** Pending again: those that a preview left out and no person has skipped since. Once begun, their waves may be over. */
async function takeInAgain({ db, now }: Change, rolloutId: string): Promise<void> {
  if ((await rolloutGet(db, rolloutId)).startedAt !== null) return;
  await db
    .updateTable("rolloutTargets")
    .set({ status: "pending", reason: null, updatedAt: now })
    .where("rolloutId", "=", rolloutId)
    .where("status", "=", "skipped")
    .whereRef("reason", "=", "previewError")
    .execute();
}

async function setPreview(
  record: Bookkeeping,
  rolloutId: string,
  targetIds: readonly string[],
  patch: {
    specDigest: string | null;
    planDigest: string | null;
    previewGroup: string | null;
    previewError: string | null;
  },
): Promise<void> {
  await record.db
    .updateTable("rolloutTargets")
    .set({ ...patch, previewedAt: record.now, updatedAt: record.now })
    .where("rolloutId", "=", rolloutId)
    .where("targetId", "in", [...targetIds])
    .execute();
}

/** Pending ones, wave by wave. */
export async function rolloutTargetsToPreview(
  db: Reader,
  rolloutId: string,
  limit: number,
): Promise<{ targetId: string; tenantId: string; planeName: string; toReleaseNumber: number | null }[]> {
  return await db
    .selectFrom("rolloutTargets")
    .select(["targetId", "tenantId", "planeName", "toReleaseNumber"])
    .where("rolloutId", "=", rolloutId)
    .where("status", "=", "pending")
    .where("previewedAt", "is", null)
    .orderBy("wave")
    .orderBy("targetId")
    .limit(limit)
    .execute();
}

/** All pending targets and those a preview left out are to be previewed (again): as `previewing`, with an event of its own. */
export async function rolloutPreviewForget(change: Change, rolloutId: string): Promise<void> {
  await takeInAgain(change, rolloutId);
  const forgotten = { specDigest: null, planDigest: null, previewGroup: null, previewError: null };
  await change.db
    .updateTable("rolloutTargets")
    .set({ ...forgotten, previewedAt: null, updatedAt: change.now })
    .where("rolloutId", "=", rolloutId)
    .where("status", "=", "pending")
    .execute();
  // Whoever has begun is in no group of the next preview: it shows what is still to come.
  await change.db
    .updateTable("rolloutTargets")
    .set({ previewGroup: null })
    .where("rolloutId", "=", rolloutId)
    .where("status", "<>", "pending")
    .execute();
}

/** previewing → previewed: counts and orders the groups, and keeps the digest of the whole. Audits `rollout.previewed`. */
export async function rolloutPreviewed(
  change: Change,
  rolloutId: string,
  previewDigest: string,
): Promise<void> {
  const { db } = change;
  const counted = await db
    .selectFrom("rolloutPreviewGroups as groups")
    .leftJoin("rolloutTargets as targets", (join) =>
      join
        .onRef("targets.rolloutId", "=", "groups.rolloutId")
        .onRef("targets.previewGroup", "=", "groups.groupKey"),
    )
    .select(({ fn }) => [
      "groups.groupKey",
      "groups.replaces",
      "groups.deletes",
      fn.count<number | string>("targets.targetId").as("targets"),
      fn.count<number | string>("targets.tenantId").distinct().as("tenants"),
    ])
    .where("groups.rolloutId", "=", rolloutId)
    .groupBy(["groups.groupKey", "groups.replaces", "groups.deletes"])
    .execute();
  const groups = counted
    .map((row) => ({ ...row, targetCount: Number(row.targets), tenantCount: Number(row.tenants) }))
    .sort(byDanger);
  await writeOrder(change, rolloutId, groups);
  const shown = groups.filter(({ targetCount }) => targetCount > 0);
  await rolloutUpdate(
    change,
    rolloutId,
    { status: "previewed", previewDigest, previewedAt: change.now },
    { action: "rollout.previewed", details: { previewDigest, groups: shown.length } },
  );
}

interface Counted {
  readonly groupKey: string;
  readonly replaces: number;
  readonly deletes: number;
  readonly targetCount: number;
  readonly tenantCount: number;
}

/** What replaces or deletes comes first, then what most tenants share; the key settles the rest. */
function byDanger(left: Counted, right: Counted): number {
  const danger = ({ replaces, deletes }: Counted) => (replaces + deletes > 0 ? 1 : 0);
  if (danger(left) !== danger(right)) return danger(right) - danger(left);
  if (left.tenantCount !== right.tenantCount) return right.tenantCount - left.tenantCount;
  return left.groupKey < right.groupKey ? -1 : 1;
}

async function writeOrder(change: Change, rolloutId: string, groups: readonly Counted[]): Promise<void> {
  for (let from = 0; from < groups.length; from += ROWS_PER_INSERT) {
    const chunk = groups.slice(from, from + ROWS_PER_INSERT);
    const column = (pick: (group: Counted, index: number) => number) => {
      const cases = chunk.map(
        (group, index) => sql`when ${group.groupKey} then ${sql.lit(pick(group, from + index))}`,
      );
      return sql<number>`case group_key ${sql.join(cases, sql` `)} end`;
    };
    await change.db
      .updateTable("rolloutPreviewGroups")
      .set({
        position: column((_, index) => index + 1),
        targetCount: column((group) => group.targetCount),
        tenantCount: column((group) => group.tenantCount),
      })
      .where("rolloutId", "=", rolloutId)
      .where(
        "groupKey",
        "in",
        chunk.map(({ groupKey }) => groupKey),
      )
      .execute();
  }
}

/** A page of groups, each with its first targets, and how far the previews are. */
export async function rolloutPreviewGet(
  db: Reader,
  rolloutId: string,
  page: PageRequest,
): Promise<RolloutPreview> {
  const { status, previewDigest, previewedAt, targetCount } = await rolloutGet(db, rolloutId);
  let rows = db
    .selectFrom("rolloutPreviewGroups")
    .selectAll()
    .where("rolloutId", "=", rolloutId)
    .where("targetCount", ">", 0);
  if (page.cursor) rows = rows.where("position", ">", pageAfterNumber(page.cursor, 0));
  const found = await rows
    .orderBy("position")
    .limit(page.limit + 1)
    .execute();
  const keys = found.slice(0, page.limit).map(({ groupKey }) => groupKey);
  const samples = await firstTargets(db, rolloutId, keys);
  const shown = toPage(
    found,
    page.limit,
    ({ rolloutId: _rolloutId, position: _position, changes, operations, ...rest }) => ({
      ...rest,
      // Groups of before values were kept have none.
      changes: fromJson(changes).map((change) => ({ ...change, values: change.values ?? [] })),
      operations: fromJson(operations),
      targets: samples.get(rest.groupKey) ?? [],
    }),
    (row) => [String(row.position), row.groupKey],
  );
  const progress = { targets: targetCount, ...(await previewCounts(db, rolloutId)) };
  const leftOut = await leftOutOf(db, rolloutId);
  return { rolloutId, status, previewDigest, previewedAt, progress, leftOut, ...shown };
}

async function leftOutOf(db: Reader, rolloutId: string): Promise<RolloutPreview["leftOut"]> {
  const rows = await db
    .selectFrom("rolloutTargets")
    .select(["status", "reason"])
    .select(({ fn }) => [
      fn.countAll<number | string>().as("targets"),
      fn.count<number | string>("tenantId").distinct().as("tenants"),
    ])
    .where("rolloutId", "=", rolloutId)
    .where("status", "in", LEFT_OUT)
    .groupBy(["status", "reason"])
    .orderBy("targets", "desc")
    .orderBy("status")
    .orderBy("reason")
    .limit(LIMITS.previewReasons)
    .execute();
  return rows.map(({ status, reason, targets, tenants }) => ({
    // Only these two are asked for.
    status: status as (typeof LEFT_OUT)[number],
    reason: reason ?? "",
    targetCount: Number(targets),
    tenantCount: Number(tenants),
  }));
}

const LEFT_OUT = ["skipped", "held"] as const;

async function firstTargets(
  db: Reader,
  rolloutId: string,
  groupKeys: readonly string[],
): Promise<Map<string, RolloutPreviewGroup["targets"]>> {
  const samples = new Map<string, RolloutPreviewGroup["targets"]>();
  if (groupKeys.length === 0) return samples;
  const numbered = db
    .selectFrom("rolloutTargets")
    .select(["previewGroup", "targetId", "tenantId", "planeName"])
    .select(sql<number>`row_number() over (partition by preview_group order by wave, target_id)`.as("place"))
    .where("rolloutId", "=", rolloutId)
    .where("previewGroup", "in", [...groupKeys]);
  const rows = await db
    .selectFrom(numbered.as("numbered"))
    .selectAll()
    .where("place", "<=", LIMITS.previewSample)
    .orderBy("previewGroup")
    .orderBy("place")
    .execute();
  for (const { previewGroup, targetId, tenantId, planeName } of rows) {
    if (previewGroup === null) continue;
    const list = samples.get(previewGroup) ?? [];
    list.push({ targetId, tenantId, planeName });
    samples.set(previewGroup, list);
  }
  return samples;
}

async function previewCounts(db: Reader, rolloutId: string): Promise<{ previewed: number; failed: number }> {
  const row = await db
    .selectFrom("rolloutTargets")
    .select(({ fn }) => [
      fn.count<number | string>("previewedAt").as("previewed"),
      fn.count<number | string>("previewError").filterWhere("status", "=", "pending").as("failed"),
    ])
    .where("rolloutId", "=", rolloutId)
    .executeTakeFirstOrThrow();
  return { previewed: Number(row.previewed), failed: Number(row.failed) };
}
