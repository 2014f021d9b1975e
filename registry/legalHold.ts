import { type RawBuilder, type SqlBool, sql } from "kysely";

/**
 * For whatever purges: true where the column names no tenant under a legal hold. Nothing of such a tenant is deleted, whatever its
 * retention; what belongs to no tenant is held by none.
 */
export function isNotHeld(tenantColumn: string): RawBuilder<SqlBool> {
  return sql<SqlBool>`not exists (select 1 from tenants as held
    where held.tenant_id = ${sql.ref(tenantColumn)} and held.legal_hold is not null)`;
}
