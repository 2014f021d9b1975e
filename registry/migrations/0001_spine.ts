import type { Kysely } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";

/** Tenants, targets, planes, releases, operations, audit, and what serves them. Only SQL both dialects take. */
export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await tenancy(db, dialect);
  await operations(db, dialect);
  await evidence(db, dialect);
  await requests(db);
  await fleet(db);
}

async function tenancy(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema
    .createTable("planes")
    .addColumn("plane_id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull().unique())
    .addColumn("environment", "text", (c) => c.notNull())
    .addColumn("region", "text", (c) => c.notNull())
    .addColumn("account_id", "text", (c) => c.notNull())
    .addColumn("stack_name", "text", (c) => c.notNull())
    .addColumn("outputs", "text", (c) => c.notNull())
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("tenants")
    .addColumn("tenant_id", "text", (c) => c.primaryKey())
    .addColumn("slug", "text", (c) => c.notNull())
    .addColumn("display_name", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("requested_status", "text", (c) => c.notNull())
    .addColumn("plan", "text", (c) => c.notNull())
    .addColumn("primary_domain", "text")
    .addColumn("labels", "text", (c) => c.notNull())
    .addColumn("settings", "text", (c) => c.notNull())
    .addColumn("secret_refs", "text", (c) => c.notNull())
    .addColumn("planes", "text", (c) => c.notNull())
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addColumn("archived_at", "text")
    .addColumn("deleted_at", "text")
    .execute();
  await db.schema
    .createIndex("tenants_live_slug")
    .unique()
    .on("tenants")
    .column("slug")
    .where("deleted_at" as never, "is", null)
    .execute();
  await index(db, "tenants", "created_at", "tenant_id");
  await index(db, "tenants", "status", "created_at", "tenant_id");
  await index(db, "tenants", "plan", "created_at", "tenant_id");
  await index(db, "tenants", "slug");

  await db.schema
    .createTable("tenant_labels")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("value", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("tenant_labels_pk", ["tenant_id", "key"] as never[])
    .execute();
  await index(db, "tenant_labels", "key", "value", "tenant_id");

  await db.schema
    .createTable("tenant_versions")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id"))
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("snapshot", "text", (c) => c.notNull())
    .addColumn("action", "text", (c) => c.notNull())
    .addColumn("actor_id", "text", (c) => c.notNull())
    .addColumn("request_id", "text", (c) => c.notNull())
    .addColumn("changed_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("tenant_versions_pk", ["tenant_id", "record_version"] as never[])
    .execute();
  await dialect.appendOnly(db, "tenant_versions");

  await db.schema
    .createTable("releases")
    .addColumn("release_id", "text", (c) => c.primaryKey())
    .addColumn("number", "integer", (c) => c.notNull().unique())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("services", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .execute();
  await dialect.appendOnly(db, "releases");

  await db.schema
    .createTable("targets")
    .addColumn("target_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("plane_id", "text", (c) => c.notNull().references("planes.plane_id"))
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("environment", "text", (c) => c.notNull())
    .addColumn("region", "text", (c) => c.notNull())
    .addColumn("generation", "integer", (c) => c.notNull())
    .addColumn("project_name", "text", (c) => c.notNull())
    .addColumn("stack_name", "text", (c) => c.notNull())
    .addColumn("deployment_state", "text", (c) => c.notNull())
    .addColumn("requested_state", "text", (c) => c.notNull())
    .addColumn("cluster_name", "text")
    .addColumn("service_namespace", "text")
    .addColumn("routing_target", "text")
    .addColumn("public_name", "text")
    .addColumn("current_release_number", "integer", (c) => c.references("releases.number"))
    .addColumn("target_release_number", "integer", (c) => c.references("releases.number"))
    .addColumn("current_spec_digest", "text")
    .addColumn("applied_spec", "text")
    .addColumn("last_operation_id", "text")
    .addColumn("last_operation_status", "text")
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addColumn("deleted_at", "text")
    .addUniqueConstraint("targets_stack", ["project_name", "stack_name"] as never[])
    .addUniqueConstraint("targets_generation", ["tenant_id", "plane_id", "generation"] as never[])
    .execute();
  await index(db, "targets", "plane_name", "created_at", "target_id");
  await index(db, "targets", "created_at", "target_id");

  await db.schema
    .createTable("target_observations")
    .addColumn("target_id", "text", (c) => c.primaryKey().references("targets.target_id").onDelete("cascade"))
    .addColumn("health", "text", (c) => c.notNull())
    .addColumn("health_reason", "text")
    .addColumn("health_checked_at", "text")
    .addColumn("drift", "text", (c) => c.notNull())
    .addColumn("drift_checked_at", "text")
    .execute();
}

async function operations(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema
    .createTable("operations")
    .addColumn("operation_id", "text", (c) => c.primaryKey())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text", (c) => c.references("tenants.tenant_id"))
    .addColumn("target_id", "text", (c) => c.references("targets.target_id"))
    .addColumn("plane_name", "text")
    .addColumn("rollout_id", "text")
    .addColumn("input", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("requested_by", "text", (c) => c.notNull())
    .addColumn("request_id", "text", (c) => c.notNull())
    .addColumn("correlation_id", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("current_step", "text")
    .addColumn("attempt", "integer", (c) => c.notNull())
    .addColumn("journal_length", "integer", (c) => c.notNull())
    .addColumn("error", "text")
    .addColumn("lease_owner", "text")
    .addColumn("lease_expires_at", "text")
    .addColumn("fencing_token", "integer", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addColumn("started_at", "text")
    .addColumn("finished_at", "text")
    .execute();
  // One live operation per stack, held by the database: whoever loses the race gets the constraint, not a second run.
  await db.schema
    .createIndex("operations_live_target")
    .unique()
    .on("operations")
    .column("target_id")
    .where("finished_at" as never, "is", null)
    .execute();
  await index(db, "operations", "created_at", "operation_id");
  await index(db, "operations", "status", "created_at", "operation_id");
  await index(db, "operations", "tenant_id", "created_at", "operation_id");
  await index(db, "operations", "target_id", "created_at", "operation_id");
  await index(db, "operations", "rollout_id", "created_at", "operation_id");

  await db.schema
    .createTable("operation_journal")
    .addColumn("operation_id", "text", (c) => c.notNull().references("operations.operation_id"))
    .addColumn("sequence", "integer", (c) => c.notNull())
    .addColumn("type", "text", (c) => c.notNull())
    .addColumn("step", "text")
    .addColumn("attempt", "integer", (c) => c.notNull())
    .addColumn("message", "text")
    .addColumn("data", "text", (c) => c.notNull())
    .addColumn("at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("operation_journal_pk", ["operation_id", "sequence"] as never[])
    .execute();
  await dialect.appendOnly(db, "operation_journal");
}

async function evidence(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema
    .createTable("audit_events")
    .addColumn("chain", "text", (c) => c.notNull())
    .addColumn("sequence", "integer", (c) => c.notNull())
    .addColumn("event_id", "text", (c) => c.notNull().unique())
    .addColumn("occurred_at", "text", (c) => c.notNull())
    .addColumn("actor_kind", "text", (c) => c.notNull())
    .addColumn("actor_id", "text", (c) => c.notNull())
    .addColumn("actor_name", "text", (c) => c.notNull())
    .addColumn("action", "text", (c) => c.notNull())
    .addColumn("target_type", "text", (c) => c.notNull())
    .addColumn("target_id", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text")
    .addColumn("outcome", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("request_id", "text", (c) => c.notNull())
    .addColumn("correlation_id", "text", (c) => c.notNull())
    .addColumn("details", "text", (c) => c.notNull())
    .addColumn("previous_hash", "text", (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("audit_events_pk", ["chain", "sequence"] as never[])
    .execute();
  await dialect.appendOnly(db, "audit_events");
  await index(db, "audit_events", "occurred_at", "event_id");
  await index(db, "audit_events", "tenant_id", "occurred_at", "event_id");
  await index(db, "audit_events", "action", "occurred_at", "event_id");

  await db.schema
    .createTable("audit_heads")
    .addColumn("chain", "text", (c) => c.primaryKey())
    .addColumn("sequence", "integer", (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();
  await dialect.forwardOnly(db, "audit_heads", "sequence");

  await db.schema
    .createTable("outbox")
    .addColumn("stream", "text", (c) => c.notNull())
    .addColumn("sequence", "integer", (c) => c.notNull())
    .addColumn("event_id", "text", (c) => c.notNull().unique())
    .addColumn("type", "text", (c) => c.notNull())
    .addColumn("payload", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("dispatched_at", "text")
    .addPrimaryKeyConstraint("outbox_pk", ["stream", "sequence"] as never[])
    .execute();
  await db.schema
    .createIndex("outbox_pending")
    .on("outbox")
    .columns(["created_at", "stream", "sequence"])
    .where("dispatched_at" as never, "is", null)
    .execute();
}

async function requests(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("api_keys")
    .addColumn("key_id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("role", "text", (c) => c.notNull())
    .addColumn("secret_hash", "text", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("expires_at", "text")
    .addColumn("revoked_at", "text")
    .execute();
  await index(db, "api_keys", "created_at", "key_id");

  await db.schema
    .createTable("api_key_uses")
    .addColumn("key_id", "text", (c) => c.primaryKey().references("api_keys.key_id").onDelete("cascade"))
    .addColumn("last_used_at", "text", (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("idempotency_keys")
    .addColumn("principal_id", "text", (c) => c.notNull())
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("request_digest", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("request_id", "text", (c) => c.notNull())
    .addColumn("response_status", "integer")
    .addColumn("response_body", "text")
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("expires_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("idempotency_keys_pk", ["principal_id", "key"] as never[])
    .execute();
  await index(db, "idempotency_keys", "expires_at");
}

async function fleet(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("drift_scans")
    .addColumn("scan_id", "text", (c) => c.primaryKey())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("scope", "text", (c) => c.notNull())
    .addColumn("targets_total", "integer", (c) => c.notNull())
    .addColumn("targets_done", "integer", (c) => c.notNull())
    .addColumn("targets_failed", "integer", (c) => c.notNull())
    .addColumn("findings_open", "integer", (c) => c.notNull())
    .addColumn("requested_by", "text", (c) => c.notNull())
    .addColumn("request_id", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("started_at", "text")
    .addColumn("finished_at", "text")
    .execute();
  await index(db, "drift_scans", "created_at", "scan_id");

  await db.schema
    .createTable("drift_scan_targets")
    .addColumn("scan_id", "text", (c) => c.notNull().references("drift_scans.scan_id").onDelete("cascade"))
    .addColumn("target_id", "text", (c) => c.notNull().references("targets.target_id").onDelete("cascade"))
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("findings", "integer", (c) => c.notNull())
    .addColumn("error", "text")
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("drift_scan_targets_pk", ["scan_id", "target_id"] as never[])
    .execute();

  await db.schema
    .createTable("drift_findings")
    .addColumn("finding_id", "text", (c) => c.primaryKey())
    .addColumn("target_id", "text", (c) => c.notNull().references("targets.target_id").onDelete("cascade"))
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("urn", "text", (c) => c.notNull())
    .addColumn("resource_type", "text", (c) => c.notNull())
    .addColumn("logical_name", "text", (c) => c.notNull())
    .addColumn("physical_id", "text")
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("properties", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("seen_count", "integer", (c) => c.notNull())
    .addColumn("first_scan_id", "text")
    .addColumn("last_scan_id", "text")
    .addColumn("first_seen_at", "text", (c) => c.notNull())
    .addColumn("last_seen_at", "text", (c) => c.notNull())
    .addColumn("resolved_at", "text")
    .addColumn("resolved_by", "text")
    .execute();
  await db.schema
    .createIndex("drift_findings_open")
    .unique()
    .on("drift_findings")
    .columns(["target_id", "urn"])
    .where("resolved_at" as never, "is", null)
    .execute();
  await index(db, "drift_findings", "first_seen_at", "finding_id");
  await index(db, "drift_findings", "status", "first_seen_at", "finding_id");
  await index(db, "drift_findings", "tenant_id", "first_seen_at", "finding_id");

  await db.schema
    .createTable("rollouts")
    .addColumn("rollout_id", "text", (c) => c.primaryKey())
    .addColumn("release_id", "text", (c) => c.notNull().references("releases.release_id"))
    .addColumn("release_number", "integer", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("strategy", "text", (c) => c.notNull())
    .addColumn("wave_count", "integer", (c) => c.notNull())
    .addColumn("current_wave", "integer", (c) => c.notNull())
    .addColumn("halt_reason", "text")
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("request_id", "text", (c) => c.notNull())
    .addColumn("correlation_id", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addColumn("started_at", "text")
    .addColumn("finished_at", "text")
    .execute();
  await index(db, "rollouts", "created_at", "rollout_id");
  await index(db, "rollouts", "status", "created_at", "rollout_id");

  await db.schema
    .createTable("rollout_targets")
    .addColumn("rollout_id", "text", (c) => c.notNull().references("rollouts.rollout_id").onDelete("cascade"))
    .addColumn("target_id", "text", (c) => c.notNull().references("targets.target_id").onDelete("cascade"))
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("wave", "integer", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("operation_id", "text")
    .addColumn("from_release_number", "integer")
    .addColumn("error", "text")
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("rollout_targets_pk", ["rollout_id", "target_id"] as never[])
    .execute();
  await index(db, "rollout_targets", "rollout_id", "wave", "target_id");
}

/** Named after what it covers, so that two of them can never clash. */
async function index(db: Kysely<unknown>, table: string, ...columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .execute();
}
