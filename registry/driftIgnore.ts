import type { Cohort } from "../contract/cohort.ts";
import type { Page, PageRequest } from "../contract/common.ts";
import type { DriftIgnore } from "../contract/driftCause.ts";
import { ProblemError } from "../contract/errors.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { driftAxesSet } from "./driftFinding.ts";
import { driftFindingsOpenOf } from "./driftFindingRead.ts";
import { type DriftIgnoreInForce, driftIgnoresInForce, ignoreFor } from "./driftIgnoreMatch.ts";
import { driftPlacesOf, IDS_PER_QUERY } from "./driftScope.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";

/**
 * Ignores: a cause does not count as drift for a time, everywhere or for a cohort. What is ignored is still looked for and still
 * listed; the drift axis, policies and exit codes leave it out. Each has a reason and an end, at which what it covered counts again.
 */
export interface DriftIgnoreFacts {
  readonly causeId: string;
  readonly scope: Cohort;
  readonly reason: string;
  readonly expiresAt: string;
}

/** Audits `drift.ignored`. */
export async function driftIgnoreCreate(change: Change, facts: DriftIgnoreFacts): Promise<DriftIgnore> {
  const ignore: DriftIgnore = {
    ignoreId: newId(),
    ...facts,
    reason: redactText(facts.reason),
    createdBy: change.context.actor.id,
    createdAt: change.now,
    endedAt: null,
    endedBy: null,
  };
  await change.db
    .insertInto("driftIgnores")
    .values({ ...ignore, scope: toJson(ignore.scope) })
    .execute();
  const { ignoreId, causeId, scope, reason, expiresAt } = ignore;
  await change.audit({
    action: "drift.ignored",
    target: { type: "drift_cause", id: causeId },
    reason,
    details: { ignoreId, scope, expiresAt },
  });
  await change.outbox({ type: "drift.ignored", payload: { ignoreId, causeId, expiresAt } });
  await applyIgnores(change, causeId);
  return ignore;
}

/** Audits `drift.ignore_ended`; one that has ended stays as it is. */
export async function driftIgnoreEnd(
  change: Change,
  ignoreId: string,
  endedBy: string,
  reason: string | null,
): Promise<DriftIgnore> {
  const before = await driftIgnoreGet(change.db, ignoreId);
  if (before.endedAt !== null) return before;
  const ended = { endedAt: change.now, endedBy };
  await change.db.updateTable("driftIgnores").set(ended).where("ignoreId", "=", ignoreId).execute();
  const { causeId, expiresAt } = before;
  await change.audit({
    action: "drift.ignore_ended",
    target: { type: "drift_cause", id: causeId },
    reason,
    details: { ignoreId, endedBy, expiresAt },
  });
  await change.outbox({ type: "drift.ignore_ended", payload: { ignoreId, causeId, endedBy } });
  await applyIgnores(change, causeId);
  return { ...before, ...ended };
}

/**
 * Writes on a cause's open findings who covers them now, and on their targets whether they have drifted: some statements for each
 * ignore that covers any, however many tenants the cause is on.
 */
async function applyIgnores(change: Change, causeId: string): Promise<void> {
  const findings = await change.db
    .selectFrom("driftFindings")
    .select(["findingId", "targetId", "ignoreId"])
    .where("causeId", "=", causeId)
    .where("resolvedAt", "is", null)
    .execute();
  const ignores = await driftIgnoresInForce(change.db, [causeId]);
  const places = await driftPlacesOf(change.db, [...new Set(findings.map(({ targetId }) => targetId))]);
  const byTarget = new Map(places.map((place) => [place.targetId, place]));
  const coveredBy = (targetId: string) => {
    const place = byTarget.get(targetId);
    return place && ignoreFor(ignores, causeId, place);
  };
  const changed = findings.filter(
    ({ targetId, ignoreId }) => (coveredBy(targetId)?.ignoreId ?? null) !== ignoreId,
  );
  for (const some of Map.groupBy(changed, ({ targetId }) => coveredBy(targetId)).entries()) {
    await writeIgnore(change, ...some);
  }
  const targetIds = [...new Set(changed.map(({ targetId }) => targetId))];
  const open = await driftFindingsOpenOf(change.db, targetIds);
  await driftAxesSet(change, new Map(targetIds.map((targetId) => [targetId, open.get(targetId) ?? []])));
}

async function writeIgnore(
  change: Change,
  ignore: DriftIgnoreInForce | undefined,
  findings: readonly { readonly findingId: string }[],
): Promise<void> {
  const covered = { ignoreId: ignore?.ignoreId ?? null, ignoredUntil: ignore?.expiresAt ?? null };
  const ids = findings.map(({ findingId }) => findingId);
  for (let from = 0; from < ids.length; from += IDS_PER_QUERY) {
    await change.db
      .updateTable("driftFindings")
      .set(covered)
      .where("findingId", "in", ids.slice(from, from + IDS_PER_QUERY))
      .execute();
  }
}

/** In force, but past their end; those that ended first come first. */
export async function driftIgnoresExpired(db: Reader, now: string, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom("driftIgnores")
    .select("ignoreId")
    .where("endedAt", "is", null)
    .where("expiresAt", "<=", now)
    .orderBy("expiresAt")
    .limit(limit)
    .execute();
  return rows.map(({ ignoreId }) => ignoreId);
}

export async function driftIgnoreGet(db: Reader, ignoreId: string): Promise<DriftIgnore> {
  const row = await db
    .selectFrom("driftIgnores")
    .selectAll()
    .where("ignoreId", "=", ignoreId)
    .executeTakeFirst();
  if (row !== undefined) return { ...row, scope: fromJson(row.scope) };
  throw new ProblemError("drift_ignore_not_found", {
    detail: `Cannot find an ignore with the id ${ignoreId}.`,
    hint: "List ignores with GET /v1/control-plane/drift/ignores.",
    errors: [{ path: "path.ignoreId", message: "is no ignore's id", value: ignoreId }],
  });
}

/** Newest first. */
export async function driftIgnoreList(
  db: Reader,
  query: PageRequest & { readonly causeId?: string | undefined; readonly ended: boolean },
): Promise<Page<DriftIgnore>> {
  let rows = db
    .selectFrom("driftIgnores")
    .selectAll()
    .where("endedAt", query.ended ? "is not" : "is", null);
  if (query.causeId) rows = rows.where("causeId", "=", query.causeId);
  if (query.cursor) {
    const [createdAt, ignoreId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "ignoreId"), "<", tuple(createdAt, ignoreId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("ignoreId", "desc")
    .limit(query.limit + 1)
    .execute();
  return toPage(
    found,
    query.limit,
    (row): DriftIgnore => ({ ...row, scope: fromJson(row.scope) }),
    (row) => [row.createdAt, row.ignoreId],
  );
}
