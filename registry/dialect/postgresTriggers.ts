import { type Kysely, sql } from "kysely";

/**
 * Triggers that refuse. TRUNCATE fires no row trigger, so it has one of its own. The conditions are in the functions, not in WHEN:
 * a column that a trigger's WHEN names could never change its type.
 */

export async function appendOnly(db: Kysely<unknown>, table: string): Promise<void> {
  const message = `${table} is append-only: `;
  await makeFunction(db, `${table}_append_only`, sql`raise exception ${refusal(message)}, lower(tg_op);`);
  await makeTrigger(db, table, `${table}_no_update`, "update", "row", `${table}_append_only`);
  await makeTrigger(db, table, `${table}_no_delete`, "delete", "row", `${table}_append_only`);
  await makeTrigger(db, table, `${table}_no_truncate`, "truncate", "statement", `${table}_append_only`);
}

export async function forwardOnly(db: Kysely<unknown>, table: string, column: string): Promise<void> {
  const keeps = `${table} keeps its rows: `;
  await makeFunction(db, `${table}_keeps_rows`, sql`raise exception ${refusal(keeps)}, lower(tg_op);`);
  await makeTrigger(db, table, `${table}_no_delete`, "delete", "row", `${table}_keeps_rows`);
  await makeTrigger(db, table, `${table}_no_truncate`, "truncate", "statement", `${table}_keeps_rows`);

  const moves = sql.lit(`${table} moves forward by one only`);
  const step = sql`if new.${sql.ref(column)} is distinct from old.${sql.ref(column)} + 1 then
    raise exception ${moves}; end if; return new;`;
  await makeFunction(db, `${table}_forward_only`, step);
  await makeTrigger(db, table, `${table}_forward`, "update", "row", `${table}_forward_only`);
}

/** RAISE puts what follows in the place of `%`. */
function refusal(message: string) {
  return sql.lit(`${message}% is refused`);
}

async function makeFunction(db: Kysely<unknown>, name: string, body: ReturnType<typeof sql>): Promise<void> {
  await sql`create function ${sql.ref(name)}() returns trigger language plpgsql as $body$
    begin ${body} end $body$`.execute(db);
}

async function makeTrigger(
  db: Kysely<unknown>,
  table: string,
  name: string,
  verb: "update" | "delete" | "truncate",
  level: "row" | "statement",
  calls: string,
): Promise<void> {
  await sql`create trigger ${sql.ref(name)} before ${sql.raw(verb)} on ${sql.table(table)}
    for each ${sql.raw(level)} execute function ${sql.ref(calls)}()`.execute(db);
}
