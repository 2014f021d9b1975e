import { type Kysely, sql } from "kysely";

/**
 * Why the fleet has drifted, what of it is ignored until when, what each scan found, and when scans run by themselves. A finding that
 * the program hides may stand beside one that counts, on the same resource: so the kind is part of what is unique.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await findings(db);
  await causes(db);
  await scans(db);
}

async function findings(db: Kysely<unknown>): Promise<void> {
  for (const column of ["cause_id", "ignore_id", "ignored_until", "needs_person"]) {
    await db.schema.alterTable("drift_findings").addColumn(column, "text").execute();
  }
  await db.schema.dropIndex("drift_findings_open").execute();
  await db.schema
    .createIndex("drift_findings_open")
    .unique()
    .on("drift_findings")
    .columns(["target_id", "urn", "kind"])
    .where("resolved_at" as never, "is", null)
    .execute();
  await db.schema
    .createIndex("drift_findings_open_cause")
    .on("drift_findings")
    .columns(["cause_id", "tenant_id"])
    .where("resolved_at" as never, "is", null)
    .execute();
  await db.schema
    .createIndex("drift_findings_by_cause")
    .on("drift_findings")
    .columns(["cause_id", "status", "first_seen_at", "finding_id"])
    .execute();
  await db.schema
    .createIndex("drift_findings_ignored")
    .on("drift_findings")
    .column("ignore_id")
    .where("ignore_id" as never, "is not", null)
    .execute();
}

async function causes(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("drift_causes")
    .addColumn("cause_id", "text", (c) => c.primaryKey())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("resource_type", "text", (c) => c.notNull())
    .addColumn("logical_name", "text", (c) => c.notNull())
    .addColumn("properties", "text", (c) => c.notNull())
    .addColumn("tenants", "integer", (c) => c.notNull())
    .addColumn("targets", "integer", (c) => c.notNull())
    .addColumn("findings", "integer", (c) => c.notNull())
    .addColumn("ignored_findings", "integer", (c) => c.notNull())
    .addColumn("first_seen_at", "text", (c) => c.notNull())
    .addColumn("last_seen_at", "text", (c) => c.notNull())
    .addColumn("opened_at", "text")
    .addColumn("resolved_at", "text")
    .addColumn("episodes", "integer", (c) => c.notNull())
    .addColumn("ended_drift_ms", "integer", (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("drift_causes_ranked")
    .on("drift_causes")
    .expression(sql`status, tenants desc, opened_at, cause_id`)
    .execute();
  await db.schema
    .createTable("drift_cause_episodes")
    .addColumn("cause_id", "text", (c) => c.notNull().references("drift_causes.cause_id").onDelete("cascade"))
    .addColumn("episode", "integer", (c) => c.notNull())
    .addColumn("opened_at", "text", (c) => c.notNull())
    .addColumn("resolved_at", "text")
    .addColumn("most_tenants", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("drift_cause_episodes_pk", ["cause_id", "episode"] as never[])
    .execute();
  await db.schema
    .createTable("drift_ignores")
    .addColumn("ignore_id", "text", (c) => c.primaryKey())
    .addColumn("cause_id", "text", (c) => c.notNull().references("drift_causes.cause_id").onDelete("cascade"))
    .addColumn("scope", "text", (c) => c.notNull())
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("expires_at", "text", (c) => c.notNull())
    .addColumn("ended_at", "text")
    .addColumn("ended_by", "text")
    .execute();
  await index(db, "drift_ignores", "cause_id", "created_at", "ignore_id");
  await index(db, "drift_ignores", "created_at", "ignore_id");
  await db.schema
    .createIndex("drift_ignores_in_force")
    .on("drift_ignores")
    .column("expires_at")
    .where("ended_at" as never, "is", null)
    .execute();
}

async function scans(db: Kysely<unknown>): Promise<void> {
  for (const column of ["targets_skipped", "findings_new", "findings_ignored", "findings_hidden"]) {
    await db.schema
      .alterTable("drift_scans")
      .addColumn(column, "integer", (c) => c.notNull().defaultTo(0))
      .execute();
  }
  await db.schema.alterTable("drift_scans").addColumn("schedule_id", "text").execute();
  await db.schema
    .alterTable("drift_scan_targets")
    .addColumn("looks", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createTable("drift_scan_findings")
    .addColumn("scan_id", "text", (c) => c.notNull().references("drift_scans.scan_id").onDelete("cascade"))
    .addColumn("finding_id", "text", (c) =>
      c.notNull().references("drift_findings.finding_id").onDelete("cascade"),
    )
    .addColumn("is_new", "integer", (c) => c.notNull())
    .addColumn("ignored", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("drift_scan_findings_pk", ["scan_id", "finding_id"] as never[])
    .execute();
  await index(db, "drift_scan_findings", "finding_id");
  await db.schema
    .createTable("drift_schedules")
    .addColumn("schedule_id", "text", (c) => c.primaryKey())
    .addColumn("cron", "text", (c) => c.notNull())
    .addColumn("time_zone", "text", (c) => c.notNull())
    .addColumn("scope", "text", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("next_run_at", "text")
    .addColumn("last_run_at", "text")
    .addColumn("last_scan_id", "text")
    .addColumn("skipped_runs", "integer", (c) => c.notNull())
    .execute();
  await index(db, "drift_schedules", "created_at", "schedule_id");
  await index(db, "drift_schedules", "next_run_at");
}

async function index(db: Kysely<unknown>, table: string, ...columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns as never[])
    .execute();
}
