import { loginPattern, POOLED_GROUP, type TenantNames } from "./names.ts";
import { scramVerifier } from "./scram.ts";
import { identifier, type Login, literal, type Server, type Session, transaction } from "./session.ts";

/** Roles of tenants, and what the whole server is made to refuse them. All statements may be repeated. */

/** Per login; a tenant has two, of which one is in use but for the time after a rotation. */
const CONNECTIONS_PER_LOGIN = 40;
/** Defaults against mistakes: a session may set its own, as PostgreSQL lets nobody forbid that. */
const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  statement_timeout: "5min",
  lock_timeout: "1min",
  idle_in_transaction_session_timeout: "5min",
};
/** Before the first tenant and after an upgrade of ours: nobody gets into a database merely because it exists. */
export async function prepareServer(server: Server, session: Session): Promise<void> {
  const { databaseName: sharedDatabase } = server.place;
  const open = await publicDatabases(session);
  const known = await session.query(
    `SELECT has_database_privilege(rolname, $2, 'CONNECT') AS connects FROM pg_roles WHERE rolname = $1`,
    [POOLED_GROUP, sharedDatabase],
  );
  if (open.length === 0 && known.rows[0]?.connects === true) return;
  const close = async () => {
    for (const database of await publicDatabases(session)) {
      await session.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${identifier(database)} FROM PUBLIC`);
    }
    await createRole(session, POOLED_GROUP, "NOLOGIN");
    await session.query(
      `GRANT CONNECT ON DATABASE ${identifier(sharedDatabase)} TO ${identifier(POOLED_GROUP)}`,
    );
  };
  await locked(server, "prepare the server", "server", () => transaction(session, close));
}

async function publicDatabases(session: Session): Promise<readonly string[]> {
  const { rows } = await session.query<{ datname: string }>(
    `SELECT datname FROM pg_database JOIN pg_roles owner ON owner.oid = datdba
     WHERE owner.rolname = current_user AND datallowconn AND has_database_privilege('public', datname, 'CONNECT')`,
  );
  return rows.map(({ datname }) => datname);
}

/** The schema `public` is everybody's until somebody says otherwise. Needs the database's owner. */
export async function closePublicSchema(session: Session): Promise<void> {
  const { rows } = await session.query<{ open: boolean }>(
    `SELECT has_schema_privilege('public', nspname, 'USAGE') AS open FROM pg_namespace WHERE nspname = 'public'`,
  );
  if (rows[0]?.open === true) await session.query("REVOKE ALL ON SCHEMA public FROM PUBLIC");
}

/** `cause` is kept with the role when it is made now. */
export async function ensureOwner(session: Session, { owner }: TenantNames, cause: string): Promise<void> {
  if (await createRole(session, owner, "NOLOGIN")) {
    await session.query(`COMMENT ON ROLE ${identifier(owner)} IS ${literal(causeComment(cause))}`);
  }
  // To act as the owner only where it says so, not by being who it is.
  await session.query(`GRANT ${identifier(owner)} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE`);
}

export async function ensureLogins(
  session: Session,
  names: TenantNames,
  layout: "schema" | "database",
): Promise<void> {
  for (const login of names.logins) {
    const role = identifier(login);
    await createRole(session, login, "NOLOGIN");
    // Whichever login made it, everything belongs to the owner.
    const settings = { ...SESSION_SETTINGS, search_path: identifier(names.data), role: names.owner };
    const statements = [
      `ALTER ROLE ${role} CONNECTION LIMIT ${CONNECTIONS_PER_LOGIN}`,
      `GRANT ${identifier(names.owner)} TO ${role} WITH INHERIT TRUE, SET TRUE`,
      `GRANT ${role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE`,
      ...(layout === "schema"
        ? [`GRANT ${identifier(POOLED_GROUP)} TO ${role} WITH INHERIT TRUE, SET FALSE`]
        : []),
      ...Object.entries(settings).map(([name, value]) => {
        const given = name === "search_path" ? value : literal(value);
        return `ALTER ROLE ${role} SET ${name} = ${given}`;
      }),
    ];
    // In one message: each would be a journey to the server and back.
    await session.query(statements.join("; "));
  }
}

/** The server is told what it has to know to check the password, never the password. */
export async function setPassword(session: Session, { username, password }: Login): Promise<void> {
  const verifier = await scramVerifier(password);
  await session.query(`ALTER ROLE ${identifier(username)} LOGIN PASSWORD ${literal(verifier)}`);
}

/** Long enough to connect. What a process that died left open closes by itself. */
const OWNER_LOGIN_SECONDS = 60;

export async function openOwner(
  session: Session,
  { username, password }: Login,
  layout: "schema" | "database",
): Promise<void> {
  const owner = identifier(username);
  const [verifier, { rows }] = await Promise.all([
    scramVerifier(password),
    session.query<{ until: string }>("SELECT (now() + $1 * interval '1 second')::text AS until", [
      OWNER_LOGIN_SECONDS,
    ]),
  ]);
  if (layout === "schema") {
    await session.query(`GRANT ${identifier(POOLED_GROUP)} TO ${owner} WITH INHERIT TRUE, SET FALSE`);
  }
  const until = literal(rows[0]?.until ?? "-infinity");
  await session.query(`ALTER ROLE ${owner} LOGIN PASSWORD ${literal(verifier)} VALID UNTIL ${until}`);
}

export async function closeOwner(session: Session, { owner }: TenantNames): Promise<void> {
  await session.query(`ALTER ROLE ${identifier(owner)} NOLOGIN PASSWORD NULL`);
}

/** Of all generations. */
export async function loginsOf(session: Session, tenantId: string): Promise<readonly string[]> {
  const { rows } = await session.query<{ rolname: string }>(
    "SELECT rolname FROM pg_roles WHERE rolname ~ $1 ORDER BY rolname",
    [loginPattern(tenantId)],
  );
  return rows.map(({ rolname }) => rolname);
}

const TERMINATE_LIMIT_MS = 5_000;

export async function setLogin(session: Session, tenantId: string, allowed: boolean): Promise<void> {
  const logins = await loginsOf(session, tenantId);
  for (const login of logins) {
    await session.query(`ALTER ROLE ${identifier(login)} ${allowed ? "LOGIN" : "NOLOGIN"}`);
  }
  if (allowed) return;
  await session.query(
    "SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity WHERE usename::text = ANY ($1)",
    [logins, TERMINATE_LIMIT_MS],
  );
}

/** Whether the owner was made for that cause. */
export async function isMadeFor(session: Session, { owner }: TenantNames, cause: string): Promise<boolean> {
  const { rows } = await session.query<{ comment: string | null }>(
    "SELECT shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1",
    [owner],
  );
  return rows[0]?.comment === causeComment(cause);
}

function causeComment(cause: string): string {
  return `tenantry: made for ${cause}`;
}

/** Every server has it, and no tenant can connect to it. */
const LOCK_DATABASE = "postgres";

/**
 * Two that work on the same wait for each other. The lock is the database's in which it is taken, and a tenant may take any
 * there and keep others waiting: so it is taken where no tenant is.
 */
export function locked<T>(server: Server, doing: string, what: string, work: () => Promise<T>): Promise<T> {
  return server.connect(doing, LOCK_DATABASE, async (session) => {
    await session.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [`tenantry: ${what}`]);
    return work();
  });
}

/** True when it was not there. */
async function createRole(session: Session, name: string, flags: string): Promise<boolean> {
  const { rowCount } = await session.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [name]);
  if (rowCount !== 0) return false;
  await session.query(`CREATE ROLE ${identifier(name)} ${flags}`);
  return true;
}
