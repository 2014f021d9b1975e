import type { DriftCause } from "../contract/driftCause.ts";
import type { DriftPattern } from "./driftPattern.ts";
import { toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";

/**
 * Causes of drift: one for each pattern (driftPattern.ts) that any finding has ever had. A cause is open while any finding of it is.
 *
 * A scan or a repair of one tenant changes only that tenant's findings; opening, counting and resolving causes is done for the
 * whole fleet at once by `driftCausesSettle`, so that tenants do not wait for each other. A cause is told once, when it opens,
 * and again only after it was resolved; each such time is an episode of it.
 */
export async function driftCauseEnsure(
  change: Change,
  causeId: string,
  { properties, ...pattern }: DriftPattern,
): Promise<void> {
  const row = {
    ...pattern,
    ...{ causeId, status: "resolved" as const, properties: toJson([...properties]) },
    ...{ tenants: 0, targets: 0, findings: 0, ignoredFindings: 0, episodes: 0, endedDriftMs: 0 },
    ...{ firstSeenAt: change.now, lastSeenAt: change.now, openedAt: null, resolvedAt: null },
  };
  await change.db
    .insertInto("driftCauses")
    .values(row)
    .onConflict((conflict) => conflict.column("causeId").doNothing())
    .execute();
}

interface OpenCounts {
  readonly causeId: string;
  readonly tenants: number;
  readonly targets: number;
  readonly findings: number;
  readonly ignoredFindings: number;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

/** Whether the causes are behind the findings. Two queries, whatever the fleet's size. */
export async function driftCausesUnsettled(db: Reader): Promise<boolean> {
  const { counts, causes } = await readBoth(db);
  const open = [...causes.values()].filter(({ status }) => status === "open");
  if (open.some(({ causeId }) => !counts.has(causeId))) return true;
  return [...counts.values()].some((seen) => !isCounted(causes.get(seen.causeId), seen));
}

/** What causes were opened and resolved by this. */
export interface CausesSettled {
  readonly opened: readonly string[];
  readonly resolved: readonly string[];
}

/** Opens, counts and resolves causes by what is open now. Audits `drift.cause_opened` and `drift.cause_resolved`. */
export async function driftCausesSettle(change: Change): Promise<CausesSettled> {
  const { counts, causes } = await readBoth(change.db);
  const opened: string[] = [];
  for (const seen of counts.values()) {
    const cause = causes.get(seen.causeId);
    if (cause === undefined || isCounted(cause, seen)) continue;
    if (cause.status === "open") await count(change, cause, seen);
    else {
      await open(change, cause, seen);
      opened.push(cause.causeId);
    }
  }
  const passed = [...causes.values()].filter(
    ({ causeId, status }) => status === "open" && !counts.has(causeId),
  );
  for (const cause of passed) await resolve(change, cause);
  return { opened, resolved: passed.map(({ causeId }) => causeId) };
}

type CauseRow = Awaited<ReturnType<typeof causesAmong>>[number];

async function readBoth(db: Reader) {
  const counted = await db
    .selectFrom("driftFindings")
    .select((eb) => [
      "causeId",
      eb.fn.count("tenantId").distinct().as("tenants"),
      eb.fn.count("targetId").distinct().as("targets"),
      eb.fn.countAll().as("findings"),
      eb.fn.count("ignoreId").as("ignoredFindings"),
      eb.fn.min("firstSeenAt").as("firstSeenAt"),
      eb.fn.max("lastSeenAt").as("lastSeenAt"),
    ])
    .where("resolvedAt", "is", null)
    .where("causeId", "is not", null)
    .groupBy("causeId")
    .execute();
  const counts = counted.flatMap(({ causeId, firstSeenAt, lastSeenAt, ...row }): OpenCounts[] => {
    if (causeId === null) return [];
    const { tenants, targets, findings, ignoredFindings } = row;
    const numbers = { tenants: Number(tenants), targets: Number(targets), findings: Number(findings) };
    return [{ causeId, firstSeenAt, lastSeenAt, ...numbers, ignoredFindings: Number(ignoredFindings) }];
  });
  const causes = await causesAmong(db);
  return {
    counts: new Map(counts.map((seen) => [seen.causeId, seen])),
    causes: new Map(causes.map((cause) => [cause.causeId, cause])),
  };
}

/** Those that are open and those that should be. */
function causesAmong(db: Reader) {
  return db
    .selectFrom("driftCauses")
    .selectAll()
    .where((eb) =>
      eb.or([
        eb("status", "=", "open"),
        eb(
          "causeId",
          "in",
          eb.selectFrom("driftFindings").select("driftFindings.causeId").where("resolvedAt", "is", null),
        ),
      ]),
    )
    .execute();
}

function isCounted(cause: CauseRow | undefined, seen: OpenCounts): boolean {
  return (
    cause?.status === "open" &&
    cause.tenants === seen.tenants &&
    cause.targets === seen.targets &&
    cause.findings === seen.findings &&
    cause.ignoredFindings === seen.ignoredFindings &&
    cause.lastSeenAt === seen.lastSeenAt
  );
}

function numbersOf({ tenants, targets, findings, ignoredFindings, lastSeenAt }: OpenCounts) {
  return { tenants, targets, findings, ignoredFindings, lastSeenAt };
}

async function count(change: Change, { causeId, episodes }: CauseRow, seen: OpenCounts): Promise<void> {
  await change.db.updateTable("driftCauses").set(numbersOf(seen)).where("causeId", "=", causeId).execute();
  await change.db
    .updateTable("driftCauseEpisodes")
    .set({ mostTenants: seen.tenants })
    .where("causeId", "=", causeId)
    .where("episode", "=", episodes)
    .where("mostTenants", "<", seen.tenants)
    .execute();
}

async function open(change: Change, cause: CauseRow, seen: OpenCounts): Promise<void> {
  const episode = cause.episodes + 1;
  // A finding may be older than its cause, when what it differs in has changed since.
  const since = cause.episodes === 0 ? cause.firstSeenAt : cause.resolvedAt;
  const openedAt = since !== null && since > seen.firstSeenAt ? since : seen.firstSeenAt;
  await change.db
    .updateTable("driftCauses")
    .set({ ...numbersOf(seen), status: "open", openedAt, resolvedAt: null, episodes: episode })
    .where("causeId", "=", cause.causeId)
    .execute();
  await change.db
    .insertInto("driftCauseEpisodes")
    .values({ causeId: cause.causeId, episode, openedAt, resolvedAt: null, mostTenants: seen.tenants })
    .execute();
  const { causeId, kind, resourceType } = cause;
  const details = { kind, resourceType, tenants: seen.tenants, findings: seen.findings, episode };
  await change.audit({ action: "drift.cause_opened", target: { type: "drift_cause", id: causeId }, details });
  // Who has said beforehand that it is no news is not told; the end of an ignore is told by itself.
  if (seen.ignoredFindings === seen.findings) return;
  await change.outbox({ type: "drift.cause_opened", payload: { causeId, ...details } });
}

async function resolve(change: Change, cause: CauseRow): Promise<void> {
  const { causeId, kind, resourceType, episodes, openedAt } = cause;
  const lastedMs = Date.parse(change.now) - Date.parse(openedAt ?? change.now);
  await change.db
    .updateTable("driftCauses")
    .set({
      ...{ status: "resolved", resolvedAt: change.now },
      ...{ tenants: 0, targets: 0, findings: 0, ignoredFindings: 0 },
      endedDriftMs: cause.endedDriftMs + Math.max(0, lastedMs),
    })
    .where("causeId", "=", causeId)
    .execute();
  await change.db
    .updateTable("driftCauseEpisodes")
    .set({ resolvedAt: change.now })
    .where("causeId", "=", causeId)
    .where("episode", "=", episodes)
    .execute();
  const details = { kind, resourceType, episode: episodes, lastedMs };
  await change.audit({
    action: "drift.cause_resolved",
    target: { type: "drift_cause", id: causeId },
    details,
  });
  await change.outbox({ type: "drift.cause_resolved", payload: { causeId, ...details } });
}

/** As it is told outside; undefined before it was opened for the first time. */
export function causeFromRow(row: CauseRow, nowMs: number): DriftCause | undefined {
  const { openedAt, endedDriftMs, properties, ...rest } = row;
  if (openedAt === null) return undefined;
  const underWayMs = row.status === "open" ? Math.max(0, nowMs - Date.parse(openedAt)) : 0;
  return {
    ...rest,
    openedAt,
    properties: JSON.parse(properties) as DriftCause["properties"],
    timeInDriftMs: endedDriftMs + underWayMs,
  };
}
