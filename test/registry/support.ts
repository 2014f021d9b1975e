import { afterEach, describe } from "vitest";
import type { Migration } from "../../registry/migrations/index.ts";
import type { Registry, RegistryLocation, RegistryTuning } from "../../registry/registry.ts";
import { createPostgres } from "./postgresDatabase.ts";
import { ensurePostgres } from "./postgresServer.ts";
import { createSqlite } from "./sqliteDatabase.ts";

/**
 * The suites of the registry run once a dialect. A dialect gives a database, opens registries on it and lets a
 * test go behind the registry's back, as an attacker or a careless administrator would.
 */
export interface TestDatabase {
  open(tuning?: RegistryTuning): Promise<Registry>;
  /** What another process needs to open the same database. */
  readonly location: RegistryLocation;
  /** For files that belong to the test; gone with the database. */
  readonly folder: string;
  migrate(migrations: readonly Migration[]): Promise<{ applied: number[] }>;
  /** Keeps every change waiting, as another process would, until the returned function is called. */
  lock(): Promise<() => Promise<void>>;
  /** Runs statements without the registry; answers the rows of the last. */
  raw(...statements: string[]): Promise<Record<string, unknown>[]>;
  /** The same with all triggers out of the way. */
  tamper(...statements: string[]): Promise<Record<string, unknown>[]>;
  /** From now on the database answers each INSERT into the table with this error. */
  refuseInserts(table: string, message: string): Promise<void>;
  /** The names of all tables. */
  tables(): Promise<string[]>;
}

export type DisposableDatabase = TestDatabase & { dispose(): Promise<void> };

export interface CreateOptions {
  /** Without any table of the registry; otherwise whether it is migrated is the dialect's choice. */
  readonly empty?: boolean;
}

interface TestDialect {
  readonly name: Registry["dialect"];
  create(options: CreateOptions): Promise<DisposableDatabase>;
}

const postgres = await ensurePostgres();
const dialects: TestDialect[] = [{ name: "sqlite", create: createSqlite }];
if ("server" in postgres) {
  const { server } = postgres;
  dialects.push({ name: "postgresql", create: (options) => createPostgres(server, options) });
} else {
  console.warn(`The registry's tests run without PostgreSQL: ${postgres.reason}`);
}

/** Describes a suite once a dialect; each `create` gives a database that is gone after the test. */
export function describeDialects(
  name: string,
  suite: (create: (options?: CreateOptions) => Promise<TestDatabase>, dialect: Registry["dialect"]) => void,
  only?: Registry["dialect"],
): void {
  const chosen = dialects.filter((dialect) => only === undefined || dialect.name === only);
  describe.skipIf(chosen.length === 0)(name, () => {
    describe.each(chosen)("on $name", (dialect) => {
      const created: DisposableDatabase[] = [];
      afterEach(async () => {
        for (const database of created.splice(0)) await database.dispose();
      });
      suite(async (options = {}) => {
        const database = await dialect.create(options);
        created.push(database);
        return database;
      }, dialect.name);
    });
  });
}
