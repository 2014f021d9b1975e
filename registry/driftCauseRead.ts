import type { Page } from "../contract/common.ts";
import type { DriftCause, DriftCauseDetail, DriftCauseListQuery } from "../contract/driftCause.ts";
import { ProblemError } from "../contract/errors.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { causeFromRow } from "./driftCause.ts";
import type { Reader } from "./registry.ts";

/** Most tenants first, then the oldest. */
export async function driftCauseList(
  db: Reader,
  query: DriftCauseListQuery,
  nowMs: number,
): Promise<Page<DriftCause>> {
  const { tenantId, plane } = query;
  let rows = db
    .selectFrom("driftCauses")
    .selectAll()
    .where("status", "=", query.status)
    .where("openedAt", "is not", null);
  if (query.kind) rows = rows.where("kind", "=", query.kind);
  if (tenantId !== undefined || plane !== undefined) {
    rows = rows.where(({ exists, selectFrom }) => {
      let open = selectFrom("driftFindings")
        .select("driftFindings.findingId")
        .whereRef("driftFindings.causeId", "=", "driftCauses.causeId")
        .where("driftFindings.resolvedAt", "is", null);
      if (tenantId !== undefined) open = open.where("driftFindings.tenantId", "=", tenantId);
      if (plane !== undefined) open = open.where("driftFindings.planeName", "=", plane);
      return exists(open);
    });
  }
  if (query.cursor) {
    const [rank, causeId] = pageAfter(query.cursor);
    const [tenants, openedAt = ""] = rank.split(" ");
    rows = rows.where(({ eb, and, or, refTuple, tuple }) =>
      or([
        eb("tenants", "<", Number(tenants)),
        and([
          eb("tenants", "=", Number(tenants)),
          eb(refTuple("openedAt", "causeId"), ">", tuple(openedAt, causeId)),
        ]),
      ]),
    );
  }
  const found = await rows
    .orderBy("tenants", "desc")
    .orderBy("openedAt")
    .orderBy("causeId")
    .limit(query.limit + 1)
    .execute();
  const page = toPage(
    found,
    query.limit,
    (row) => causeFromRow(row, nowMs),
    (row) => [`${row.tenants} ${row.openedAt}`, row.causeId],
  );
  return { ...page, items: page.items.filter((cause) => cause !== undefined) };
}

export async function driftCauseGet(db: Reader, causeId: string, nowMs: number): Promise<DriftCause> {
  const row = await db
    .selectFrom("driftCauses")
    .selectAll()
    .where("causeId", "=", causeId)
    .executeTakeFirst();
  const cause = row && causeFromRow(row, nowMs);
  if (cause !== undefined) return cause;
  throw new ProblemError("drift_cause_not_found", {
    detail: `Cannot find a cause of drift with the id ${causeId}.`,
    hint: "List causes with GET /v1/control-plane/drift/causes.",
    errors: [{ path: "path.causeId", message: "is no cause's id", value: causeId }],
  });
}

const EPISODES_TOLD = 50;

/** Newest first. */
export async function driftCauseHistory(db: Reader, causeId: string): Promise<DriftCauseDetail["history"]> {
  return db
    .selectFrom("driftCauseEpisodes")
    .select(["episode", "openedAt", "resolvedAt", "mostTenants"])
    .where("causeId", "=", causeId)
    .orderBy("episode", "desc")
    .limit(EPISODES_TOLD)
    .execute();
}
