import type { Kysely } from "kysely";

/** One row for each plane and region where something has failed: what came of the last operations there. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("breakers")
    .addColumn("scope", "text", (c) => c.primaryKey())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("outcomes", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("openings", "integer", (c) => c.notNull())
    .addColumn("opened_at", "text")
    .addColumn("retry_at", "text")
    .addColumn("probe_holder", "text")
    .addColumn("probe_until", "text")
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();
}
