import { type Kysely, sql } from "kysely";
import type { Reference } from "./registryDialect.ts";

/**
 * SQLite adds no foreign key to a table that there is: the table is made anew, from its own definition and the key behind it, so it has
 * whatever columns it had. Its indexes go with the old one and are made again.
 */
export async function addReference(db: Kysely<unknown>, reference: Reference): Promise<void> {
  const { table } = reference;
  const { definition, indexes } = await written(db, table);
  const before = `${table}_before`;
  await db.schema.alterTable(table).renameTo(before).execute();
  await sql.raw(withKey(definition, reference)).execute(db);
  await sql`insert into ${sql.table(table)} select * from ${sql.table(before)}`.execute(db);
  await db.schema.dropTable(before).execute();
  for (const index of indexes) await sql.raw(index).execute(db);
}

/** As SQLite keeps it; an index that belongs to a constraint has no text of its own. */
async function written(db: Kysely<unknown>, table: string) {
  const { rows } = await sql<{ type: string; sql: string }>`select type, sql from sqlite_master
    where tbl_name = ${table} and sql is not null`.execute(db);
  const definition = rows.find(({ type }) => type === "table")?.sql ?? "";
  if (rows.some(({ type }) => type === "trigger")) throw cannot(table, "must have no triggers");
  return { definition, indexes: rows.filter(({ type }) => type === "index").map((row) => row.sql) };
}

function withKey(definition: string, { table, column, parent }: Reference): string {
  const end = definition.lastIndexOf(")");
  if (definition.slice(end) !== ")") throw cannot(table, "must end with its columns and constraints");
  const key = `foreign key ("${column}") references "${parent}" ("${column}") on delete cascade`;
  return `${definition.slice(0, end)}, ${key})`;
}

function cannot(table: string, must: string): Error {
  return new Error(`Cannot add a foreign key: ${table} ${must}.`);
}
