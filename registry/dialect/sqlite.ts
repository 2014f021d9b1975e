import { existsSync } from "node:fs";
import Database from "better-sqlite3";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Kysely,
  SqliteDialect,
  SqliteDriver,
  sql,
} from "kysely";
import type { DatabaseFailure, RegistryDialect } from "./registryDialect.ts";
import { addReference } from "./sqliteReference.ts";
import { keepingStatements } from "./sqliteStatements.ts";

/** How long a statement waits for another process's write lock. It blocks this process meanwhile, so it is short. */
export const LOCK_WAIT_MS = 10_000;
const OPEN_ATTEMPTS = 100;
const OPEN_RETRY_MS = 50;

/**
 * SQLite in a file. WAL lets readers go on while one process writes; synchronous FULL makes a committed change
 * survive a power cut, which the default of WAL (NORMAL) does not promise.
 */
export async function sqliteRegistryDialect(
  file: string,
  lockWaitMs = LOCK_WAIT_MS,
): Promise<RegistryDialect> {
  const writer = await openFile(file, lockWaitMs);
  const reader = await openFile(file, lockWaitMs);
  reader.pragma("query_only = ON");
  return {
    name: "sqlite",
    writer: new ImmediateSqliteDialect(writer),
    reader: new SqliteDialect({ database: keepingStatements(reader) }),
    appendOnly: refuseUpdateAndDelete,
    forwardOnly: refuseAllButOneStep,
    addReference,
    // A transaction on the writer holds the one write lock from its beginning: there is nothing left to wait for.
    migrating: (db, work) => db.transaction().execute(work),
    hold: async () => undefined,
    uniqueViolation,
    failure,
    explain,
  };
}

/** Opens a file for reading alone, whatever its schema; it is opened at the first query. */
export function sqliteReaderDialect(file: string): SqliteDialect {
  return new SqliteDialect({
    database: async () => new Database(file, { readonly: true, fileMustExist: true, timeout: LOCK_WAIT_MS }),
  });
}

async function openFile(file: string, lockWaitMs: number): Promise<Database.Database> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return openOnce(file, lockWaitMs);
    } catch (error) {
      // The switch to WAL ignores the busy timeout when two processes make it at once.
      if (!isBusy(error) || attempt >= OPEN_ATTEMPTS) {
        throw new Error(
          `Cannot open the registry: ${file} must be a writable SQLite database, got "${messageOf(error)}". ` +
            `${existsSync(file) ? "Check that the file is ours and not locked" : "Check that its folder exists"}.`,
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, OPEN_RETRY_MS));
    }
  }
}

function openOnce(file: string, lockWaitMs: number): Database.Database {
  const database = new Database(file, { timeout: lockWaitMs });
  try {
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Takes the write lock when a transaction begins: a deferred one that reads first may fail when it comes to write. */
class ImmediateSqliteDialect extends SqliteDialect {
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): SqliteDriver {
    return new ImmediateSqliteDriver(this.#database);
  }
}

class ImmediateSqliteDriver extends SqliteDriver {
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    super({ database: keepingStatements(database) });
    this.#database = database;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  /** A full disk ends the transaction by itself; a second end would only hide why. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

async function refuseUpdateAndDelete(db: Kysely<unknown>, table: string): Promise<void> {
  for (const verb of ["update", "delete"] as const) {
    await refuse(db, `${table}_no_${verb}`, verb, table, "1", `${table} is append-only: ${verb} is refused`);
  }
}

async function refuseAllButOneStep(db: Kysely<unknown>, table: string, column: string): Promise<void> {
  await refuse(db, `${table}_no_delete`, "delete", table, "1", `${table} keeps its rows: delete is refused`);
  const condition = `new.${column} is not old.${column} + 1`;
  await refuse(db, `${table}_forward`, "update", table, condition, `${table} moves forward by one only`);
}

async function refuse(
  db: Kysely<unknown>,
  name: string,
  verb: "update" | "delete",
  table: string,
  condition: string,
  message: string,
): Promise<void> {
  await sql`create trigger ${sql.ref(name)} before ${sql.raw(verb)} on ${sql.table(table)}
    when ${sql.raw(condition)} begin select raise(abort, ${sql.lit(message)}); end`.execute(db);
}

/** `UNIQUE constraint failed: tenants.slug` → `tenants.slug`; of an index with an expression, `index 'name'`. */
function uniqueViolation(error: unknown): string | undefined {
  const code = codeOf(error);
  if (code !== "SQLITE_CONSTRAINT_UNIQUE" && code !== "SQLITE_CONSTRAINT_PRIMARYKEY") return undefined;
  return messageOf(error).replace(/^UNIQUE constraint failed: /, "");
}

/** A write-ahead log that cannot grow says so in several ways. */
const FULL = /^SQLITE_(FULL|IOERR_(WRITE|FSYNC|TRUNCATE|SHMSIZE|SHMOPEN))$/;

function failure(error: unknown): DatabaseFailure | undefined {
  if (isBusy(error)) return "busy";
  return FULL.test(codeOf(error) ?? "") ? "full" : undefined;
}

function isBusy(error: unknown): boolean {
  return codeOf(error)?.startsWith("SQLITE_BUSY") === true;
}

async function explain(
  db: Kysely<never>,
  statement: string,
  parameters: readonly unknown[],
): Promise<string[]> {
  const query = CompiledQuery.raw(`explain query plan ${statement}`, [...parameters]);
  const { rows } = await db.executeQuery<{ detail: string }>(query);
  return rows.map((row) => row.detail);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Database.SqliteError ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
