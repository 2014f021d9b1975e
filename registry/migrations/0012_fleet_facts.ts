import type { Kysely } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";

/** What releases say of themselves, and what decides beside them: pins, windows and freezes, feature flags, incidents. */
export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await releases(db, dialect);
  await pins(db);
  await windows(db);
  await flags(db);
  await incidents(db, dialect);
  await index(db, "targets", "current_release_number", "created_at", "target_id");
  await index(db, "targets", "target_release_number");
  await index(db, "targets", "region", "created_at", "target_id");
  await index(db, "targets", "cluster_name", "created_at", "target_id");
}

/** The images of `releases.services` once more, one a row, so that "who runs this digest" can use an index. */
async function releases(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema
    .alterTable("releases")
    .addColumn("notes", "text", (c) => c.notNull().defaultTo(""))
    .execute();
  for (const name of ["schema_version", "compatible_from", "compatible_to", "from_number"]) {
    await db.schema.alterTable("releases").addColumn(name, "integer").execute();
  }
  await db.schema
    .createTable("release_images")
    .addColumn("release_number", "integer", (c) => c.notNull().references("releases.number"))
    .addColumn("service", "text", (c) => c.notNull())
    .addColumn("image", "text", (c) => c.notNull())
    .addColumn("digest", "text")
    .addPrimaryKeyConstraint("release_images_pk", ["release_number", "service"] as never[])
    .execute();
  await index(db, "release_images", "digest", "release_number");
  await copyImages(db as Kysely<Before>);
  await dialect.appendOnly(db, "release_images");
}

interface Before {
  releases: { number: number; services: string };
  release_images: { release_number: number; service: string; image: string; digest: string | null };
}

async function copyImages(db: Kysely<Before>): Promise<void> {
  for (const { number, services } of await db
    .selectFrom("releases")
    .select(["number", "services"])
    .execute()) {
    const images = JSON.parse(services) as Record<string, { image: string }>;
    const rows = Object.entries(images).map(([service, { image }]) => ({
      release_number: number,
      service,
      image,
      digest: image.split("@")[1] ?? null,
    }));
    if (rows.length > 0) await db.insertInto("release_images").values(rows).execute();
  }
}

async function pins(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("pins")
    .addColumn("pin_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("target_id", "text", (c) => c.references("targets.target_id").onDelete("cascade"))
    .addColumn("release_number", "integer", (c) => c.references("releases.number"))
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("expires_at", "text")
    .addColumn("released_at", "text")
    .addColumn("released_by", "text")
    .addColumn("release_reason", "text")
    .execute();
  await index(db, "pins", "created_at", "pin_id");
  await index(db, "pins", "tenant_id", "created_at", "pin_id");
  await openIndex(db, "pins", "released_at", "tenant_id");
  await openIndex(db, "pins", "released_at", "created_at", "pin_id");
}

async function windows(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("change_windows")
    .addColumn("window_id", "text", (c) => c.primaryKey())
    .addColumn("effect", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text", (c) => c.references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("plane_name", "text")
    .addColumn("cron", "text")
    .addColumn("duration_ms", "integer")
    .addColumn("time_zone", "text")
    .addColumn("from_at", "text")
    .addColumn("until_at", "text")
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("ended_at", "text")
    .addColumn("ended_by", "text")
    .execute();
  await index(db, "change_windows", "created_at", "window_id");
  await openIndex(db, "change_windows", "ended_at", "tenant_id");
  await openIndex(db, "change_windows", "ended_at", "plane_name");
  await openIndex(db, "change_windows", "ended_at", "created_at", "window_id");
}

async function flags(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("flags")
    .addColumn("flag_key", "text", (c) => c.primaryKey())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("definition", "text", (c) => c.notNull())
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addColumn("archived_at", "text")
    .execute();
  await index(db, "flags", "created_at", "flag_key");

  await db.schema
    .createTable("flag_overrides")
    .addColumn("flag_key", "text", (c) => c.notNull().references("flags.flag_key").onDelete("cascade"))
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("value", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("expires_at", "text")
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("flag_overrides_pk", ["flag_key", "tenant_id"] as never[])
    .execute();
  await index(db, "flag_overrides", "tenant_id", "flag_key");
}

async function incidents(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema
    .createTable("incidents")
    .addColumn("incident_id", "text", (c) => c.primaryKey())
    .addColumn("title", "text", (c) => c.notNull())
    .addColumn("severity", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("opened_by", "text", (c) => c.notNull())
    .addColumn("opened_at", "text", (c) => c.notNull())
    .addColumn("resolved_by", "text")
    .addColumn("resolved_at", "text")
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();
  await index(db, "incidents", "opened_at", "incident_id");
  await index(db, "incidents", "status", "opened_at", "incident_id");

  await db.schema
    .createTable("incident_subjects")
    .addColumn("incident_id", "text", (c) =>
      c.notNull().references("incidents.incident_id").onDelete("cascade"),
    )
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("value", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("incident_subjects_pk", ["incident_id", "kind", "value"] as never[])
    .execute();
  await index(db, "incident_subjects", "kind", "value", "incident_id");

  await db.schema
    .createTable("incident_notes")
    .addColumn("note_id", "text", (c) => c.primaryKey())
    .addColumn("incident_id", "text", (c) => c.notNull().references("incidents.incident_id"))
    .addColumn("author_id", "text", (c) => c.notNull())
    .addColumn("at", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("text", "text", (c) => c.notNull())
    .execute();
  await index(db, "incident_notes", "incident_id", "at", "note_id");
  await dialect.appendOnly(db, "incident_notes");
}

async function index(db: Kysely<unknown>, table: string, ...columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .execute();
}

/** Of the rows that have not ended: what is asked on every request, while those that ended only grow in number. */
async function openIndex(
  db: Kysely<unknown>,
  table: string,
  end: string,
  ...columns: string[]
): Promise<void> {
  await db.schema
    .createIndex(`${table}_open_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .where(end as never, "is", null)
    .execute();
}
