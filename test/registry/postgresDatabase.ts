import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Kysely } from "kysely";
import pg from "pg";
import { lockName, postgresRegistryDialect, SCHEMA } from "../../registry/dialect/postgres.ts";
import { migrate } from "../../registry/migrate.ts";
import type { Migration } from "../../registry/migrations/index.ts";
import { namingPlugin } from "../../registry/naming.ts";
import { openRegistry, type Registry } from "../../registry/registry.ts";
import type { Schema } from "../../registry/schema.ts";
import type { PostgresServer } from "./postgresServer.ts";
import type { CreateOptions, DisposableDatabase } from "./support.ts";

type Row = Record<string, unknown>;

/** Small: a test opens several registries, and two test files run at once. */
const POOL_SIZE = 4;
const TEMPLATE = "registry_template";

/** A database of its own on the run's server; one that need not be empty is a copy of a migrated one, which is quicker. */
export async function createPostgres(
  server: PostgresServer,
  { empty = false }: CreateOptions,
): Promise<DisposableDatabase> {
  const name = `registry_${randomBytes(6).toString("hex")}`;
  await withClient(server.url, async (admin) => {
    if (!empty) await ensureTemplate(server, admin);
    const template = empty ? "template0" : TEMPLATE;
    await admin.query(`create database ${name} template ${template} strategy file_copy`);
  });
  const url = databaseUrl(server, name);
  const folder = await mkdtemp(path.join(tmpdir(), "tenantry-registry-"));
  const opened: Registry[] = [];
  const raw = (...statements: string[]) => withClient(url, (client) => runAll(client, statements));
  return {
    location: { url },
    folder,
    raw,
    async open(tuning = {}) {
      const registry = await openRegistry({ url, poolSize: POOL_SIZE, ...tuning });
      opened.push(registry);
      return registry;
    },
    migrate: (migrations) => migrateUrl(url, migrations),
    lock: () => holdRegistry(url),
    // Replicas fire no triggers.
    tamper: (...statements) => raw("set session_replication_role = replica", ...statements),
    async refuseInserts(table, message) {
      await raw(
        `create function refuses() returns trigger language plpgsql as $$ begin raise exception '${message}'; end $$`,
        `create trigger refuses before insert on ${table} for each row execute function refuses()`,
      );
    },
    async tables() {
      const rows = await raw(
        "select tablename from pg_tables where schemaname = current_schema() order by tablename",
      );
      return rows.map((row) => String(row.tablename));
    },
    async dispose() {
      for (const registry of opened) await registry.close();
      await rm(folder, { recursive: true, force: true });
      await withClient(server.url, (admin) => admin.query(`drop database ${name} with (force)`));
    },
  };
}

/** Made by the first test of the run that needs it; the others, in this process or another, wait. */
async function ensureTemplate(server: PostgresServer, admin: pg.Client): Promise<void> {
  const isThere = async () =>
    (await admin.query("select 1 from pg_database where datname = $1 and datistemplate", [TEMPLATE]))
      .rowCount === 1;
  if (await isThere()) return;
  await admin.query("select pg_advisory_lock(1)");
  try {
    if (await isThere()) return;
    await admin.query(`create database ${TEMPLATE}`);
    await (await openRegistry({ url: databaseUrl(server, TEMPLATE) })).close();
    await admin.query(`alter database ${TEMPLATE} is_template true`);
  } finally {
    await admin.query("select pg_advisory_unlock(1)");
  }
}

function databaseUrl(server: PostgresServer, database: string): string {
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  return url.href;
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function runAll(client: pg.Client, statements: readonly string[]): Promise<Row[]> {
  await client.query(`set search_path = ${SCHEMA}`);
  let rows: Row[] = [];
  for (const statement of statements) rows = (await client.query<Row>(statement)).rows;
  return rows;
}

async function holdRegistry(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("select pg_advisory_lock(hashtextextended($1, 0))", [lockName("registry")]);
  return () => client.end();
}

async function migrateUrl(url: string, list: readonly Migration[]): Promise<{ applied: number[] }> {
  const dialect = postgresRegistryDialect({ url, poolSize: 1 });
  const db = new Kysely<Schema>({ dialect: dialect.writer, plugins: [namingPlugin()] });
  try {
    return await migrate(db, dialect, list);
  } finally {
    await db.destroy();
  }
}
