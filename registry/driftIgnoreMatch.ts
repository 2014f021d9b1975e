import type { Cohort } from "../contract/cohort.ts";
import { inCohort } from "../contract/cohortMatch.ts";
import type { DriftPlace } from "./driftScope.ts";
import { fromJson } from "./json.ts";
import type { Reader } from "./registry.ts";

export interface DriftIgnoreInForce {
  readonly ignoreId: string;
  readonly causeId: string;
  readonly scope: Cohort;
  readonly expiresAt: string;
}

/** Those of the causes that have not ended. */
export async function driftIgnoresInForce(
  db: Reader,
  causeIds: readonly string[],
): Promise<DriftIgnoreInForce[]> {
  if (causeIds.length === 0) return [];
  const rows = await db
    .selectFrom("driftIgnores")
    .select(["ignoreId", "causeId", "scope", "expiresAt"])
    .where("causeId", "in", [...causeIds])
    .where("endedAt", "is", null)
    .execute();
  return rows.map((row) => ({ ...row, scope: fromJson(row.scope) }));
}

/** Of those that cover a target, the one that lasts longest. Pure. */
export function ignoreFor(
  ignores: readonly DriftIgnoreInForce[],
  causeId: string | null,
  place: DriftPlace,
): DriftIgnoreInForce | undefined {
  return ignores
    .filter((ignore) => ignore.causeId === causeId && inCohort(place, ignore.scope))
    .sort((left, right) => (left.expiresAt < right.expiresAt ? 1 : -1))[0];
}
