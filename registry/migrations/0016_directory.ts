import { type Kysely, sql } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";
import { SEARCH_LIMITS, sortTextOf, wordsOf } from "../searchText.ts";

/** Contacts, external ids, the words a tenant is found by, and an index for each order a list of tenants may have. */
export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await people(db);
  await externalIds(db);
  await words(db, dialect);
  await orders(db);
  await observed(db);
  await fill(db as Kysely<Tables>);
}

async function people(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("tenant_contacts")
    .addColumn("contact_id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("role", "text", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("email", "text", (c) => c.notNull())
    .addColumn("phone", "text")
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("tenant_contacts_by_tenant_id_created_at_contact_id")
    .on("tenant_contacts")
    .columns(["tenant_id", "created_at", "contact_id"])
    .execute();
}

async function externalIds(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("tenant_external_ids")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("system", "text", (c) => c.notNull())
    .addColumn("external_id", "text", (c) => c.notNull())
    .addColumn("record_version", "integer", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("tenant_external_ids_pk", ["tenant_id", "system"] as never[])
    .addUniqueConstraint("tenant_external_ids_by_system", ["system", "external_id"] as never[])
    .execute();
}

/** Without rowids where the database would otherwise keep each row twice: in the table and in its key. */
async function words(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  const table = db.schema
    .createTable("tenant_words")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("word", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("tenant_words_pk", ["tenant_id", "word"] as never[]);
  await (dialect.name === "sqlite" ? table.modifyEnd(sql`without rowid`) : table).execute();
  await db.schema
    .createIndex("tenant_words_by_word_tenant_id")
    .on("tenant_words")
    .columns(["word", "tenant_id"])
    .execute();
}

/**
 * Deleted tenants are left out of the lists that do not ask for them, however many there are by then. For slugs there is
 * such an index already: the one that keeps them unique.
 */
async function orders(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("tenants")
    .addColumn("display_sort", "text", (c) => c.notNull().defaultTo(""))
    .execute();
  for (const column of ["created_at", "updated_at", "display_sort"]) {
    await db.schema
      .createIndex(`tenants_live_by_${column}`)
      .on("tenants")
      .columns([column, "tenant_id"])
      .where("deleted_at" as never, "is", null)
      .execute();
  }
  await db.schema.dropIndex("tenants_by_slug").execute();
  for (const column of ["updated_at", "slug", "display_sort"]) {
    await db.schema
      .createIndex(`tenants_by_status_${column}_tenant_id`)
      .on("tenants")
      .columns(["status", column, "tenant_id"])
      .execute();
  }
}

/** For filters by what is true of a tenant's targets. */
async function observed(db: Kysely<unknown>): Promise<void> {
  for (const column of ["environment", "region"]) {
    await db.schema
      .createIndex(`targets_live_by_${column}`)
      .on("targets")
      .columns([column, "tenant_id"])
      .where("deleted_at" as never, "is", null)
      .execute();
  }
  await sql`create index targets_behind on targets (tenant_id)
    where current_release_number < target_release_number`.execute(db);
  await sql`create index targets_ahead on targets (tenant_id)
    where current_release_number > target_release_number`.execute(db);
  for (const column of ["health", "drift"]) {
    await db.schema
      .createIndex(`target_observations_by_${column}`)
      .on("target_observations")
      .columns([column, "target_id"])
      .execute();
  }
}

interface Tables {
  tenants: {
    tenant_id: string;
    slug: string;
    display_name: string;
    primary_domain: string | null;
    labels: string;
    display_sort: string;
  };
  tenant_words: { tenant_id: string; word: string };
}

const TENANTS_AT_ONCE = 500;
const ROWS_AT_ONCE = 1_000;

/** The tenants of before. */
async function fill(db: Kysely<Tables>): Promise<void> {
  for (let after = ""; ; ) {
    const tenants = await db
      .selectFrom("tenants")
      .select(["tenant_id", "slug", "display_name", "primary_domain", "labels"])
      .where("tenant_id", ">", after)
      .orderBy("tenant_id")
      .limit(TENANTS_AT_ONCE)
      .execute();
    const last = tenants.at(-1);
    if (last === undefined) return;
    for (const { tenant_id, display_name } of tenants) {
      const display_sort = sortTextOf(display_name);
      await db.updateTable("tenants").set({ display_sort }).where("tenant_id", "=", tenant_id).execute();
    }
    const rows = tenants.flatMap((tenant) =>
      wordsOfBefore(tenant).map((word) => ({ tenant_id: tenant.tenant_id, word })),
    );
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
      await db
        .insertInto("tenant_words")
        .values(rows.slice(from, from + ROWS_AT_ONCE))
        .execute();
    }
    after = last.tenant_id;
  }
}

function wordsOfBefore({ slug, display_name, primary_domain, labels }: Before): string[] {
  const parsed = JSON.parse(labels) as Record<string, string>;
  return wordsOf(
    [slug, display_name, primary_domain ?? "", ...Object.entries(parsed).flat()],
    SEARCH_LIMITS.wordsPerTenant,
  );
}

type Before = Omit<Tables["tenants"], "display_sort">;
