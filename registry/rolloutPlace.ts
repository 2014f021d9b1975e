import type { Cohort, CohortSelector } from "../contract/cohort.ts";
import type { Target } from "../contract/target.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { EnvironmentName } from "../contract/vocabulary.ts";
import { fromJson } from "./json.ts";
import type { Reader } from "./registry.ts";

/** A live target and its tenant, as cohorts and waves see them. */
export interface RolloutPlace
  extends Pick<
    Target,
    | "targetId"
    | "tenantId"
    | "planeName"
    | "region"
    | "deploymentState"
    | "requestedState"
    | "deletedAt"
    | "currentReleaseNumber"
    | "targetReleaseNumber"
    | "verifiedReleaseNumber"
    | "currentSpecDigest"
  > {
  readonly slug: string;
  readonly plan: Tenant["plan"];
  readonly planVersion: number;
  readonly status: Tenant["status"];
  readonly labels: Readonly<Record<string, string>>;
}

/** By plane and age: one query, whatever the cohort. Labels and exceptions are the caller's to judge. */
export async function rolloutPlacesIn(db: Reader, cohort: Cohort): Promise<RolloutPlace[]> {
  const { planes, regions, plans, states, tenantIds }: CohortSelector = cohort;
  let rows = places(db).where("targets.deletedAt", "is", null);
  if (planes) rows = rows.where("targets.planeName", "in", planes);
  if (regions) rows = rows.where("targets.region", "in", regions);
  if (plans) rows = rows.where("tenants.plan", "in", plans);
  if (states) rows = rows.where("tenants.status", "in", states);
  if (tenantIds) rows = rows.where("targets.tenantId", "in", tenantIds);
  const found = await rows
    .orderBy("targets.planeName")
    .orderBy("targets.createdAt")
    .orderBy("targets.targetId")
    .execute();
  return found.map(fromRow);
}

const IDS_PER_QUERY = 5_000;

export async function rolloutPlacesOf(
  db: Reader,
  targetIds: readonly string[],
): Promise<Map<string, RolloutPlace>> {
  const found = new Map<string, RolloutPlace>();
  for (let from = 0; from < targetIds.length; from += IDS_PER_QUERY) {
    const some = targetIds.slice(from, from + IDS_PER_QUERY);
    const rows = await places(db).where("targets.targetId", "in", some).execute();
    for (const row of rows) found.set(row.targetId, fromRow(row));
  }
  return found;
}

function places(db: Reader) {
  return db
    .selectFrom("targets")
    .innerJoin("tenants", "tenants.tenantId", "targets.tenantId")
    .select([
      ...(["targets.targetId", "targets.tenantId", "targets.planeName", "targets.region"] as const),
      ...(["targets.deploymentState", "targets.requestedState", "targets.deletedAt"] as const),
      ...(["targets.currentReleaseNumber", "targets.targetReleaseNumber"] as const),
      ...(["targets.verifiedReleaseNumber", "targets.currentSpecDigest"] as const),
      ...(["tenants.slug", "tenants.plan", "tenants.planVersion"] as const),
      ...(["tenants.status", "tenants.labels"] as const),
    ]);
}

function fromRow(row: Awaited<ReturnType<ReturnType<typeof places>["execute"]>>[number]): RolloutPlace {
  return { ...row, labels: fromJson(row.labels) };
}

/** All environments of all tenants that have something on these planes: what a change of their records reaches. */
export async function environmentsOfTenantsOn(
  db: Reader,
  planes: readonly string[],
): Promise<EnvironmentName[]> {
  const rows = await db
    .selectFrom("targets")
    .select("environment")
    .distinct()
    .where("deletedAt", "is", null)
    .where("tenantId", "in", (eb) =>
      eb
        .selectFrom("targets as there")
        .select("there.tenantId")
        .where("there.planeName", "in", planes)
        .where("there.deletedAt", "is", null),
    )
    .execute();
  return rows.map(({ environment }) => environment);
}
