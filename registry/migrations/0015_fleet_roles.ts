import { type Kysely, sql } from "kysely";

/** Roles over the whole fleet say so: within a tenant there are to be operators and admins as well. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`update api_keys set role = 'fleet_' || role where role in ('operator', 'admin')`.execute(db);
}
