import type { Registry } from "../../registry/registry.ts";
import type { TestDatabase } from "./support.ts";

/** Writes a row as some version of the service may have left it: what it cannot do without is made up, and what is `known` is as said. */
export async function insertBare(
  database: TestDatabase,
  dialect: Registry["dialect"],
  table: string,
  known: Readonly<Record<string, string | number>>,
): Promise<void> {
  const columns = await database.raw(REQUIRED[dialect](table));
  const row = new Map(
    columns.map(({ name, type }) => [String(name), /int/i.test(String(type)) ? "0" : "'{}'"]),
  );
  for (const [name, value] of Object.entries(known)) {
    row.set(name, typeof value === "number" ? String(value) : `'${value}'`);
  }
  const names = [...row.keys()].map((name) => `"${name}"`);
  await database.raw(`insert into ${table} (${names}) values (${[...row.values()]})`);
}

/** The columns that a row cannot do without, with their types. */
const REQUIRED: Readonly<Record<Registry["dialect"], (table: string) => string>> = {
  sqlite: (table) => `select name, type from pragma_table_info('${table}')
    where "notnull" = 1 and dflt_value is null`,
  postgresql: (table) => `select column_name as name, data_type as type from information_schema.columns
    where table_schema = current_schema() and table_name = '${table}'
      and is_nullable = 'NO' and column_default is null`,
};
