import type { Kysely } from "kysely";

/** Routing by version, holds after rollbacks, and tenants' own domains. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await versions(db);
  await holds(db);
  await domains(db);
}

async function versions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("routing_snapshots")
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("version", "integer", (c) => c.notNull())
    .addColumn("published_at", "text", (c) => c.notNull())
    .addColumn("published_by", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("routes", "integer", (c) => c.notNull())
    .addColumn("restores", "integer")
    .addColumn("services", "text", (c) => c.notNull())
    .addColumn("shared_host", "text")
    .addColumn("checksum", "text", (c) => c.notNull())
    .addColumn("key_id", "text", (c) => c.notNull())
    .addColumn("signature", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("routing_snapshots_pk", ["plane_name", "version"] as never[])
    .execute();

  // A route is in all versions from its first on, up to the one before `until_version`: a version costs what changed with it.
  await db.schema
    .createTable("routing_entries")
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("host", "text", (c) => c.notNull())
    .addColumn("from_version", "integer", (c) => c.notNull())
    .addColumn("until_version", "integer")
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("routing_target", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("target_id", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id"))
    .addPrimaryKeyConstraint("routing_entries_pk", ["plane_name", "host", "from_version"] as never[])
    .execute();
  await db.schema
    .createIndex("routing_entries_by_plane_name_until_version")
    .on("routing_entries")
    .columns(["plane_name", "until_version"])
    .execute();
  await db.schema
    .createIndex("routing_entries_by_tenant_id")
    .on("routing_entries")
    .columns(["tenant_id"])
    .execute();
}

async function holds(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("routing_versions").addColumn("held_version", "integer").execute();
  for (const column of ["held_at", "held_by", "hold_reason"]) {
    await db.schema.alterTable("routing_versions").addColumn(column, "text").execute();
  }
}

async function domains(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("domains")
    .addColumn("domain_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id"))
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("domain", "text", (c) => c.notNull())
    // The domain again while it is verified: only one row can have it.
    .addColumn("verified_domain", "text", (c) => c.unique())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("token", "text", (c) => c.notNull())
    .addColumn("verified_at", "text")
    .addColumn("failing_since", "text")
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addColumn("removed_at", "text")
    .execute();
  await db.schema
    .createIndex("domains_live_claim")
    .unique()
    .on("domains")
    .columns(["tenant_id", "domain"])
    .where("removed_at" as never, "is", null)
    .execute();
  await db.schema
    .createIndex("domains_by_tenant_id_created_at")
    .on("domains")
    .columns(["tenant_id", "created_at", "domain_id"])
    .execute();
  await db.schema
    .createIndex("domains_by_plane_name_verified_domain")
    .on("domains")
    .columns(["plane_name", "verified_domain"])
    .execute();
  // Apart, as nobody decides what was seen.
  await db.schema
    .createTable("domain_looks")
    .addColumn("domain_id", "text", (c) => c.primaryKey().references("domains.domain_id").onDelete("cascade"))
    .addColumn("looks", "integer", (c) => c.notNull())
    .addColumn("checked_at", "text")
    .addColumn("problem", "text")
    .addColumn("next_check_at", "text")
    .execute();
  await db.schema
    .createIndex("domain_looks_by_next_check_at")
    .on("domain_looks")
    .columns(["next_check_at"])
    .where("next_check_at" as never, "is not", null)
    .execute();
}
