import pg from "pg";
import { TENANT_TAG } from "../demo/listings.ts";
import { dataName } from "../service/database/names.ts";
import { type Administered, administer } from "./matrix/database.ts";

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

export interface TenantDataParts {
  readonly region: string;
  readonly controlUrl: () => Promise<string>;
  /** The plane's outputs. */
  readonly plane: () => Promise<Administered & { readonly dataBucketName: string }>;
}

const CONNECT_MS = 5_000;

interface Credentials {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password: string;
}

export function createTenantData({ region, controlUrl, plane }: TenantDataParts): TenantData {
  async function control(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(new URL(path, await controlUrl()), {
      method,
      signal: AbortSignal.timeout(CONNECT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  async function secret(id: string): Promise<string> {
    const answer = await control("GET", `/v1/secrets/value?${new URLSearchParams({ id, region })}`);
    return (answer as { value: string | null }).value ?? "";
  }

  async function credentials(tenantId: string): Promise<Credentials> {
    const query = new URLSearchParams({ [`tag.${TENANT_TAG}`]: tenantId, limit: "500" });
    const { resources } = (await control("GET", `/v1/resources?${query}`)) as {
      resources: { type: string; name: string; state: string }[];
    };
    const found = resources.find(
      ({ type, state }) => type === "aws:secretsmanager/secret:Secret" && state === "present",
    );
    return JSON.parse(await secret(found?.name ?? "")) as Credentials;
  }

  async function asTenant<T>(tenantId: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const { host, port, database, username: user, password } = await credentials(tenantId);
    const timeouts = { connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS };
    const client = new pg.Client({ host, port, database, user, password, ...timeouts });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
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
      await control("PUT", `/v1/s3/object?${query}`, { number });
    },
    rows: (tenantId) =>
      asTenant(tenantId, async (client) => {
        const { rows } = await client.query<{ number: number }>("SELECT number FROM chaos ORDER BY number");
        return rows.map(({ number }) => number);
      }),
    async objects(tenantId) {
      const { dataBucketName: bucket } = await plane();
      const query = new URLSearchParams({ bucket, prefix: prefix(tenantId) });
      const { objects } = (await control("GET", `/v1/s3/objects?${query}`)) as { objects: { key: string }[] };
      return objects.map(({ key }) => Number(key.slice(prefix(tenantId).length))).sort((a, b) => a - b);
    },
    traces: async () =>
      await administer(
        await plane(),
        { region, controlUrl, secret },
        "SELECT nspname AS name FROM pg_namespace WHERE nspname ~ '^tn_' " +
          "UNION ALL SELECT rolname AS name FROM pg_roles WHERE rolname ~ '^tn_'",
      ),
    password: async (tenantId) => (await credentials(tenantId)).password,
  };
}

/** Whether a schema or login is the tenant's. */
export function isTraceOf(tenantId: string): (name: string) => boolean {
  const own = dataName(tenantId);
  return (name) => name === own || name.startsWith(`${own}_`);
}
