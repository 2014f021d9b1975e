import pg from "pg";
import { type CloudResource, TENANT_TAG } from "../demo/listings.ts";
import { createLocalCloudRuntime } from "../service/cloud/localCloudRuntime.ts";

/** What a plane has of a database: the PostgreSQL that stands in for its cluster. */
export interface PlaneDatabase {
  readonly databaseClusterIdentifier: string;
  readonly databaseEndpoint: string;
  readonly databasePort: number;
  readonly databaseName: string;
  readonly databaseMasterSecretArn: string;
}

/** What a tenant's services log in with. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** The local cloud past the service. */
export interface CloudAccess {
  /** Asks the control API. */
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Keys in their order. */
  objects(bucket: string, prefix: string): Promise<string[]>;
  /** Undefined without a secret of the tenant. */
  login(tenantId: string): Promise<Login | undefined>;
  /** As the master user of the plane's database; gives the column `name`. */
  administer(plane: PlaneDatabase, sql: string): Promise<string[]>;
}

const SECRET = "aws:secretsmanager/secret:Secret";
const ANSWER_MS = 5_000;

export function createCloudAccess(region: string, controlUrl: () => Promise<string>): CloudAccess {
  const runtime = createLocalCloudRuntime({ controlUrl });

  const control: CloudAccess["control"] = async (method, path, body) => {
    const response = await fetch(new URL(path, await controlUrl()), {
      method,
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  };

  async function credentials(secretId: string): Promise<Pick<Login, "user" | "password"> | undefined> {
    const query = new URLSearchParams({ id: secretId, region });
    const { value } = (await control("GET", `/v1/secrets/value?${query}`)) as { value: string | null };
    if (value === null) return undefined;
    const { username: user, ...others } = JSON.parse(value);
    return { user, ...others };
  }

  return {
    control,
    async objects(bucket, prefix) {
      const query = new URLSearchParams({ bucket, prefix });
      const { objects } = (await control("GET", `/v1/s3/objects?${query}`)) as { objects: { key: string }[] };
      return objects.map(({ key }) => key);
    },
    async login(tenantId) {
      const query = new URLSearchParams({ type: SECRET, [`tag.${TENANT_TAG}`]: tenantId });
      const { resources } = (await control("GET", `/v1/resources?${query}`)) as {
        resources: CloudResource[];
      };
      const found = resources.find(({ state }) => state === "present");
      return found === undefined ? undefined : ((await credentials(found.id)) as Login | undefined);
    },
    async administer(plane, sql) {
      const { databaseClusterIdentifier: clusterIdentifier, databaseEndpoint, databasePort } = plane;
      const declared = { endpoint: databaseEndpoint, port: databasePort };
      const address = await runtime.databaseAddress({ region, clusterIdentifier, ...declared });
      const master = await credentials(plane.databaseMasterSecretArn);
      if (master === undefined) throw new Error(`${plane.databaseMasterSecretArn} has no value`);
      return loggedIn({ ...address, ...master, database: plane.databaseName }, async (client) => {
        const { rows } = await client.query<{ name: string }>(sql);
        return rows.map(({ name }) => name);
      });
    },
  };
}

/** Work on one connection, which ends with it. */
export async function loggedIn<T>(login: Login, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { host, port, database, user, password } = login;
  const timeouts = { connectionTimeoutMillis: ANSWER_MS, query_timeout: ANSWER_MS };
  const client = new pg.Client({ host, port, database, user, password, ...timeouts });
  // The database may be killed at any moment; the query then says so.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
