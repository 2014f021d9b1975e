import type { Kysely } from "kysely";

/** Who works: the service's processes, the stacks and jobs they hold, and the order in which tenants are served. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("processes")
    .addColumn("process_id", "text", (c) => c.primaryKey())
    .addColumn("host_id", "text", (c) => c.notNull())
    .addColumn("pid", "integer", (c) => c.notNull())
    .addColumn("process_started_at", "text", (c) => c.notNull())
    .addColumn("role", "text", (c) => c.notNull())
    .addColumn("registered_at", "text", (c) => c.notNull())
    .addColumn("heartbeat_at", "text", (c) => c.notNull())
    .addColumn("stopped_at", "text")
    .execute();
  await db.schema
    .createTable("stack_leases")
    .addColumn("target_id", "text", (c) => c.primaryKey().references("targets.target_id").onDelete("cascade"))
    .addColumn("holder", "text")
    .addColumn("process_id", "text")
    .addColumn("token", "integer", (c) => c.notNull())
    .addColumn("expires_at", "text")
    .addColumn("taken_at", "text", (c) => c.notNull())
    .execute();
  await db.schema
    .createTable("job_leases")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("process_id", "text")
    .addColumn("token", "integer", (c) => c.notNull())
    .addColumn("expires_at", "text")
    .execute();
  await db.schema
    .createTable("queue_turns")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("turn", "integer", (c) => c.notNull())
    .execute();
  await operationColumns(db);
}

async function operationColumns(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("operations")
    .addColumn("turn", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable("operations").addColumn("dispatched_at", "text").execute();
  // The queue alone, in the order it is served: a claim reads its first rows however many wait behind them.
  await db.schema
    .createIndex("operations_queue")
    .on("operations")
    .columns(["turn", "created_at", "operation_id"])
    .where("finished_at" as never, "is", null)
    .where("lease_owner" as never, "is", null)
    .execute();
  await db.schema
    .createIndex("operations_held")
    .on("operations")
    .columns(["lease_owner", "plane_name", "tenant_id"])
    .where("finished_at" as never, "is", null)
    .where("lease_owner" as never, "is not", null)
    .execute();
  await db.schema
    .createIndex("operations_undispatched")
    .on("operations")
    .columns(["created_at", "operation_id"])
    .where("finished_at" as never, "is", null)
    .where("dispatched_at" as never, "is", null)
    .execute();
}
