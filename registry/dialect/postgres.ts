import {
  CompiledQuery,
  type DatabaseConnection,
  Kysely,
  PostgresDialect,
  sql,
  type Transaction,
} from "kysely";
import pg from "pg";
import { namingPlugin } from "../naming.ts";
import type { Schema } from "../schema.ts";
import { failure, uniqueViolation } from "./postgresErrors.ts";
import { settleColumns } from "./postgresSchema.ts";
import { appendOnly, forwardOnly } from "./postgresTriggers.ts";
import type { Lock, RegistryDialect } from "./registryDialect.ts";

/**
 * PostgreSQL, for any number of processes on any number of hosts. All that is ours lies in a schema of its own, so the database
 * may be shared. Transactions are READ COMMITTED and serialised by named advisory locks that the registry takes before it
 * reads (see registry.ts): a statement after the lock sees all that its last holder has committed, and nobody has to be
 * retried because of somebody else. The locks belong to the transaction: they go with it, however it ends.
 *
 * Sessions carry settings and so need a direct connection, or a pooler that keeps sessions.
 */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=…`. */
  readonly url: string;
  /** At most this many connections for writing, and as many again for reading. */
  readonly poolSize?: number;
  /** How long a change waits for a lock or a connection before it fails as busy. */
  readonly lockWaitMs?: number;
  /** How long one statement may take, waiting included, before it is cancelled. */
  readonly statementTimeoutMs?: number;
}

export const SCHEMA = "tenantry";
const POOL_SIZE = 10;
const LOCK_WAIT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Past the statement's own limit by this, the server is taken for gone and the connection is given up. */
const SILENCE_MS = 5_000;
/** A process that froze or vanished with a change open must not hold its locks much longer than others wait for them. */
const IDLE_IN_CHANGE_MS = 15_000;
const KEEP_ALIVE_AFTER_MS = 10_000;
/** Ten processes may start at once, and each waits for those before it. */
const MIGRATION_LOCK_WAIT_MS = 300_000;

export function postgresRegistryDialect(options: PostgresOptions): RegistryDialect {
  const { lockWaitMs = LOCK_WAIT_MS, statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
  const limits = { lockWaitMs, statementTimeoutMs };
  return {
    name: "postgresql",
    writer: dialectFor(options, limits),
    reader: dialectFor(options, limits, { readOnly: true }),
    migrating: (_writer, work) => migrating(options, work),
    hold,
    appendOnly,
    forwardOnly,
    uniqueViolation,
    failure,
    explain,
  };
}

/** Reads alone, whatever the schema's version. */
export function postgresReaderDialect(url: string): PostgresDialect {
  const limits = { lockWaitMs: LOCK_WAIT_MS, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  return dialectFor({ url, poolSize: 1 }, limits, { readOnly: true });
}

/** Zero is PostgreSQL's word for "no limit". */
interface Limits {
  readonly lockWaitMs: number;
  readonly statementTimeoutMs: number;
}

function dialectFor(
  { url, poolSize = POOL_SIZE, lockWaitMs = LOCK_WAIT_MS }: PostgresOptions,
  limits: Limits,
  { readOnly = false } = {},
): PostgresDialect {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    application_name: "tenantry registry",
    // Covers both: the wait for a free connection and the making of a new one.
    connectionTimeoutMillis: Math.max(lockWaitMs, CONNECT_TIMEOUT_MS),
    ...(limits.statementTimeoutMs > 0 ? { query_timeout: limits.statementTimeoutMs + SILENCE_MS } : {}),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    types: { getTypeParser },
  });
  // A connection that breaks while idle leaves the pool by itself; unheard, the event would end the process.
  pool.on("error", () => {});
  return new PostgresDialect({
    pool: dropStuck(pool),
    onCreateConnection: (connection) => prepareSession(connection, limits, readOnly),
  });
}

async function prepareSession(
  connection: DatabaseConnection,
  { lockWaitMs, statementTimeoutMs }: Limits,
  readOnly: boolean,
): Promise<void> {
  const settings: Record<string, string> = {
    search_path: SCHEMA,
    lock_timeout: String(lockWaitMs),
    statement_timeout: String(statementTimeoutMs),
    idle_in_transaction_session_timeout: String(IDLE_IN_CHANGE_MS),
    default_transaction_isolation: "read committed",
    default_transaction_read_only: readOnly ? "on" : "off",
    client_min_messages: "warning",
  };
  const names = Object.keys(settings);
  const calls = names.map((name, place) => `set_config('${name}', $${place + 1}, false)`);
  // What was answered as done survives a crash of the server, also where its default says otherwise.
  const durable = `set_config('synchronous_commit', case current_setting('synchronous_commit')
    when 'off' then 'on' else current_setting('synchronous_commit') end, false)`;
  await connection.executeQuery(
    CompiledQuery.raw(`select ${[...calls, durable].join(", ")}`, Object.values(settings)),
  );
}

type QueryFunction = (text: string, values: readonly unknown[]) => Promise<unknown>;

/**
 * A statement that got no answer in time still occupies its connection, and all later ones would queue behind it. So the
 * connection is cut, which makes the pool let go of it.
 */
function dropStuck(pool: pg.Pool): pg.Pool {
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as unknown as QueryFunction;
    const guarded: QueryFunction = async (text, values) => {
      try {
        return await query(text, values);
      } catch (error) {
        if (error instanceof Error && error.message === "Query read timeout") {
          (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
        }
        throw error;
      }
    };
    Object.assign(client, { query: guarded });
  });
  return pool;
}

/** A connection of its own, without the limits that keep requests short: an index on a large table takes its time. */
async function migrating<T>(
  { url }: PostgresOptions,
  work: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  const limits = { lockWaitMs: MIGRATION_LOCK_WAIT_MS, statementTimeoutMs: 0 };
  const dialect = dialectFor({ url, poolSize: 1 }, limits);
  const db = new Kysely<Schema>({ dialect, plugins: [namingPlugin()] });
  try {
    return await db.transaction().execute(async (transaction) => {
      await hold(transaction, [{ name: "registry" }]);
      await makeSchema(transaction);
      const outcome = await work(transaction);
      await settleColumns(transaction, SCHEMA);
      return outcome;
    });
  } finally {
    await db.destroy();
  }
}

/** Looked for first: `if not exists` asks for the right to create even where there is nothing to create. */
async function makeSchema(transaction: Transaction<Schema>): Promise<void> {
  const { rows } = await sql`select 1 from pg_namespace where nspname = ${SCHEMA}`.execute(transaction);
  if (rows.length === 0) await transaction.schema.createSchema(SCHEMA).execute();
}

async function hold(transaction: Transaction<Schema>, locks: readonly Lock[]): Promise<string | undefined> {
  const calls = locks.map(({ name, shared = false }) => {
    const call = sql.raw(shared ? "pg_advisory_xact_lock_shared" : "pg_advisory_xact_lock");
    return sql`${call}(hashtextextended(${lockName(name)}, 0)), `;
  });
  const { rows } = await sql<{ now: string }>`select ${sql.join(calls, sql.raw(""))}
    to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as now`.execute(
    transaction,
  );
  return rows[0]?.now;
}

/** Advisory locks are the whole database's; the prefix keeps ours apart from other programs'. */
export function lockName(name: string): string {
  return `tenantry/${name}`;
}

async function explain(
  db: Kysely<never>,
  statement: string,
  parameters: readonly unknown[],
): Promise<string[]> {
  const query = CompiledQuery.raw(`explain ${statement}`, [...parameters]);
  const { rows } = await db.executeQuery<Record<string, string>>(query);
  return rows.map((row) => Object.values(row)[0] ?? "");
}

const INT8_OID = 20;

/** Integers come as numbers, as from SQLite; one past 2^53 would be a fault of ours and is refused. */
function getTypeParser(oid: number, format?: "text" | "binary"): (value: never) => unknown {
  if (oid === INT8_OID) return toSafeInteger;
  return pg.types.getTypeParser(oid, format as "text");
}

function toSafeInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`Cannot read an integer from the registry: it must be within 2^53, got ${text}.`);
}
