import type Database from "better-sqlite3";
import type { SqliteDatabase } from "kysely";

/** The texts of one service are some hundreds; lists of values make variants of a few. */
const STATEMENTS = 500;

/**
 * The same database with its statements kept: compiling one takes several times as long as running it. SQLite compiles
 * those again by itself whose tables have changed. One that is being read from row by row is nobody else's.
 */
export function keepingStatements(database: Database.Database): SqliteDatabase {
  const kept = new Map<string, Database.Statement<unknown[]>>();
  return {
    close: () => void database.close(),
    prepare(text) {
      const known = kept.get(text);
      if (known?.busy === true) return database.prepare<unknown[]>(text);
      const statement = known ?? database.prepare<unknown[]>(text);
      // Put last again, so that the first is the one that was not asked for the longest.
      kept.delete(text);
      kept.set(text, statement);
      const [oldest = text] = kept.size > STATEMENTS ? kept.keys() : [];
      if (oldest !== text) kept.delete(oldest);
      return statement;
    },
  };
}
