import { type CredentialStore, type Credentials, newest } from "./credentials.ts";
import { DatabaseError } from "./databaseError.ts";
import { type TenantNames, tenantNames } from "./names.ts";
import {
  closePublicSchema,
  ensureLogins,
  ensureOwner,
  isMadeFor,
  locked,
  prepareServer,
  setPassword,
} from "./roles.ts";
import { newPassword } from "./scram.ts";
import { identifier, type Server, type Session, transaction } from "./session.ts";
import type { Provisioned, TenantDatabase } from "./tenantDatabases.ts";

/** A tenant's place on a server, with everything that its methods need. */
export interface Tenancy {
  readonly server: Server;
  readonly tenant: TenantDatabase;
  readonly names: TenantNames;
  readonly secrets: CredentialStore;
  /** The database that holds the tenant's schema. */
  readonly database: string;
}

export function databaseOf(server: Server, { tenantId, generation, layout }: TenantDatabase): string {
  return layout === "database" ? tenantNames(tenantId, generation).data : server.place.databaseName;
}

/**
 * Roles, then the database where it is the tenant's own, then the schema, then the credentials. Each part finds what an
 * earlier run made, so that a run cut off anywhere is completed by the next.
 */
export async function provision(tenancy: Tenancy, cause: string): Promise<Provisioned> {
  const { server, tenant, names, database } = tenancy;
  const doing = "provision the database";
  const created = await server.connect(doing, server.place.databaseName, async (session) => {
    await prepareServer(server, session);
    const roles = () =>
      transaction(session, async () => {
        await ensureOwner(session, names, cause);
        await ensureLogins(session, names, tenant.layout);
        if (tenant.layout === "schema") await ensureSchema(session, names);
      });
    await locked(server, doing, names.data, roles);
    if (tenant.layout === "database") await ensureDatabase(session, names);
    return isMadeFor(session, names, cause);
  });
  if (tenant.layout === "database") {
    await server.connect("provision the schema", database, (session) =>
      transaction(session, async () => {
        await session.query(`SET LOCAL ROLE ${identifier(names.owner)}`);
        await ensureSchema(session, names);
      }),
    );
  }
  const credentialsWritten = await ensureCredentials(tenancy, cause);
  return { database, schema: names.data, created, credentialsWritten };
}

async function ensureSchema(session: Session, names: TenantNames): Promise<void> {
  await closePublicSchema(session);
  const { rows } = await session.query<{ owner: string }>(
    "SELECT pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = $1",
    [names.data],
  );
  const owner = rows[0]?.owner;
  if (owner === undefined) {
    const [schema, role] = [identifier(names.data), identifier(names.owner)];
    await session.query(`CREATE SCHEMA ${schema} AUTHORIZATION ${role}`);
  } else if (owner !== names.owner) {
    throw occupied("schema", names, owner);
  }
}

/** Nobody can connect before the public is shut out. */
async function ensureDatabase(session: Session, names: TenantNames): Promise<void> {
  const database = identifier(names.data);
  const { rows } = await session.query<{ owner: string }>(
    "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = $1",
    [names.data],
  );
  const owner = rows[0]?.owner;
  if (owner !== undefined && owner !== names.owner) throw occupied("database", names, owner);
  if (owner === undefined) {
    const role = identifier(names.owner);
    await session.query(
      `CREATE DATABASE ${database} OWNER ${role} TEMPLATE template0 ENCODING 'UTF8' ALLOW_CONNECTIONS false`,
    );
  }
  await transaction(session, async () => {
    await session.query(`SET LOCAL ROLE ${identifier(names.owner)}`);
    await session.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    await session.query(`GRANT CONNECT ON DATABASE ${database} TO SESSION_USER`);
    await session.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
  });
}

function occupied(what: string, names: TenantNames, owner: string): DatabaseError {
  return new DatabaseError(
    "database_occupied",
    `Cannot provision the ${what} ${names.data}: it must belong to ${names.owner}, and belongs to ${owner}. ` +
      "Find out who made it, and rename or drop it.",
  );
}

/**
 * The login in the secrets is made to work; where there is none, the first gets a new password. The database is told before
 * the secrets are, so that no secret ever holds a login that does not work. Cut off between the two, the password is
 * lost, and the next run makes another: nobody had it.
 */
async function ensureCredentials(tenancy: Tenancy, cause: string): Promise<boolean> {
  const { server, names, secrets } = tenancy;
  const held = newest(await secrets.read());
  const login = held ?? { username: names.logins[0], password: newPassword() };
  if (held === undefined || !(await canLogIn(tenancy, held))) await giveLogin(tenancy, login);
  const wanted = credentialsFor(tenancy, login, cause);
  const isRight =
    held !== undefined &&
    ([...ADDRESS_KEYS] as const).every((key) => held[key] === wanted[key]) &&
    held.tls === server.address.tls;
  const written = await secrets.write(isRight ? held : wanted);
  return written > 0 || held?.issuedFor === cause;
}

/** False when the server refuses it; a server that does not answer is no reason for another password. */
async function canLogIn({ server, database }: Tenancy, held: Credentials): Promise<boolean> {
  try {
    await server.tryLogin(database, held);
    return true;
  } catch (thrown) {
    if (thrown instanceof DatabaseError && !thrown.retryable) return false;
    throw thrown;
  }
}

const ADDRESS_KEYS = ["host", "port", "database", "schema"] as const;

/** The role that is not in use gets a new password and is tried before any secret names it. */
export async function rotatePassword(tenancy: Tenancy, cause: string): Promise<{ readonly role: string }> {
  const { names, secrets } = tenancy;
  const known = await secrets.read();
  const held = newest(known);
  // Another rotation that was given up between two secrets is finished: to begin a new one would take from the others the
  // login that they hold.
  const isHalfDone = known.some((one) => one !== undefined && one.username !== held?.username);
  if (held !== undefined && (held.issuedFor === cause || isHalfDone)) {
    await giveLogin(tenancy, held);
    await secrets.write(held);
    return { role: held.username };
  }
  const [first, second] = names.logins;
  const login = { username: held?.username === first ? second : first, password: newPassword() };
  await giveLogin(tenancy, login);
  await secrets.write(credentialsFor(tenancy, login, cause));
  return { role: login.username };
}

async function giveLogin(tenancy: Tenancy, login: Pick<Credentials, "username" | "password">): Promise<void> {
  const { server, database, names } = tenancy;
  const doing = "set the tenant's password";
  await locked(server, doing, names.data, () =>
    server.connect(doing, server.place.databaseName, (session) => setPassword(session, login)),
  );
  await server.tryLogin(database, login);
}

function credentialsFor(
  { server, database, names }: Tenancy,
  { username, password }: Pick<Credentials, "username" | "password">,
  issuedFor: string,
): Credentials {
  const { host, port, tls } = server.address;
  const issuedAt = new Date().toISOString();
  return { host, port, database, schema: names.data, username, password, tls, issuedAt, issuedFor };
}
