import { sql } from "kysely";
import type { Reader } from "./registry.ts";

/** The fleet's three axes, each by itself, and how much drift there is. Five aggregates, however large the fleet. */
export interface FleetAxes {
  readonly health: Readonly<Record<string, number>>;
  readonly version: Readonly<Record<string, number>>;
  readonly drift: Readonly<Record<string, number>>;
  readonly causesOpen: number;
  /** ISO 8601; undefined when nothing counts as drift. */
  readonly oldestDriftAt: string | undefined;
}

export async function fleetAxes(db: Reader): Promise<FleetAxes> {
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
  return {
    health: await counted(db, sql<string>`target_observations.health`),
    version: await counted(db, VERSION),
    drift: await counted(db, sql<string>`target_observations.drift`),
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

async function counted(db: Reader, axis: ReturnType<typeof sql<string>>): Promise<Record<string, number>> {
  const rows = await db
    .selectFrom("targets")
    .innerJoin("targetObservations", "targetObservations.targetId", "targets.targetId")
    .select((eb) => [axis.as("state"), eb.fn.countAll().as("count")])
    .where("targets.deletedAt", "is", null)
    .groupBy(axis)
    .execute();
  return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
}
