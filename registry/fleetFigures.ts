import { sql } from "kysely";
import type { DeploymentState, DriftState, HealthState, TenantStatus } from "../contract/vocabulary.ts";
import type { Reader } from "./registry.ts";

/** Figures of the whole fleet, for /metrics. */
export interface FleetFigures {
  readonly targets: readonly TargetsAlike[];
  readonly tenants: readonly { readonly status: TenantStatus; readonly count: number }[];
  readonly causesOpen: number;
  /** ISO 8601; undefined when nothing counts as drift. */
  readonly oldestDriftAt: string | undefined;
}

/** How many targets of a place are alike on every axis; each axis by itself is the sum over the others. */
export interface TargetsAlike {
  readonly environment: string;
  readonly region: string;
  readonly state: DeploymentState;
  readonly health: HealthState;
  readonly version: string;
  readonly drift: DriftState;
  readonly count: number;
}

/** One pass over the targets, one over the tenants. */
export async function fleetFigures(db: Reader): Promise<FleetFigures> {
  const causes = await db
    .selectFrom("driftCauses")
    .select((eb) => eb.fn.countAll().as("count"))
    .where("status", "=", "open")
    .whereRef("ignoredFindings", "<", "findings")
    .executeTakeFirst();
  const oldest = await db
    .selectFrom("driftFindings")
    .select((eb) => eb.fn.min("firstSeenAt").as("at"))
    .where("status", "=", "open")
    .where("kind", "!=", "hidden")
    .where("ignoreId", "is", null)
    .executeTakeFirst();
  const tenants = await db
    .selectFrom("tenants")
    .select((eb) => ["status", eb.fn.countAll().as("count")])
    .where("deletedAt", "is", null)
    .groupBy("status")
    .execute();
  return {
    targets: await targetsAlike(db),
    tenants: tenants.map(({ status, count }) => ({ status, count: Number(count) })),
    causesOpen: Number(causes?.count ?? 0),
    oldestDriftAt: oldest?.at ?? undefined,
  };
}

/** As versionOf in target.ts has it. */
const VERSION = sql<string>`case
  when targets.current_release_number is null or targets.target_release_number is null then 'unknown'
  when targets.current_release_number = targets.target_release_number then 'current'
  when targets.current_release_number < targets.target_release_number then 'behind'
  else 'ahead' end`;

async function targetsAlike(db: Reader): Promise<TargetsAlike[]> {
  const axes = ["environment", "region", "deploymentState", "health", "drift"] as const;
  const rows = await db
    .selectFrom("targets")
    .innerJoin("targetObservations", "targetObservations.targetId", "targets.targetId")
    .select((eb) => [...axes, VERSION.as("version"), eb.fn.countAll().as("count")])
    .where("targets.deletedAt", "is", null)
    .groupBy([...axes, VERSION])
    .execute();
  return rows.map(({ deploymentState, count, ...rest }) => ({
    ...rest,
    state: deploymentState,
    count: Number(count),
  }));
}

export interface UnwellTarget {
  readonly tenantId: string;
  readonly environment: string;
  readonly region: string;
  readonly what: (typeof UNWELL)[number]["value"];
}

const UNWELL = [
  { column: "health", value: "down" },
  { column: "health", value: "degraded" },
  { column: "drift", value: "drifted" },
] as const;

/** So many of each kind at most, found by index: a fleet that is well costs nothing. */
export async function unwellTargets(db: Reader, limit: number): Promise<UnwellTarget[]> {
  const found: UnwellTarget[] = [];
  for (const { column, value } of UNWELL) {
    const rows = await db
      .selectFrom("targetObservations")
      .innerJoin("targets", "targets.targetId", "targetObservations.targetId")
      .select(["targets.tenantId", "targets.environment", "targets.region"])
      .where(`targetObservations.${column}`, "=", value as never)
      .where("targets.deletedAt", "is", null)
      .orderBy("targetObservations.targetId")
      .limit(limit)
      .execute();
    found.push(...rows.map((row) => ({ ...row, what: value })));
  }
  return found;
}
