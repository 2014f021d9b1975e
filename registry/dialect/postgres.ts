import { CompiledQuery, Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import pg from "pg";
import { namingPlugin } from "../naming.ts";
import type { Schema } from "../schema.ts";
import { failure, uniqueViolation } from "./postgresErrors.ts";
import { createPool, type SessionLimits } from "./postgresPool.ts";
import { settleColumns } from "./postgresSchema.ts";
import { appendOnly, forwardOnly } from "./postgresTriggers.ts";
import type { Lock, Reference, RegistryDialect } from "./registryDialect.ts";

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
/** Ten processes may start at once, and each waits for those before it. */
const MIGRATION_LOCK_WAIT_MS = 300_000;

export function postgresRegistryDialect(options: PostgresOptions): RegistryDialect {
  refuseOtherUrls(options.url);
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
    addReference,
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

function dialectFor(
  { url, poolSize = POOL_SIZE }: PostgresOptions,
  limits: SessionLimits,
  { readOnly = false } = {},
): PostgresDialect {
  const connectTimeoutMs = Math.max(limits.lockWaitMs, CONNECT_TIMEOUT_MS);
  return new PostgresDialect({
    pool: createPool({ url, schema: SCHEMA, size: poolSize, readOnly, connectTimeoutMs, ...limits }),
  });
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
  } catch (error) {
    throw describeRefusal(error, url);
  } finally {
    await db.destroy();
  }
}

/** The URL holds a password: messages name the host and the database only. */
function refuseOtherUrls(url: string): void {
  if (URL.canParse(url) && ["postgres:", "postgresql:"].includes(new URL(url).protocol)) return;
  throw new Error(
    "Cannot open the registry: its URL must be postgres://user:password@host:port/database, got another shape. " +
      "Encode special characters of the password, such as / as %2F.",
  );
}

/** What no later try will mend: the wrong user, password or database, or a right that is missing. */
function describeRefusal(error: unknown, url: string): unknown {
  if (!(error instanceof pg.DatabaseError) || !/^(28...|3D000|42501)$/.test(error.code ?? "")) return error;
  const { host, pathname } = new URL(url);
  return new Error(
    `Cannot open the registry: PostgreSQL at ${host}${pathname} must let it in, got "${error.message}". ` +
      "Check user, password and database of the URL, and that the user may create a schema in it.",
    { cause: error },
  );
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

async function addReference(db: Kysely<unknown>, { table, column, parent }: Reference): Promise<void> {
  await db.schema
    .alterTable(table)
    .addForeignKeyConstraint(`${table}_${column}_fk`, [column], parent, [column])
    .onDelete("cascade")
    .execute();
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
