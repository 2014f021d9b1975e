import { type Kysely, sql } from "kysely";

/**
 * A rollout becomes a document: what it changes, for whom, in which waves, and what each target had before. Those of old keep what
 * they did; one that had not ended is cancelled, as it says neither what was previewed nor what to go back to.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("targets").addColumn("verified_release_number", "integer").execute();
  for (const index of ["rollouts_by_created_at_rollout_id", "rollouts_by_status_created_at_rollout_id"]) {
    await db.schema.dropIndex(index).execute();
  }
  await db.schema.dropIndex("rollout_targets_by_rollout_id_wave_target_id").execute();
  // Its release can no longer be required, and SQLite changes no column: the tables are made anew.
  await db.schema.alterTable("rollout_targets").renameTo("rollout_targets_of_0001").execute();
  await db.schema.alterTable("rollouts").renameTo("rollouts_of_0001").execute();
  await rollouts(db);
  await parts(db);
  await targets(db);
  await copy(db);
  await db.schema.dropTable("rollout_targets_of_0001").execute();
  await db.schema.dropTable("rollouts_of_0001").execute();
}

async function rollouts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("rollouts")
    .addColumn("rollout_id", "text", (c) => c.notNull())
    .addColumn("change", "text", (c) => c.notNull())
    .addColumn("release_number", "integer")
    .addColumn("scope", "text", (c) => c.notNull())
    .addColumn("rules", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("status_reason", "text")
    .addColumn("reason", "text")
    .addColumn("wave_count", "integer", (c) => c.notNull())
    .addColumn("current_wave", "integer", (c) => c.notNull())
    .addColumn("target_count", "integer", (c) => c.notNull())
    .addColumn("preview_digest", "text")
    .addColumn("stuck_since", "text")
    .addColumn("stuck_reason", "text")
    .addColumn("cancel_requested_at", "text")
    .addColumn("ended_as", "text")
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("request_id", "text", (c) => c.notNull())
    .addColumn("correlation_id", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addColumn("previewed_at", "text")
    .addColumn("queued_at", "text")
    .addColumn("started_at", "text")
    .addColumn("progress_at", "text")
    .addColumn("finished_at", "text")
    .addPrimaryKeyConstraint("rollouts_key", ["rollout_id"] as never[])
    .execute();
  await index(db, "rollouts", "created_at", "rollout_id");
  await index(db, "rollouts", "status", "created_at", "rollout_id");
}

async function parts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("rollout_planes")
    .addColumn("rollout_id", "text", (c) => c.notNull().references("rollouts.rollout_id").onDelete("cascade"))
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("rollout_planes_key", ["rollout_id", "plane_name"] as never[])
    .execute();
  await index(db, "rollout_planes", "plane_name", "rollout_id");

  await db.schema
    .createTable("rollout_waves")
    .addColumn("rollout_id", "text", (c) => c.notNull().references("rollouts.rollout_id").onDelete("cascade"))
    .addColumn("wave", "integer", (c) => c.notNull())
    .addColumn("name", "text")
    .addColumn("size", "integer", (c) => c.notNull())
    .addColumn("settings", "text", (c) => c.notNull())
    .addColumn("approval_asked_at", "text")
    .addColumn("approved_by", "text")
    .addColumn("approved_at", "text")
    .addColumn("started_at", "text")
    .addColumn("bake_until", "text")
    .addColumn("ended_at", "text")
    .addPrimaryKeyConstraint("rollout_waves_key", ["rollout_id", "wave"] as never[])
    .execute();

  await db.schema
    .createTable("rollout_preview_groups")
    .addColumn("rollout_id", "text", (c) => c.notNull().references("rollouts.rollout_id").onDelete("cascade"))
    .addColumn("group_key", "text", (c) => c.notNull())
    .addColumn("position", "integer", (c) => c.notNull())
    .addColumn("changes", "text", (c) => c.notNull())
    .addColumn("operations", "text", (c) => c.notNull())
    .addColumn("replaces", "integer", (c) => c.notNull())
    .addColumn("deletes", "integer", (c) => c.notNull())
    .addColumn("target_count", "integer", (c) => c.notNull())
    .addColumn("tenant_count", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("rollout_preview_groups_key", ["rollout_id", "group_key"] as never[])
    .execute();
  await index(db, "rollout_preview_groups", "rollout_id", "position");
}

async function targets(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("rollout_targets")
    .addColumn("rollout_id", "text", (c) => c.notNull().references("rollouts.rollout_id").onDelete("cascade"))
    .addColumn("target_id", "text", (c) => c.notNull().references("targets.target_id").onDelete("cascade"))
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("wave", "integer", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("operation_id", "text")
    .addColumn("to_release_number", "integer")
    .addColumn("before", "text", (c) => c.notNull())
    .addColumn("preview_group", "text")
    .addColumn("plan_digest", "text")
    .addColumn("spec_digest", "text")
    .addColumn("previewed_at", "text")
    .addColumn("preview_error", "text")
    .addColumn("rollback_requested_at", "text")
    .addColumn("health", "text")
    .addColumn("attempt", "integer", (c) => c.notNull())
    .addColumn("started_at", "text")
    .addColumn("ended_at", "text")
    .addColumn("progress_at", "text")
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("rollout_targets_key", ["rollout_id", "target_id"] as never[])
    .execute();
  await index(db, "rollout_targets", "rollout_id", "wave", "target_id");
  await index(db, "rollout_targets", "rollout_id", "status", "wave", "target_id");
  await index(db, "rollout_targets", "rollout_id", "preview_group", "wave", "target_id");
  await index(db, "rollout_targets", "target_id", "rollout_id");
}

/** Both databases make text of a number beside `||`. */
async function copy(db: Kysely<unknown>): Promise<void> {
  await sql`
    insert into rollouts (
      rollout_id, change, release_number, scope, rules, status, status_reason, wave_count, current_wave, target_count,
      created_by, request_id, correlation_id, created_at, updated_at, started_at, progress_at, finished_at)
    select
      rollout_id, '{"kind":"release","releaseNumber":' || release_number || '}', release_number, '{}',
      '{"onExceeded":"halt","whenBusy":"refuse","stuckAfterMs":1800000}',
      case when finished_at is null then 'cancelled' else status end,
      case when finished_at is null then 'it was under way when the service was updated' else halt_reason end,
      wave_count, current_wave,
      (select count(*) from rollout_targets_of_0001 t where t.rollout_id = r.rollout_id),
      created_by, request_id, correlation_id, created_at, updated_at, started_at, updated_at,
      coalesce(finished_at, updated_at)
    from rollouts_of_0001 r`.execute(db);
  await sql`
    insert into rollout_planes (rollout_id, plane_name)
    select distinct rollout_id, plane_name from rollout_targets_of_0001`.execute(db);
  await sql`
    insert into rollout_waves (rollout_id, wave, size, settings, started_at, ended_at)
    select r.rollout_id, t.wave, count(*),
      '{"maxConcurrency":2,"failureTolerance":0,"concurrencyMode":"soft","bakeMs":0,"healthGate":{"cloud":true},"approval":false}',
      r.started_at, coalesce(r.finished_at, r.updated_at)
    from rollout_targets_of_0001 t join rollouts_of_0001 r on r.rollout_id = t.rollout_id
    group by r.rollout_id, t.wave, r.started_at, r.finished_at, r.updated_at`.execute(db);
  await sql`
    insert into rollout_targets (
      rollout_id, target_id, tenant_id, plane_name, wave, status, reason, operation_id, to_release_number, before,
      attempt, updated_at)
    select
      t.rollout_id, target_id, tenant_id, plane_name, wave,
      case t.status when 'pending' then 'skipped' when 'running' then 'failed' else t.status end,
      case when t.status in ('pending', 'running') then 'the service was updated meanwhile' else error end,
      operation_id, r.release_number,
      '{"releaseNumber":' || coalesce(from_release_number || '', 'null') || ',"specDigest":null}',
      case when operation_id is null then 0 else 1 end, t.updated_at
    from rollout_targets_of_0001 t join rollouts_of_0001 r on r.rollout_id = t.rollout_id`.execute(db);
}

/** Named after what it covers, so that two of them can never clash. */
async function index(db: Kysely<unknown>, table: string, ...columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .execute();
}
