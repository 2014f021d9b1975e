import type { Kysely } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";

/**
 * What a rollout or a drift scan has as its target names a tenant that there is, as every other row that names one does; and whatever
 * belongs to a tenant is found by it without looking at everybody's.
 */
export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  for (const table of ["rollout_targets", "drift_scan_targets"]) {
    await dialect.addReference(db, { table, column: "tenant_id", parent: "tenants" });
  }
  await index(db, "rollout_targets", "tenant_id", "rollout_id");
  await index(db, "drift_scan_targets", "tenant_id", "scan_id");
  await index(db, "routes", "tenant_id");
  await index(db, "decommissions", "tenant_id", "requested_at");
  await index(db, "change_windows", "tenant_id", "created_at", "window_id");
}

/** Named after what it covers, so that two of them can never clash. */
async function index(db: Kysely<unknown>, table: string, ...columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .execute();
}
