import type { Kysely } from "kysely";

/** How an operation ends when it does not succeed, and until when it may run. Earlier ones kept what they had made. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("operations")
    .addColumn("on_failure", "text", (column) => column.notNull().defaultTo("keep"))
    .execute();
  await db.schema
    .alterTable("operations")
    .addColumn("deadline_ms", "integer", (column) => column.notNull().defaultTo(7_200_000))
    .execute();
  for (const name of ["compensation", "retry_of"]) {
    await db.schema.alterTable("operations").addColumn(name, "text").execute();
  }
}
