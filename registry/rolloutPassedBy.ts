import type { Rollout, RolloutTarget } from "../contract/rollout.ts";
import type { RolloutBefore } from "../contract/rolloutChange.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { fromJson } from "./json.ts";
import type { Reader } from "./registry.ts";
import { rolloutTargetsSet } from "./rolloutTarget.ts";

/**
 * Rollouts that passed a target by because it was suspended or archived: it catches up with them when it is wanted again. Kept with each is what
 * the target had then (as `releaseNumber` its goal), so that what somebody has set since is told from what nobody has touched.
 */
export interface PassedBy {
  readonly rollout: Pick<Rollout, "rolloutId" | "change" | "reason" | "rules" | "createdBy">;
  readonly had: RolloutBefore;
}

/** pending → skipped, to be caught up with. */
export async function rolloutPassBy(
  record: Bookkeeping,
  rolloutId: string,
  { targetId, reason, had }: Pick<RolloutTarget, "targetId" | "reason"> & { readonly had: RolloutBefore },
): Promise<void> {
  const patch = { status: "skipped", reason, passedByAt: record.now, passedBy: had } as const;
  await rolloutTargetsSet(record, rolloutId, [targetId], patch);
}

/** Those that have succeeded, the last one first: one that failed, or was taken back, says nothing of where the fleet is meant to be. */
export async function rolloutsPassedBy(db: Reader, targetId: string, limit: number): Promise<PassedBy[]> {
  const rows = await db
    .selectFrom("rolloutTargets as t")
    .innerJoin("rollouts as r", "r.rolloutId", "t.rolloutId")
    .select(["t.passedBy", "r.rolloutId", "r.change", "r.reason", "r.rules", "r.createdBy"])
    .where("t.targetId", "=", targetId)
    .where("t.passedByAt", "is not", null)
    .where("r.status", "=", "succeeded")
    .orderBy("r.finishedAt", "desc")
    .orderBy("r.rolloutId", "desc")
    .limit(limit)
    .execute();
  return rows.flatMap(({ passedBy, change, rules, ...rollout }) =>
    passedBy === null
      ? []
      : [
          {
            rollout: { ...rollout, change: fromJson(change), rules: fromJson(rules) },
            had: fromJson(passedBy),
          },
        ],
  );
}

/**
 * The target runs again, with what those that had ended by `until` (ISO 8601) have brought. One that goes on longer keeps its mark: it may
 * succeed yet, and is caught up with when the target next comes back.
 */
export async function rolloutsCaughtUp({ db }: Bookkeeping, targetId: string, until: string): Promise<void> {
  await db
    .updateTable("rolloutTargets")
    .set({ passedByAt: null, passedBy: null })
    .where("targetId", "=", targetId)
    .where("passedByAt", "<=", until)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("rollouts as r")
          .select("r.rolloutId")
          .whereRef("r.rolloutId", "=", "rolloutTargets.rolloutId")
          .where("r.finishedAt", "<=", until),
      ),
    )
    .execute();
}

/** What the rollout brings to the tenant's record is there: none of its targets has to bring it again. */
export async function rolloutCaughtUp(
  { db }: Bookkeeping,
  rolloutId: string,
  tenantId: string,
): Promise<void> {
  await db
    .updateTable("rolloutTargets")
    .set({ passedByAt: null, passedBy: null })
    .where("rolloutId", "=", rolloutId)
    .where("tenantId", "=", tenantId)
    .execute();
}
