import { DatabaseError } from "./databaseError.ts";

/**
 * Every name of a tenant's on a server, from its id: whole, so that no two can meet. A server belongs to one plane. Data
 * carries the tenant alone and is shared by its generations; logins carry the generation, too, so that an old placement's
 * go on while a new one gets its own. The longest has 45 of PostgreSQL's 63 characters.
 */
export interface TenantNames {
  /** Of the schema, and of the tenant's own database where it has one. */
  readonly data: string;
  /** Owns everything; can log in only while work on its rows connects (asOwner.ts). */
  readonly owner: string;
  /** They take turns: one is in the secrets, the other was before, or will be next. */
  readonly logins: readonly [string, string];
}

const TENANT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function tenantNames(tenantId: string, generation: number): TenantNames {
  const data = dataName(tenantId);
  const login = `${data}_g${generation}`;
  return { data, owner: `${data}_owner`, logins: [`${login}_a`, `${login}_b`] };
}

export function dataName(tenantId: string): string {
  if (!TENANT_ID.test(tenantId)) {
    throw new DatabaseError(
      "database_unsupported",
      `Cannot name the tenant's database: tenantId must be a lower-case UUID, got ${JSON.stringify(tenantId)}`,
    );
  }
  return `tn_${tenantId.replaceAll("-", "")}`;
}

/** Matches the logins of all generations and nothing of another tenant. */
export function loginPattern(tenantId: string): string {
  return `^${dataName(tenantId)}_g[0-9]+_[ab]$`;
}

/** All logins of tenants with a schema are members: it may connect to the database they share, and nothing else. */
export const POOLED_GROUP = "tenantry_pooled";
