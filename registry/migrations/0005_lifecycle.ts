import type { Kysely } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";

/** How targets are suspended; archives, decommissionings, and the certificates of what was deleted. */
export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  for (const name of ["suspension_mode", "deletion"]) {
    await db.schema.alterTable("targets").addColumn(name, "text").execute();
  }
  await archives(db);
  await decommissions(db);
  await certificates(db, dialect);
}

async function archives(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("archives")
    .addColumn("archive_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("target_id", "text", (c) => c.notNull().references("targets.target_id").onDelete("cascade"))
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("bucket", "text", (c) => c.notNull())
    .addColumn("prefix", "text", (c) => c.notNull())
    .addColumn("manifest", "text", (c) => c.notNull())
    .addColumn("release_number", "integer", (c) => c.references("releases.number"))
    .addColumn("retain_until", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("restored_at", "text")
    .addColumn("deleted_at", "text")
    .execute();
  await index(db, "archives", "tenant_id", "created_at", "archive_id");
  await index(db, "archives", "retain_until", "archive_id");
}

async function decommissions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("decommissions")
    .addColumn("decommission_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("status_before", "text", (c) => c.notNull())
    .addColumn("blocked_targets", "text", (c) => c.notNull())
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("requested_by", "text", (c) => c.notNull())
    .addColumn("request_id", "text", (c) => c.notNull())
    .addColumn("correlation_id", "text", (c) => c.notNull())
    .addColumn("requested_at", "text", (c) => c.notNull())
    .addColumn("grace_until", "text", (c) => c.notNull())
    .addColumn("ended_at", "text")
    .execute();
  await db.schema
    .createIndex("decommissions_live")
    .unique()
    .on("decommissions")
    .column("tenant_id")
    .where("ended_at" as never, "is", null)
    .execute();
  await index(db, "decommissions", "state", "grace_until");
}

async function certificates(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema
    .createTable("signing_keys")
    .addColumn("key_id", "text", (c) => c.primaryKey())
    .addColumn("algorithm", "text", (c) => c.notNull())
    .addColumn("public_key", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .execute();
  await dialect.appendOnly(db, "signing_keys");
  await db.schema
    .createTable("certificates")
    .addColumn("certificate_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().unique().references("tenants.tenant_id"))
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("key_id", "text", (c) => c.notNull().references("signing_keys.key_id"))
    .addColumn("signature", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .execute();
  await dialect.appendOnly(db, "certificates");
}

async function index(db: Kysely<unknown>, table: string, ...columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .execute();
}
