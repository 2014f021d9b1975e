import type { Kysely } from "kysely";

/** Connectors as single tenants have them. The connectors themselves are data of the service. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("integrations")
    .addColumn("integration_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("connector_key", "text", (c) => c.notNull())
    .addColumn("connector_version", "text", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("settings", "text", (c) => c.notNull())
    .addColumn("secret_refs", "text", (c) => c.notNull())
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("integrations_by_tenant_name")
    .on("integrations")
    .columns(["tenant_id", "name"])
    .unique()
    .execute();
  await db.schema
    .createIndex("integrations_by_tenant_created_at")
    .on("integrations")
    .columns(["tenant_id", "created_at", "integration_id"])
    .execute();
}
