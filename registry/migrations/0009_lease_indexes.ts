import type { Kysely } from "kysely";

/**
 * Every renewal of an operation's lease asks for its stack by holder, and every process asks every second for the processes that hold
 * one. A row stays for each target there ever was; held are as many as run.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ["holder", "process_id"]) {
    await db.schema
      .createIndex(`stack_leases_${column}`)
      .on("stack_leases")
      .column(column)
      .where(column as never, "is not", null)
      .execute();
  }
}
