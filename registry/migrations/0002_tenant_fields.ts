import type { Kysely } from "kysely";

/** How a tenant is placed, suspended, held and managed. Records from before take what was true of them then. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const columns = [
    ["isolation", "pooled"],
    ["regions", JSON.stringify({ allowed: [], preferred: [] })],
    ["suspension_mode", "workloads"],
    ["data_classification", "confidential"],
    ["managed_by", "api"],
  ] as const;
  for (const [name, before] of columns) {
    await db.schema
      .alterTable("tenants")
      .addColumn(name, "text", (column) => column.notNull().defaultTo(before))
      .execute();
  }
  for (const name of ["legal_hold", "decommission_after"]) {
    await db.schema.alterTable("tenants").addColumn(name, "text").execute();
  }
}
