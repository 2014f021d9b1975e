import { sql, type Transaction } from "kysely";
import type { Schema } from "../schema.ts";

/**
 * Gives the columns that migrations made what every dialect promises: text sorts by code point (keyset pages and
 * prefix ranges rely on it; a database's own collation may ignore punctuation), and integers hold every number that JavaScript
 * counts exactly. Migrations stay in SQL that both dialects take, and none can forget it. Columns that are right
 * already are left alone, so later starts do nothing here.
 */
export async function settleColumns(transaction: Transaction<Schema>, schema: string): Promise<void> {
  await sql`do ${sql.lit(statementFor(schema))}`.execute(transaction);
}

function statementFor(schema: string): string {
  return `
    declare statement text;
    begin
      for statement in
        select format('alter table %s %s', attrelid::regclass, string_agg(
          case when atttypid = 'int4'::regtype then format('alter column %I type bigint', attname)
          else format('alter column %I type text collate "C"', attname) end, ', '))
        from pg_attribute
        join pg_class on pg_class.oid = attrelid and relkind = 'r' and relnamespace = '${schema}'::regnamespace
        where attnum > 0 and not attisdropped
          and (atttypid = 'int4'::regtype or (atttypid = 'text'::regtype and attcollation <> '"C"'::regcollation))
        group by attrelid
      loop
        execute statement;
      end loop;
    end`;
}
