import type pg from "pg";
import { dataName } from "../service/database/names.ts";
import { type CloudAccess, type Login, loggedIn, type PlaneDatabase } from "./cloudAccess.ts";

/**
 * What the tenants' own services would write: numbered rows and objects. Whatever happens to a tenant must keep them all, bring them
 * back, or remove them with it.
 */
export interface TenantData {
  /** As the tenant, with what is in its secret. A number that is there already stays. */
  write(tenantId: string, number: number): Promise<void>;
  /** As the tenant, in order. */
  rows(tenantId: string): Promise<number[]>;
  objects(tenantId: string): Promise<number[]>;
  /** Schemas and logins of tenants, by the plane's administrator. */
  traces(): Promise<string[]>;
  /** Of the tenant's login. */
  password(tenantId: string): Promise<string>;
}

export interface PlaneFacts extends PlaneDatabase {
  readonly dataBucketName: string;
}

export function createTenantData(cloud: CloudAccess, plane: () => Promise<PlaneFacts>): TenantData {
  async function login(tenantId: string): Promise<Login> {
    const found = await cloud.login(tenantId);
    if (found === undefined) throw new Error(`${tenantId} has no secret to log in with`);
    return found;
  }

  async function asTenant<T>(tenantId: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    return loggedIn(await login(tenantId), work);
  }

  const prefix = (tenantId: string) => `tenants/${tenantId}/chaos/`;
  return {
    async write(tenantId, number) {
      await asTenant(tenantId, async (client) => {
        await client.query("CREATE TABLE IF NOT EXISTS chaos (number int PRIMARY KEY)");
        await client.query("INSERT INTO chaos VALUES ($1) ON CONFLICT DO NOTHING", [number]);
      });
      const { dataBucketName: bucket } = await plane();
      const query = new URLSearchParams({ bucket, key: `${prefix(tenantId)}${number}` });
      await cloud.control("PUT", `/v1/s3/object?${query}`, { number });
    },
    rows: (tenantId) =>
      asTenant(tenantId, async (client) => {
        const { rows } = await client.query<{ number: number }>("SELECT number FROM chaos ORDER BY number");
        return rows.map(({ number }) => number);
      }),
    async objects(tenantId) {
      const { dataBucketName: bucket } = await plane();
      const keys = await cloud.objects(bucket, prefix(tenantId));
      return keys.map((key) => Number(key.slice(prefix(tenantId).length))).sort((a, b) => a - b);
    },
    traces: async () =>
      await cloud.administer(
        await plane(),
        "SELECT nspname AS name FROM pg_namespace WHERE nspname ~ '^tn_' " +
          "UNION ALL SELECT rolname AS name FROM pg_roles WHERE rolname ~ '^tn_'",
      ),
    password: async (tenantId) => (await login(tenantId)).password,
  };
}

/** Whether a schema or login is the tenant's. */
export function isTraceOf(tenantId: string): (name: string) => boolean {
  const own = dataName(tenantId);
  return (name) => name === own || name.startsWith(`${own}_`);
}
