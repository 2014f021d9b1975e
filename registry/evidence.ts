import { setImmediate } from "node:timers/promises";
import type { Operation } from "../contract/operation.ts";
import type { PlanVersion } from "../contract/plan.ts";
import type { Tenant, TenantVersion } from "../contract/tenant.ts";
import { fromJson } from "./json.ts";
import { operationFromRow } from "./operation.ts";
import { planFind } from "./plan.ts";
import { type PolicyLoad, policyLoadBefore } from "./policy.ts";
import type { Reader } from "./registry.ts";
import { releaseGet } from "./release.ts";
import { tenantVersionList } from "./tenant.ts";

/** What of a tenant an evidence pack holds that no list gives by period; oldest first, page by page. */
const ROWS_AT_ONCE = 500;

export interface Period {
  readonly from: string;
  readonly to: string;
}

export type EvidencedOperation = Operation & { readonly releaseNumber: number | null };

export async function* operationsIn(
  db: Reader,
  tenantId: string,
  { from, to }: Period,
): AsyncGenerator<EvidencedOperation> {
  let [time, id] = [from, ""];
  for (;;) {
    const rows = await db
      .selectFrom("operations")
      .selectAll()
      .where("tenantId", "=", tenantId)
      .where("createdAt", "<", to)
      .where(({ eb, refTuple, tuple }) => eb(refTuple("createdAt", "operationId"), ">", tuple(time, id)))
      .orderBy("createdAt")
      .orderBy("operationId")
      .limit(ROWS_AT_ONCE)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) return;
    for (const row of rows) {
      const { releaseNumber } = fromJson(row.input) as { releaseNumber?: unknown };
      const number = typeof releaseNumber === "number" ? releaseNumber : null;
      yield { ...operationFromRow(row), releaseNumber: number };
    }
    [time, id] = [last.createdAt, last.operationId];
    // Reading a file of SQLite is no waiting: whoever only counts these would keep everybody else waiting.
    await setImmediate();
  }
}

/** Newest first; the last is the one that was in force when the period began. */
export async function* versionsIn(
  db: Reader,
  tenantId: string,
  { from, to }: Period,
): AsyncGenerator<TenantVersion> {
  let cursor: string | undefined;
  do {
    const page = await tenantVersionList(db, tenantId, { limit: ROWS_AT_ONCE, cursor });
    for (const version of page.items) {
      if (version.changedAt < to) yield version;
      if (version.changedAt < from) return;
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** Those that the tenant's operations of the period were for, and those its targets have now; as they were made. */
export async function* releasesIn(db: Reader, tenantId: string, period: Period) {
  const numbers = new Set<number>();
  for await (const { releaseNumber } of operationsIn(db, tenantId, period))
    if (releaseNumber !== null) numbers.add(releaseNumber);
  const targets = await db
    .selectFrom("targets")
    .select(["currentReleaseNumber", "targetReleaseNumber"])
    .where("tenantId", "=", tenantId)
    .execute();
  for (const target of targets)
    for (const number of [target.currentReleaseNumber, target.targetReleaseNumber])
      if (number !== null) numbers.add(number);
  for (const number of [...numbers].sort((left, right) => left - right)) yield await releaseGet(db, number);
}

/** The plans' versions that the tenant was bound to, newest first: those of the record's versions, and the one it is bound to now. */
export async function* plansIn(db: Reader, tenant: Tenant, period: Period): AsyncGenerator<PlanVersion> {
  const known = new Set<string>();
  const bound = async function* () {
    yield tenant;
    for await (const version of versionsIn(db, tenant.tenantId, period)) yield version.tenant;
  };
  for await (const { plan, planVersion } of bound()) {
    const key = `${plan}/${planVersion}`;
    if (known.has(key)) continue;
    known.add(key);
    const found = await planFind(db, plan, planVersion);
    if (found !== undefined) yield found;
  }
}

/** The sets of policies that held, in full and newest first; the last is the one that held when the period began. */
export async function* policiesIn(db: Reader, { from, to }: Period): AsyncGenerator<PolicyLoad> {
  let load = await policyLoadBefore(db, { loadedAt: to });
  while (load !== undefined) {
    const { loadId, ...told } = load;
    yield told;
    if (told.loadedAt <= from) return;
    load = await policyLoadBefore(db, { loadId });
  }
}
