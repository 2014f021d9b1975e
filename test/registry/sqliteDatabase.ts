import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import { Kysely } from "kysely";
import { sqliteRegistryDialect } from "../../registry/dialect/sqlite.ts";
import { migrate } from "../../registry/migrate.ts";
import type { Migration } from "../../registry/migrations/index.ts";
import { namingPlugin } from "../../registry/naming.ts";
import { openRegistry, type Registry } from "../../registry/registry.ts";
import type { Schema } from "../../registry/schema.ts";
import type { DisposableDatabase } from "./support.ts";

type Row = Record<string, unknown>;

/** A file in a folder of its own, gone with it. */
export async function createSqlite(): Promise<DisposableDatabase> {
  const folder = await mkdtemp(path.join(tmpdir(), "tenantry-registry-"));
  const file = path.join(folder, "registry.sqlite");
  const opened: Registry[] = [];
  const raw = async (...statements: string[]) => runAll(file, statements);
  return {
    location: { file },
    folder,
    raw,
    async open(tuning = {}) {
      const registry = await openRegistry({ file, ...tuning });
      opened.push(registry);
      return registry;
    },
    migrate: (migrations) => migrateFile(file, migrations),
    async lock() {
      const database = new Database(file);
      database.exec("begin immediate");
      return async () => void database.close();
    },
    async tamper(...statements) {
      const triggers = runAll(file, ["select name from sqlite_master where type = 'trigger'"]);
      return runAll(file, [...triggers.map(({ name }) => `drop trigger ${name}`), ...statements]);
    },
    async refuseInserts(table, message) {
      await raw(
        `create trigger refuses before insert on ${table} begin select raise(abort, '${message}'); end`,
      );
    },
    async tables() {
      const rows = await raw("select name from sqlite_master where type = 'table' order by name");
      return rows.map((row) => String(row.name));
    },
    async dispose() {
      for (const registry of opened) await registry.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function runAll(file: string, statements: readonly string[]): Row[] {
  const database = new Database(file);
  try {
    return statements.map((statement) => run(database, statement)).at(-1) ?? [];
  } finally {
    database.close();
  }
}

function run(database: Database.Database, statement: string): Row[] {
  const prepared = database.prepare(statement);
  if (prepared.reader) return prepared.all() as Row[];
  prepared.run();
  return [];
}

async function migrateFile(file: string, list: readonly Migration[]): Promise<{ applied: number[] }> {
  const dialect = await sqliteRegistryDialect(file);
  const db = new Kysely<Schema>({ dialect: dialect.writer, plugins: [namingPlugin()] });
  const reader = new Kysely<Schema>({ dialect: dialect.reader });
  try {
    return await migrate(db, dialect, list);
  } finally {
    await reader.connection().execute(async () => {});
    await reader.destroy();
    await db.destroy();
  }
}
