import type { Kysely } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";

/** Where targets were put and why, and planes that are one tenant's alone. */
export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema.alterTable("planes").addColumn("dedicated_to", "text").execute();
  await db.schema
    .createTable("placements")
    .addColumn("placement_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id"))
    .addColumn("target_id", "text", (c) => c.notNull().references("targets.target_id"))
    .addColumn("plane_name", "text", (c) => c.notNull())
    .addColumn("environment", "text", (c) => c.notNull())
    .addColumn("region", "text", (c) => c.notNull())
    .addColumn("account_id", "text", (c) => c.notNull())
    .addColumn("generation", "integer", (c) => c.notNull())
    .addColumn("isolation", "text", (c) => c.notNull())
    .addColumn("cidr_block", "text")
    .addColumn("reasons", "text", (c) => c.notNull())
    .addColumn("decided_at", "text", (c) => c.notNull())
    .execute();
  await dialect.appendOnly(db, "placements");
  for (const [first, ...rest] of [
    ["tenant_id", "decided_at", "placement_id"],
    ["target_id", "decided_at", "placement_id"],
    ["plane_name", "cidr_block"],
  ] as const) {
    await db.schema
      .createIndex(`placements_by_${[first, ...rest].join("_")}`)
      .on("placements")
      .columns([first, ...rest])
      .execute();
  }
}
