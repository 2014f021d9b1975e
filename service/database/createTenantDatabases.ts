import type { TenantDatabases, TenantDatabasesOptions } from "./tenantDatabases.ts";

export function createTenantDatabases(_options: TenantDatabasesOptions): TenantDatabases {
  const refuse = () => Promise.reject(new Error("Cannot reach the database"));
  return {
    provision: refuse,
    unprovision: refuse,
    rotatePassword: refuse,
    setLogin: refuse,
    dump: refuse,
    restore: refuse,
    verifyDump: refuse,
    contents: refuse,
    drop: refuse,
    leftovers: refuse,
  };
}
