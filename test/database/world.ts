import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { createDatabaseServers } from "../../emulator/rds/databaseServers.ts";
import { masterPassword } from "../../emulator/rds/masterPassword.ts";
import { openStore } from "../../emulator/store/store.ts";
import { createTenantDatabases } from "../../service/database/createTenantDatabases.ts";
import type {
  DatabasePlace,
  DumpSink,
  DumpSource,
  TenantDatabase,
  TenantDatabases,
} from "../../service/database/tenantDatabases.ts";

/** The local cloud's PostgreSQL without the rest of it, and secrets that are a map. */
export interface DatabaseWorld {
  readonly databases: TenantDatabases;
  readonly place: DatabasePlace;
  readonly secrets: Map<string, string>;
  /** Called before each write of a secret; throwing breaks it. */
  onPut: ((secretId: string) => void) | undefined;
  /** As the administrator. */
  admin<T extends object>(statement: string, database?: string): Promise<T[]>;
  /** A connection as the tenant's services make it, from what is in the first secret. */
  connect(tenant: TenantDatabase, changes?: Partial<pg.ClientConfig>): Promise<pg.Client>;
  close(): Promise<void>;
}

const MASTER_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!cluster-1";
const CLUSTER = "plane";

export async function openDatabaseWorld(): Promise<DatabaseWorld> {
  const folder = mkdtempSync(join(tmpdir(), "tenantry-database-"));
  const store = openStore(join(folder, "account.sqlite"));
  const cluster = store.put({
    ...{ account: "123456789012", region: "eu-west-1", type: "aws:rds/cluster:Cluster", id: CLUSTER },
    ...{ arn: "arn:aws:rds:eu-west-1:123456789012:cluster:plane", name: CLUSTER, nameScope: "x" },
    properties: {
      ...{ engine: "aurora-postgresql", clusterResourceId: "cluster-TEST", databaseName: "tenantry" },
      ...{ masterUsername: "tenantry_admin", masterUserSecrets: [{ secretArn: MASTER_SECRET }] },
    },
    ...{ inputKeys: [], runtime: {}, references: [] },
  });
  const servers = createDatabaseServers(folder, store);
  const secrets = new Map<string, string>();
  secrets.set(MASTER_SECRET, masterPassword(store, cluster, MASTER_SECRET));
  const address = async () => ({ ...(await servers.address(cluster)), tls: false });
  const world: DatabaseWorld = {
    databases: createTenantDatabases({
      cloud: {
        readSecret: async ({ secretId }) => secrets.get(secretId),
        async putSecretValue({ secretId, value }) {
          world.onPut?.(secretId);
          secrets.set(secretId, value);
        },
        databaseAddress: address,
      },
    }),
    place: {
      ...{ region: "eu-west-1", accountId: "123456789012", clusterIdentifier: CLUSTER },
      ...{ endpoint: "plane.example", port: 5432, databaseName: "tenantry", masterSecretArn: MASTER_SECRET },
    },
    secrets,
    onPut: undefined,
    async admin(statement, database = "tenantry") {
      const { username: user, password } = JSON.parse(secrets.get(MASTER_SECRET) ?? "");
      const client = new pg.Client({ ...(await address()), user, password, database });
      await client.connect();
      try {
        return (await client.query(statement)).rows;
      } finally {
        await client.end();
      }
    },
    async connect(tenant, changes = {}) {
      const { username: user, ...held } = JSON.parse(secrets.get(tenant.secretNames[0] ?? "") ?? "");
      const { host, port, database, password } = held;
      const client = new pg.Client({ ...{ host, port, database, user, password }, ...changes });
      client.on("error", () => undefined);
      await client.connect();
      return client;
    },
    async close() {
      await servers.stop();
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return world;
}

export function tenantDatabase(number: number, layout: TenantDatabase["layout"] = "schema"): TenantDatabase {
  const tenantId = `3f0d3a52-0000-4000-8000-${String(number).padStart(12, "0")}`;
  const secretNames = ["api", "worker"].map((service) => `/dev/tenants/${tenantId}/${service}/credentials`);
  return { tenantId, generation: 1, layout, secretNames };
}

/** What came of an attempt: PostgreSQL's code for the refusal, or "allowed". */
export async function attempt(client: pg.Client, statement: string): Promise<string> {
  try {
    await client.query(statement);
    return "allowed";
  } catch (thrown) {
    return String((thrown as { code?: string }).code);
  }
}

/** A dump in memory. */
export function memoryDump(): DumpSink & DumpSource & { readonly files: Map<string, Buffer> } {
  const files = new Map<string, Buffer>();
  return {
    files,
    async write(name, body) {
      const parts: Uint8Array[] = [];
      for await (const part of body) parts.push(part);
      const content = Buffer.concat(parts);
      files.set(name, content);
      const { createHash } = await import("node:crypto");
      return { bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
    },
    async read(name) {
      const content = files.get(name);
      if (content === undefined) throw new Error(`there is no ${name}`);
      return (async function* () {
        // In small pieces, so that a row never ends where a piece does.
        for (let start = 0; start < content.length; start += 1_000)
          yield content.subarray(start, start + 1_000);
      })();
    },
  };
}
