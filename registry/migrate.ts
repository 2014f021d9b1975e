import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Kysely, Transaction } from "kysely";
import type { RegistryDialect } from "./dialect/registryDialect.ts";
import { type Migration, migrations as released } from "./migrations/index.ts";
import type { Schema } from "./schema.ts";

/**
 * Brings the database to the newest schema, at every start. All of it happens in one transaction that holds the write
 * lock from its beginning, so of any number of processes one migrates and the others find nothing left to do; a crash
 * leaves the old schema whole. What has been applied is checked against its source by checksum: a database
 * migrated by other code than this is refused rather than guessed at.
 */
export async function migrate(
  db: Kysely<Schema>,
  dialect: RegistryDialect,
  migrations: readonly Migration[] = released,
): Promise<{ applied: number[] }> {
  const known = await Promise.all(
    migrations.map(async (migration) => ({ ...migration, checksum: await checksumOf(migration) })),
  );
  return await dialect.migrating(db, async (transaction) => {
    await transaction.schema
      .createTable("schemaMigrations")
      .ifNotExists()
      .addColumn("number", "integer", (column) => column.primaryKey())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("checksum", "text", (column) => column.notNull())
      .addColumn("appliedAt", "text", (column) => column.notNull())
      .execute();
    const done = await transaction.selectFrom("schemaMigrations").selectAll().orderBy("number").execute();
    done.forEach((row, place) => {
      checkApplied(row, known[place]);
    });
    const missing = known.slice(done.length);
    for (const migration of missing) await apply(transaction, dialect, migration);
    return { applied: missing.map((migration) => migration.number) };
  });
}

type Known = Migration & { readonly checksum: string };

async function apply(
  transaction: Transaction<Schema>,
  dialect: RegistryDialect,
  migration: Known,
): Promise<void> {
  const { number, name, checksum } = migration;
  const plain = transaction.withoutPlugins() as unknown as Kysely<unknown>;
  try {
    await migration.up(plain, dialect);
  } catch (error) {
    throw new Error(
      `Cannot migrate the registry: ${name} must apply whole, got an error. Nothing was changed.`,
      {
        cause: error,
      },
    );
  }
  const appliedAt = new Date().toISOString();
  await transaction.insertInto("schemaMigrations").values({ number, name, checksum, appliedAt }).execute();
}

function checkApplied(
  row: { number: number; name: string; checksum: string },
  migration: Known | undefined,
): void {
  if (migration === undefined) {
    throw new Error(
      `Cannot open the registry: its schema must be one this version knows, got migration ${row.name} besides. ` +
        "Start the newer version that wrote it, or restore a backup from before.",
    );
  }
  if (row.number === migration.number && row.checksum === migration.checksum) return;
  throw new Error(
    `Cannot open the registry: migration ${row.name} must have the checksum it was applied with (${row.checksum}), ` +
      `got ${migration.name} with ${migration.checksum}. Put the released file back and write a new migration instead.`,
  );
}

/** Over the text with unix line ends, so that a checkout on Windows gives the same. */
export async function checksumOf(migration: Pick<Migration, "source">): Promise<string> {
  const text = (await readFile(migration.source, "utf8")).replaceAll("\r\n", "\n");
  return createHash("sha256").update(text).digest("hex");
}
