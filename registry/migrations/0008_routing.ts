import type { Kysely } from "kysely";

/** Where each target is answered for, and which version of its plane's routing that is. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("routes")
    .addColumn("target_id", "text", (c) => c.primaryKey().references("targets.target_id").onDelete("cascade"))
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id"))
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("host", "text", (c) => c.notNull())
    .addColumn("routing_target", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("generation", "integer", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("routes_by_plane_name_host")
    .on("routes")
    .columns(["plane_name", "host"])
    .execute();

  await db.schema
    .createTable("routing_versions")
    .addColumn("plane_name", "text", (c) => c.primaryKey())
    .addColumn("version", "integer", (c) => c.notNull())
    .addColumn("changed_at", "text", (c) => c.notNull())
    .execute();
}
