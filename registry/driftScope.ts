import type { Cohort } from "../contract/cohort.ts";
import { inCohort } from "../contract/cohortMatch.ts";
import type { Target } from "../contract/target.ts";
import type { DeploymentState, PlanKey, TenantStatus } from "../contract/vocabulary.ts";
import type { TenantFacts } from "./driftPattern.ts";
import { fromJson } from "./json.ts";
import type { Reader } from "./registry.ts";

/** A target as scopes, ignores and causes see it. */
export interface DriftPlace
  extends TenantFacts,
    Pick<Target, "targetId" | "deploymentState" | "requestedState" | "drift"> {
  readonly plan: PlanKey;
  readonly status: TenantStatus;
  readonly labels: Readonly<Record<string, string>>;
}

/** The live targets in a scope, by plane and age: one query, whatever the scope. */
export async function driftPlacesIn(
  db: Reader,
  scope: Cohort,
  deploymentStates?: readonly DeploymentState[],
): Promise<DriftPlace[]> {
  let rows = places(db).where("targets.deletedAt", "is", null);
  if (scope.planes) rows = rows.where("targets.planeName", "in", [...scope.planes]);
  if (scope.tenantIds) rows = rows.where("targets.tenantId", "in", [...scope.tenantIds]);
  if (deploymentStates) rows = rows.where("targets.deploymentState", "in", [...deploymentStates]);
  const found = await rows
    .orderBy("targets.planeName")
    .orderBy("targets.createdAt")
    .orderBy("targets.targetId")
    .execute();
  return found.map(fromRow).filter((place) => inCohort(place, scope));
}

/** Of targets known to be there, live or gone. */
export async function driftPlacesOf(db: Reader, targetIds: readonly string[]): Promise<DriftPlace[]> {
  const found: DriftPlace[] = [];
  for (let from = 0; from < targetIds.length; from += IDS_PER_QUERY) {
    const some = targetIds.slice(from, from + IDS_PER_QUERY);
    found.push(...(await places(db).where("targets.targetId", "in", some).execute()).map(fromRow));
  }
  return found;
}

/** Below the 32,766 parameters SQLite takes in a statement. */
export const IDS_PER_QUERY = 5_000;

function places(db: Reader) {
  return db
    .selectFrom("targets")
    .innerJoin("tenants", "tenants.tenantId", "targets.tenantId")
    .innerJoin("planes", "planes.planeId", "targets.planeId")
    .innerJoin("targetObservations", "targetObservations.targetId", "targets.targetId")
    .select([
      ...(["targets.targetId", "targets.tenantId", "targets.planeName", "targets.region"] as const),
      ...(["targets.deploymentState", "targets.requestedState", "targetObservations.drift"] as const),
      ...(["tenants.slug", "tenants.plan", "tenants.status", "tenants.labels", "planes.accountId"] as const),
    ]);
}

type Row = Awaited<ReturnType<ReturnType<typeof places>["execute"]>>[number];

function fromRow(row: Row): DriftPlace {
  return { ...row, labels: fromJson(row.labels) };
}
