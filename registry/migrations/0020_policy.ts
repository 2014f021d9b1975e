import type { Kysely } from "kysely";

/**
 * Which policies held from when on, and the addresses of regions that are set by hand. Of sets of policies the newest row holds;
 * it is also what a service begins with that cannot read their source.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("policy_loads")
    .addColumn("load_id", "text", (c) => c.primaryKey())
    .addColumn("version", "text", (c) => c.notNull())
    .addColumn("source", "text", (c) => c.notNull())
    .addColumn("files", "text", (c) => c.notNull())
    .addColumn("loaded_at", "text", (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("policy_loads_version")
    .on("policy_loads")
    .columns(["version", "load_id"])
    .execute();
  await db.schema
    .createTable("residency_endpoints")
    .addColumn("region", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("address", "text", (c) => c.notNull())
    .addColumn("updated_by", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("residency_endpoints_pk", ["region", "kind"])
    .execute();
}
