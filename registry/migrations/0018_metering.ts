import { type Kysely, sql } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";

/** What tenants use and may use: meters, usage events with their totals, the signals they gave, overrides of limits. */
export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await meters(db as Kysely<Meters>);
  await usage(db);
  await signals(db);
  await overrides(db);
  if (dialect.name === "postgresql") await rateLimits(db);
}

interface Meters {
  meters: {
    meter_key: string;
    display_name: string;
    unit: string;
    aggregation: string;
    decimals: number;
    created_by: string;
    created_at: string;
    archived_at: string | null;
  };
}

/** Written out here: what a migration does must not change with the code it would otherwise import. */
const BUILT_IN: readonly [key: string, name: string, unit: string, aggregation: string, decimals: number][] =
  [
    ["api_requests", "API requests", "requests", "sum", 0],
    ["connections", "Connections at once", "connections", "peak", 0],
    ["connector_operations", "Connector operations", "operations", "sum", 0],
    ["events", "Events processed", "events", "sum", 0],
    ["llm_tokens", "LLM tokens", "tokens", "sum", 0],
    ["storage_gib_hours", "Storage", "GiB hours", "sum", 6],
    ["workflow_runs", "Workflow runs", "runs", "sum", 0],
  ];

async function meters(db: Kysely<Meters>): Promise<void> {
  await db.schema
    .createTable("meters")
    .addColumn("meter_key", "text", (c) => c.primaryKey())
    .addColumn("display_name", "text", (c) => c.notNull())
    .addColumn("unit", "text", (c) => c.notNull())
    .addColumn("aggregation", "text", (c) => c.notNull())
    .addColumn("decimals", "integer", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("archived_at", "text")
    .execute();
  const made = { created_by: "built-in", created_at: "2026-01-01T00:00:00.000Z", archived_at: null };
  await db
    .insertInto("meters")
    .values(
      BUILT_IN.map(([meter_key, display_name, unit, aggregation, decimals]) => ({
        ...{ meter_key, display_name, unit, aggregation, decimals },
        ...made,
      })),
    )
    .execute();
}

/** Quantities are whole numbers of the meter's smallest step, so that sums are exact. */
async function usage(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("usage_events")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("event_id", "text", (c) => c.notNull())
    .addColumn("meter_key", "text", (c) => c.notNull().references("meters.meter_key"))
    .addColumn("quantity", "integer", (c) => c.notNull())
    .addColumn("occurred_at", "text", (c) => c.notNull())
    .addColumn("received_at", "text", (c) => c.notNull())
    .addColumn("corrects", "text")
    .addColumn("batch_id", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("usage_events_pk", ["tenant_id", "event_id"] as never[])
    .execute();
  await index(db, "usage_events", "tenant_id", "meter_key", "occurred_at", "event_id");
  await index(db, "usage_events", "occurred_at", "tenant_id", "event_id");
  await db.schema
    .createIndex("usage_events_corrections")
    .on("usage_events")
    .columns(["tenant_id", "corrects"])
    .where("corrects" as never, "is not", null)
    .execute();

  await db.schema
    .createTable("usage_totals")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("window_kind", "text", (c) => c.notNull())
    .addColumn("window_start", "text", (c) => c.notNull())
    .addColumn("meter_key", "text", (c) => c.notNull().references("meters.meter_key"))
    .addColumn("quantity", "integer", (c) => c.notNull())
    .addColumn("events", "integer", (c) => c.notNull())
    .addColumn("corrections", "integer", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("usage_totals_pk", [
      "tenant_id",
      "window_kind",
      "window_start",
      "meter_key",
    ] as never[])
    .execute();
  await index(db, "usage_totals", "window_kind", "window_start", "tenant_id", "meter_key");

  /** How far events have been purged: an event from before that is never taken, whatever the settings become. */
  await db.schema
    .createTable("usage_marks")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("at", "text", (c) => c.notNull())
    .execute();
}

async function signals(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("usage_signals")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("quota", "text", (c) => c.notNull())
    .addColumn("window_start", "text", (c) => c.notNull())
    .addColumn("threshold", "integer", (c) => c.notNull())
    .addColumn("facts", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("told_at", "text")
    .addPrimaryKeyConstraint("usage_signals_pk", [
      "tenant_id",
      "quota",
      "window_start",
      "threshold",
    ] as never[])
    .execute();
  await index(db, "usage_signals", "window_start");
  await db.schema
    .createIndex("usage_signals_untold")
    .on("usage_signals")
    .columns(["created_at", "tenant_id"])
    .where("told_at" as never, "is", null)
    .execute();
}

async function overrides(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("limit_overrides")
    .addColumn("override_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    /** Such as quota/eventsPerDay, rate/tenantGet or rate/*. */
    .addColumn("subject", "text", (c) => c.notNull())
    .addColumn("limit_value", "text", (c) => c.notNull())
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("expires_at", "text", (c) => c.notNull())
    .addColumn("ended_at", "text")
    .addColumn("ended_by", "text")
    .addColumn("end_reason", "text")
    .execute();
  await index(db, "limit_overrides", "created_at", "override_id");
  await index(db, "limit_overrides", "tenant_id", "created_at", "override_id");
  await db.schema
    .createIndex("limit_overrides_open")
    .unique()
    .on("limit_overrides")
    .columns(["tenant_id", "subject"])
    .where("ended_at" as never, "is", null)
    .execute();
  await db.schema
    .createIndex("limit_overrides_due")
    .on("limit_overrides")
    .columns(["expires_at", "override_id"])
    .where("ended_at" as never, "is", null)
    .execute();
}

/** The rate limiter's counters, shared by all services. They are worth nothing after a crash, so they are not logged. */
async function rateLimits(db: Kysely<unknown>): Promise<void> {
  await sql`create unlogged table rate_limits (
    key text primary key, points bigint not null default 0, expire bigint)`.execute(db);
  await sql`create index rate_limits_by_expire on rate_limits (expire)`.execute(db);
}

async function index(db: Kysely<unknown>, table: string, ...columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .execute();
}
