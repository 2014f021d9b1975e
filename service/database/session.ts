import { readFileSync } from "node:fs";
import pg from "pg";
import { z } from "zod";
import type { DatabaseAddress } from "../cloud/cloudRuntime.ts";
import { DatabaseError, databaseError } from "./databaseError.ts";
import type { DatabasePlace, TenantDatabasesOptions } from "./tenantDatabases.ts";

/** One connection for one piece of work. */
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
/** `GRANT … WITH INHERIT, SET` came with it. */
const OLDEST_VERSION = 160_000;

const Master = z.object({ username: z.string().min(1), password: z.string().min(1) });

export async function openServer(options: TenantDatabasesOptions, place: DatabasePlace): Promise<Server> {
  const master = await readMaster(options, place);
  const address = await options.cloud.databaseAddress(place);
  const connect: Server["connect"] = async (doing, database, work, longWork = false) => {
    try {
      return await withClient(clientConfig(options, address, database, master, longWork), async (session) => {
        const { rows } = await session.query("SELECT current_setting('server_version_num')::int AS version");
        refuseOld(doing, rows[0].version);
        return work(session);
      });
    } catch (thrown) {
      throw databaseError(doing, thrown);
    }
  };
  return {
    ...{ place, address, username: master.username, connect },
    async open(doing, database, login) {
      const client = createClient(clientConfig(options, address, database, login, true));
      try {
        await client.connect();
        return client;
      } catch (thrown) {
        await client.end().catch(() => undefined);
        throw databaseError(doing, thrown);
      }
    },
    async tryLogin(database, login) {
      const config = clientConfig(options, address, database, login, false);
      await withClient(config, (session) => session.query("SELECT 1")).catch((thrown) => {
        // Said after the password was found right.
        if ((thrown as { code?: unknown }).code === TOO_MANY_CONNECTIONS) return;
        throw databaseError(`log in as ${login.username}`, thrown);
      });
    },
  };
}

async function withClient<T>(config: pg.ClientConfig, work: (session: Session) => Promise<T>): Promise<T> {
  const client = createClient(config);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A connection that breaks fails the query that waits for it; without a listener it would end the process, too. */
function createClient(config: pg.ClientConfig): Session {
  const client = new pg.Client(config);
  client.on("error", () => undefined);
  return client;
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
    options: "-c search_path=pg_catalog",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: longWork ? LONG_STATEMENT_TIMEOUT_MS : STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    keepAlive: true,
  };
}

function refuseOld(doing: string, version: number): void {
  if (version >= OLDEST_VERSION) return;
  const found = Math.floor(version / 10_000);
  const message = `Cannot ${doing}: PostgreSQL must be version 16 or newer, got ${found}. Upgrade the cluster.`;
  throw new DatabaseError("database_unsupported", message);
}

export async function transaction<T>(session: Session, work: () => Promise<T>, begin = "BEGIN"): Promise<T> {
  await session.query(begin);
  try {
    const result = await work();
    await session.query("COMMIT");
    return result;
  } catch (thrown) {
    await session.query("ROLLBACK").catch(() => undefined);
    throw thrown;
  }
}

export const identifier = pg.escapeIdentifier;
export const literal = pg.escapeLiteral;
