import type { Kysely } from "kysely";

/** The manifest last applied to each tenant, and the reconcile loop's own books: who leads, and what is not yet as declared. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("tenant_manifests")
    .addColumn("tenant_id", "text", (c) => c.primaryKey().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("manifest", "text", (c) => c.notNull())
    .addColumn("file", "text")
    .addColumn("applied_by", "text", (c) => c.notNull())
    .addColumn("applied_at", "text", (c) => c.notNull())
    .addColumn("held_reason", "text")
    .addColumn("held_by", "text")
    .addColumn("held_at", "text")
    .execute();

  await db.schema
    .createTable("reconcile_leaders")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("holder", "text", (c) => c.notNull())
    .addColumn("token", "integer", (c) => c.notNull())
    .addColumn("expires_at", "text", (c) => c.notNull())
    .addColumn("last_pass", "text")
    .execute();

  await db.schema
    .createTable("reconcile_states")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("target_id", "text")
    .addColumn("verdict", "text", (c) => c.notNull())
    .addColumn("action", "text")
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("desired", "text", (c) => c.notNull())
    .addColumn("observed", "text", (c) => c.notNull())
    .addColumn("attempts", "integer", (c) => c.notNull())
    .addColumn("next_attempt_at", "text")
    .addColumn("since", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("reconcile_states_pk", ["tenant_id", "plane_name"] as never[])
    .execute();
  await db.schema
    .createIndex("reconcile_states_since")
    .on("reconcile_states")
    .columns(["since", "tenant_id", "plane_name"])
    .execute();
}
