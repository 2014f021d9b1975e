import { dataName, type TenantNames } from "./names.ts";
import type { Tenancy } from "./provision.ts";
import { loginsOf, setLogin } from "./roles.ts";
import { identifier, type Session, transaction } from "./session.ts";
import type { Dropped } from "./tenantDatabases.ts";

/** Logins first, so that nobody comes back; then the data; the roles last, since they are how the rest is found. */
export async function drop({ server, tenant, names }: Tenancy): Promise<Dropped> {
  const { databaseName } = server.place;
  return server.connect("drop the database", databaseName, async (session) => {
    const before = await leftovers(session, tenant.tenantId);
    if (before.length === 0) return { dropped: [] };
    await setLogin(session, tenant.tenantId, false);
    if (before.includes(`database ${names.data}`)) await dropDatabase(session, names);
    await transaction(session, () => dropRoles(session, tenant.tenantId, names));
    return { dropped: before };
  });
}

async function dropDatabase(session: Session, names: TenantNames): Promise<void> {
  await session.query(`SET ROLE ${identifier(names.owner)}`);
  try {
    await session.query(`DROP DATABASE IF EXISTS ${identifier(names.data)} WITH (FORCE)`);
  } finally {
    await session.query("RESET ROLE");
  }
}

/** With all that they own in the shared database: the schema, and whatever else they were let to make. */
async function dropRoles(session: Session, tenantId: string, names: TenantNames): Promise<void> {
  const roles = [...(await loginsOf(session, tenantId)), names.owner];
  for (const role of await existing(session, roles)) {
    await session.query(`GRANT ${identifier(role)} TO CURRENT_USER WITH SET TRUE`);
    await session.query(`SET LOCAL ROLE ${identifier(role)}`);
    await session.query(`DROP OWNED BY ${identifier(role)} CASCADE`);
    await session.query("RESET ROLE");
    await session.query(`DROP ROLE ${identifier(role)}`);
  }
}

async function existing(session: Session, roles: readonly string[]): Promise<readonly string[]> {
  const { rows } = await session.query<{ rolname: string }>(
    "SELECT rolname FROM pg_roles WHERE rolname::text = ANY ($1)",
    [roles],
  );
  const found = new Set(rows.map(({ rolname }) => rolname));
  return roles.filter((role) => found.has(role));
}

/** Asks in the database that tenants share. */
export async function leftovers(session: Session, tenantId: string): Promise<readonly string[]> {
  const { rows } = await session.query<{ item: string }>(
    `SELECT 'database ' || datname AS item FROM pg_database WHERE datname = $1
     UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = $1
     UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname ~ ('^' || $1 || '_(owner|g[0-9]+_[ab])$')
     ORDER BY item`,
    [dataName(tenantId)],
  );
  return rows.map(({ item }) => item);
}
