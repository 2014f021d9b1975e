import { type Kysely, sql } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";
import { reasonWords } from "../reasonWords.ts";

/**
 * The audit trail can be searched, signed and, from its beginning, ended: an event may be removed once a signed start says
 * that its chain begins after it. Keys are for environments and rotate with an overlap. Allowed decisions have a log.
 */
export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await keys(db);
  await search(db);
  await starts(db, dialect);
  await checkpoints(db, dialect);
  await decisions(db);
  await retention(db);
}

async function keys(db: Kysely<unknown>): Promise<void> {
  for (const column of ["environments", "previous_secret_hash", "previous_expires_at", "rotated_at"]) {
    await db.schema.alterTable("api_keys").addColumn(column, "text").execute();
  }
}

async function search(db: Kysely<unknown>): Promise<void> {
  await index(db, "audit_events", "actor_id", "occurred_at", "event_id");
  await index(db, "audit_events", "target_id", "occurred_at", "event_id");
  await index(db, "audit_events", "correlation_id", "occurred_at", "event_id");
  await index(db, "audit_events", "request_id");
  await db.schema
    .createIndex("audit_events_not_succeeded")
    .on("audit_events")
    .columns(["outcome", "occurred_at", "event_id"])
    .where("outcome" as never, "<>", "succeeded")
    .execute();
  await db.schema
    .createTable("audit_reason_words")
    .addColumn("word", "text", (c) => c.notNull())
    .addColumn("occurred_at", "text", (c) => c.notNull())
    .addColumn("event_id", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("audit_reason_words_pk", ["word", "occurred_at", "event_id"] as never[])
    .execute();
  await index(db, "audit_reason_words", "event_id");
  await indexReasons(db as Kysely<Before>);
}

interface Before {
  audit_events: { event_id: string; occurred_at: string; reason: string | null };
  audit_reason_words: { word: string; occurred_at: string; event_id: string };
}

async function indexReasons(db: Kysely<Before>): Promise<void> {
  for (let after = ""; ; ) {
    const found = await db
      .selectFrom("audit_events")
      .select(["event_id", "occurred_at", "reason"])
      .where("reason", "is not", null)
      .where("event_id", ">", after)
      .orderBy("event_id")
      .limit(500)
      .execute();
    const last = found.at(-1);
    if (last === undefined) return;
    for (const { event_id, occurred_at, reason } of found) {
      const rows = reasonWords(reason ?? "").map((word) => ({ word, occurred_at, event_id }));
      if (rows.length > 0) await db.insertInto("audit_reason_words").values(rows).execute();
    }
    after = last.event_id;
  }
}

/** Where the kept part of a chain begins, once its beginning has been removed. Only ever moves forward. */
async function starts(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema
    .createTable("audit_starts")
    .addColumn("chain", "text", (c) => c.primaryKey())
    .addColumn("sequence", "integer", (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("key_id", "text", (c) => c.notNull().references("signing_keys.key_id"))
    .addColumn("signature", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();
  await (dialect.name === "sqlite" ? startsOnSqlite(db) : startsOnPostgres(db));
}

const KEPT = "audit_events is append-only: delete is refused before the chain's start has been moved past it";
const BACK = "audit_starts moves forward only";
const STAYS = "audit_starts keeps its rows";

async function startsOnSqlite(db: Kysely<unknown>): Promise<void> {
  await sql`create trigger audit_starts_no_delete before delete on audit_starts
    begin select raise(abort, ${sql.lit(STAYS)}); end`.execute(db);
  await sql`create trigger audit_starts_forward before update on audit_starts when new.sequence <= old.sequence
    begin select raise(abort, ${sql.lit(BACK)}); end`.execute(db);
  await sql`drop trigger audit_events_no_delete`.execute(db);
  await sql`create trigger audit_events_no_delete before delete on audit_events
    when coalesce((select sequence from audit_starts where chain = old.chain), 0) < old.sequence
    begin select raise(abort, ${sql.lit(KEPT)}); end`.execute(db);
}

async function startsOnPostgres(db: Kysely<unknown>): Promise<void> {
  await sql`create function audit_starts_move() returns trigger language plpgsql as $body$
    begin
      if tg_op <> 'UPDATE' then raise exception ${sql.lit(STAYS)}; end if;
      if new.sequence <= old.sequence then raise exception ${sql.lit(BACK)}; end if;
      return new;
    end $body$`.execute(db);
  await sql`create trigger audit_starts_forward before update or delete on audit_starts
    for each row execute function audit_starts_move()`.execute(db);
  await sql`create trigger audit_starts_no_truncate before truncate on audit_starts
    for each statement execute function audit_starts_move()`.execute(db);
  await sql`create function audit_events_before_start() returns trigger language plpgsql as $body$
    begin
      if coalesce((select sequence from audit_starts where chain = old.chain), 0) < old.sequence then
        raise exception ${sql.lit(KEPT)};
      end if;
      return old;
    end $body$`.execute(db);
  await sql`drop trigger audit_events_no_delete on audit_events`.execute(db);
  await sql`create trigger audit_events_no_delete before delete on audit_events
    for each row execute function audit_events_before_start()`.execute(db);
}

async function checkpoints(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema
    .createTable("audit_checkpoints")
    .addColumn("number", "integer", (c) => c.primaryKey())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("key_id", "text", (c) => c.notNull().references("signing_keys.key_id"))
    .addColumn("signature", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .execute();
  await dialect.appendOnly(db, "audit_checkpoints");
  await db.schema
    .createTable("audit_checkpoint_heads")
    .addColumn("number", "integer", (c) =>
      c.primaryKey().references("audit_checkpoints.number").onDelete("cascade"),
    )
    .addColumn("heads", "text", (c) => c.notNull())
    .execute();
  await db.schema
    .createTable("audit_anchors")
    .addColumn("number", "integer", (c) => c.notNull().references("audit_checkpoints.number"))
    .addColumn("place", "text", (c) => c.notNull())
    .addColumn("anchored_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("audit_anchors_pk", ["number", "place"] as never[])
    .execute();
}

async function decisions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("decisions")
    .addColumn("decision_id", "text", (c) => c.primaryKey())
    .addColumn("decided_at", "text", (c) => c.notNull())
    .addColumn("principal_id", "text", (c) => c.notNull())
    .addColumn("principal_name", "text", (c) => c.notNull())
    .addColumn("role", "text")
    .addColumn("action", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text")
    .addColumn("policies", "text", (c) => c.notNull())
    .addColumn("request_id", "text", (c) => c.notNull())
    .addColumn("correlation_id", "text", (c) => c.notNull())
    .execute();
  await index(db, "decisions", "decided_at", "decision_id");
  await index(db, "decisions", "principal_id", "decided_at", "decision_id");
  await index(db, "decisions", "tenant_id", "decided_at", "decision_id");
  await index(db, "decisions", "action", "decided_at", "decision_id");
  await index(db, "decisions", "correlation_id", "decided_at", "decision_id");
  await index(db, "decisions", "request_id");
}

async function retention(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("retention_schedules")
    .addColumn("data_class", "text", (c) => c.primaryKey())
    .addColumn("keep_days", "integer")
    .addColumn("reason", "text")
    .addColumn("updated_by", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();
}

async function index(db: Kysely<unknown>, table: string, ...columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .execute();
}
