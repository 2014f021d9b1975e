import pg from "pg";
import { ALL, type Observer, operationOf, type Row, RUNNING, stepOf } from "./observer.ts";

const RETRY_WITHIN_MS = 60_000;
const ANSWER_WITHIN_MS = 5_000;

/** On connections of its own, past every proxy; while the database is away it asks again. */
export function observePostgres(
  url: string,
): Observer & { query<T extends object>(sql: string): Promise<T[]> } {
  const pool = new pg.Pool({
    ...{ connectionString: url, max: 2, options: "-c search_path=tenantry" },
    ...{ connectionTimeoutMillis: ANSWER_WITHIN_MS, query_timeout: ANSWER_WITHIN_MS },
  });
  // Idle connections break when the database is killed.
  pool.on("error", () => {});
  async function query<T extends object>(sql: string): Promise<T[]> {
    const deadline = Date.now() + RETRY_WITHIN_MS;
    for (;;) {
      try {
        return (await pool.query<T>(sql)).rows;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
  return {
    query,
    running: async () => (await query<Row>(RUNNING)).map(stepOf),
    operations: async () => (await query<Row>(ALL)).map(operationOf),
    async texts() {
      const schemas =
        "table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'";
      const tables = await query<{ name: string }>(
        `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables WHERE ${schemas}`,
      );
      const all: string[] = [];
      for (const { name } of tables) {
        const rows = await query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
        all.push(...rows.map(({ row }) => `${name} ${row}`));
      }
      return all;
    },
    close: () => pool.end(),
  };
}
