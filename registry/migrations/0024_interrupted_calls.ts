import type { Kysely } from "kysely";

/** Creations and updates that a cloud never answered, until the stack that they were for is recovered. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("interrupted_calls")
    .addColumn("target_id", "text", (c) => c.notNull().references("targets.target_id").onDelete("cascade"))
    .addColumn("stack_name", "text", (c) => c.notNull())
    .addColumn("urn", "text", (c) => c.notNull())
    .addColumn("type", "text", (c) => c.notNull())
    .addColumn("resource", "text", (c) => c.notNull())
    .addColumn("operation_id", "text", (c) => c.notNull())
    .addColumn("noted_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("interrupted_calls_pk", ["target_id", "stack_name", "urn"])
    .execute();
}
