import type { Kysely } from "kysely";

/** What is set by hand and replaced whole has versions too, so that nobody replaces what they have not read. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["flag_overrides", "residency_endpoints", "retention_schedules"]) {
    await db.schema
      .alterTable(table)
      .addColumn("record_version", "integer", (c) => c.notNull().defaultTo(1))
      .execute();
  }
}
