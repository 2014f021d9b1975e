import { type Kysely, sql } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";

/**
 * Operations and outbox events end some day (housekeeping.ts). A journal stays append-only as long as its operation has not
 * ended; after that it may be removed, but never changed.
 */
const NO_DELETE = "operation_journal_no_delete";
const REFUSAL = "operation_journal is append-only: delete is refused while the operation goes on";

export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema.alterTable("operations").addColumn("cancel_requested_at", "text").execute();
  await sql`update operations set cancel_requested_at = (
    select min(j.at) from operation_journal j
    where j.operation_id = operations.operation_id and j.type = 'cancel_requested')`.execute(db);
  await db.schema
    .createIndex("operations_finished_at")
    .on("operations")
    .columns(["finished_at", "operation_id"])
    .where("finished_at" as never, "is not", null)
    .execute();
  await db.schema
    .createIndex("operations_retry_of")
    .on("operations")
    .column("retry_of")
    .where("retry_of" as never, "is not", null)
    .execute();
  await db.schema
    .createIndex("outbox_created_at")
    .on("outbox")
    .columns(["created_at", "stream", "sequence"])
    .execute();
  await db.schema
    .createIndex("outbox_dispatched_at")
    .on("outbox")
    .column("dispatched_at")
    .where("dispatched_at" as never, "is not", null)
    .execute();
  await (dialect.name === "sqlite" ? onSqlite(db) : onPostgres(db));
}

async function onSqlite(db: Kysely<unknown>): Promise<void> {
  await sql`drop trigger ${sql.ref(NO_DELETE)}`.execute(db);
  await sql`create trigger ${sql.ref(NO_DELETE)} before delete on operation_journal
    when (select finished_at from operations where operation_id = old.operation_id) is null
    begin select raise(abort, ${sql.lit(REFUSAL)}); end`.execute(db);
}

async function onPostgres(db: Kysely<unknown>): Promise<void> {
  await sql`create function operation_journal_of_the_ended() returns trigger language plpgsql as $body$
    begin
      if (select finished_at from operations where operation_id = old.operation_id) is null then
        raise exception ${sql.lit(REFUSAL)};
      end if;
      return old;
    end $body$`.execute(db);
  await sql`drop trigger ${sql.ref(NO_DELETE)} on operation_journal`.execute(db);
  await sql`create trigger ${sql.ref(NO_DELETE)} before delete on operation_journal
    for each row execute function operation_journal_of_the_ended()`.execute(db);
}
