import pg from "pg";
import { createLocalCloudRuntime } from "../../service/cloud/localCloudRuntime.ts";

/** The PostgreSQL that stands in for the plane's cluster. */
export interface Administered {
  readonly databaseClusterIdentifier: string;
  readonly databaseEndpoint: string;
  readonly databasePort: number;
  readonly databaseName: string;
  readonly databaseMasterSecretArn: string;
}

export interface Access {
  readonly region: string;
  readonly controlUrl: () => Promise<string>;
  readonly secret: (id: string) => Promise<string | undefined>;
}

/** As the master user; gives the column `name`. */
export async function administer(
  plane: Administered,
  { region, controlUrl, secret }: Access,
  sql: string,
): Promise<string[]> {
  const { username: user, password } = JSON.parse((await secret(plane.databaseMasterSecretArn)) ?? "{}");
  const { databaseClusterIdentifier: clusterIdentifier, databaseEndpoint, databasePort } = plane;
  const runtime = createLocalCloudRuntime({ controlUrl });
  const declared = { endpoint: databaseEndpoint, port: databasePort };
  const { host, port } = await runtime.databaseAddress({ region, clusterIdentifier, ...declared });
  const client = new pg.Client({ host, port, database: plane.databaseName, user, password });
  await client.connect();
  try {
    return (await client.query<{ name: string }>(sql)).rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
