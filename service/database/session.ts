import { readFileSync } from "node:fs";
import pg from "pg";
import { z } from "zod";
import type { DatabaseAddress } from "../cloud/cloudRuntime.ts";
import { brokenOff, type Permit } from "../cloud/permit.ts";
import { DatabaseError, databaseError } from "./databaseError.ts";
import type { DatabasePlace, TenantDatabasesOptions } from "./tenantDatabases.ts";

/**
 * One connection for one piece of work. With a permit each statement asks it first, COMMIT too, and when it ends the connection
 * does: the server takes back what is not committed and gives its locks to whoever comes next.
 */
export type Session = pg.Client;

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** The administrator of one server. */
export interface Server {
  readonly place: DatabasePlace;
  readonly address: DatabaseAddress;
  readonly username: string;
  /** `longWork`: for what reads or writes a tenant's rows. */
  connect<T>(
    doing: string,
    database: string,
    work: (session: Session) => Promise<T>,
    longWork?: boolean,
  ): Promise<T>;
  /** A connection for rows and definitions, as that login; whoever asks for it ends it. */
  open(doing: string, database: string, login: Login): Promise<Session>;
  /** Whether that login works, as a tenant's service would try it. */
  tryLogin(database: string, login: Login): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 60_000;
/** For one table's rows. */
const LONG_STATEMENT_TIMEOUT_MS = 4 * 3_600_000;
const TOO_MANY_CONNECTIONS = "53300";
const LOCK_TIMEOUT_MS = 15_000;
/** How often the server looks, in the middle of a statement, whether the connection is still there. */
const CONNECTION_CHECK_MS = 1_000;
/** Of a host that is gone without a word the server hears nothing; it asks, and gives up after the third time. */
const KEEPALIVE = { idleSeconds: 10, intervalSeconds: 5, count: 3 };
/** `GRANT … WITH INHERIT, SET` came with it. */
const OLDEST_VERSION = 160_000;

const Master = z.object({ username: z.string().min(1), password: z.string().min(1) });

export async function openServer(options: TenantDatabasesOptions, place: DatabasePlace): Promise<Server> {
  const master = await readMaster(options, place);
  const address = await options.cloud.databaseAddress(place);
  const { permit } = place;
  const connect: Server["connect"] = async (doing, database, work, longWork = false) => {
    try {
      const config = clientConfig(options, address, database, master, longWork);
      return await withClient(config, permit, async (session) => {
        const { rows } = await session.query("SELECT current_setting('server_version_num')::int AS version");
        refuseOld(doing, rows[0].version);
        return work(session);
      });
    } catch (thrown) {
      return refused(permit, doing, thrown);
    }
  };
  return {
    ...{ place, address, username: master.username, connect },
    async open(doing, database, login) {
      const client = createClient(clientConfig(options, address, database, login, true), permit);
      try {
        await connected(client, permit);
        return client;
      } catch (thrown) {
        await client.end().catch(() => undefined);
        return refused(permit, doing, thrown);
      }
    },
    async tryLogin(database, login) {
      const config = clientConfig(options, address, database, login, false);
      await withClient(config, permit, (session) => session.query("SELECT 1")).catch((thrown) => {
        // Said after the password was found right.
        if ((thrown as { code?: unknown }).code === TOO_MANY_CONNECTIONS) return;
        refused(permit, `log in as ${login.username}`, thrown);
      });
    },
  };
}

/** As ours, or as the permit's where it has ended: whatever broke then was broken by that. */
export function refused(permit: Permit | undefined, doing: string, thrown: unknown): never {
  return brokenOff(permit, databaseError(doing, thrown));
}

async function withClient<T>(
  config: pg.ClientConfig,
  permit: Permit | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const client = createClient(config, permit);
  try {
    await connected(client, permit);
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A connection that breaks fails the query that waits for it; without a listener it would end the process, too. */
function createClient(config: pg.ClientConfig, permit: Permit | undefined): Session {
  const client = new pg.Client(config);
  client.on("error", () => undefined);
  if (permit === undefined) return client;
  const query = client.query.bind(client) as (...given: unknown[]) => unknown;
  const permitted = (...given: unknown[]) => {
    permit.check();
    return query(...given);
  };
  client.query = permitted as typeof client.query;
  return client;
}

/** Ends with the permit from here on: a statement in the middle is cut off, and one that waits fails. */
async function connected(client: Session, permit: Permit | undefined): Promise<void> {
  if (permit === undefined) return void (await client.connect());
  permit.check();
  const ended = Promise.withResolvers<never>();
  const end = () => {
    client.end().catch(() => undefined);
    // A client that is ended while it connects would not say so.
    ended.reject(new Error("Connection terminated"));
  };
  permit.signal.addEventListener("abort", end, { once: true });
  client.once("end", () => permit.signal.removeEventListener("abort", end));
  await Promise.race([client.connect(), ended.promise]);
}

/** Read for each piece of work, because RDS rotates it. */
async function readMaster({ cloud }: TenantDatabasesOptions, place: DatabasePlace): Promise<Login> {
  const value = await cloud.readSecret({ ...place, secretId: place.masterSecretArn });
  const parsed = Master.safeParse(json(value ?? ""));
  if (parsed.success) return parsed.data;
  throw new DatabaseError(
    "secret_missing",
    `Cannot administer ${place.clusterIdentifier}: its secret ${place.masterSecretArn} must hold JSON with username ` +
      "and password. Let RDS manage the master user's password.",
  );
}

export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function clientConfig(
  { caFile }: TenantDatabasesOptions,
  { host, port, tls }: DatabaseAddress,
  database: string,
  { username: user, password }: Login,
  longWork: boolean,
): pg.ClientConfig {
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile, "utf8") };
  return {
    ...{ host, port, database, user, password },
    // The server must prove its name; RDS's authorities are in no system's store, so `caFile` names them.
    ssl: tls ? { rejectUnauthorized: true, ...ca } : false,
    application_name: "tenantry",
    // In a database of its own a tenant can put operators into `public`, which an unqualified query would find.
    options: SESSION_OPTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: longWork ? LONG_STATEMENT_TIMEOUT_MS : STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    keepAlive: true,
  };
}

const SESSION_OPTIONS = Object.entries({
  search_path: "pg_catalog",
  client_connection_check_interval: CONNECTION_CHECK_MS,
  tcp_keepalives_idle: KEEPALIVE.idleSeconds,
  tcp_keepalives_interval: KEEPALIVE.intervalSeconds,
  tcp_keepalives_count: KEEPALIVE.count,
})
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(" ");

function refuseOld(doing: string, version: number): void {
  if (version >= OLDEST_VERSION) return;
  const found = Math.floor(version / 10_000);
  const message = `Cannot ${doing}: PostgreSQL must be version 16 or newer, got ${found}. Upgrade the cluster.`;
  throw new DatabaseError("database_unsupported", message);
}

export async function transaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query("BEGIN");
  try {
    const result = await work();
    await session.query("COMMIT");
    return result;
  } catch (thrown) {
    await rollback(session).catch(() => undefined);
    throw thrown;
  }
}

async function rollback(session: Session): Promise<void> {
  await session.query("ROLLBACK");
}

export const identifier = pg.escapeIdentifier;
export const literal = pg.escapeLiteral;
