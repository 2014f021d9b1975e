import { expect, it } from "vitest";
import { migrations } from "../../registry/migrations/index.ts";
import type { Registry } from "../../registry/registry.ts";
import { insertBare } from "./bareRow.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

/** Tables whose rows name a tenant without a foreign key, each with its reason; whatever else names one must have it. */
const WITHOUT_REFERENCE: Readonly<Record<string, string>> = {
  tenants: "it is what the others refer to",
  audit_events: "an attempt on a tenant that never was is evidence too",
  decisions: "a decision about a tenant that never was is evidence too",
};

interface Questions {
  readonly tables: string;
  readonly references: string;
  readonly indexes: string;
}

/** Each answers names of tables; an index counts when it covers all rows and begins with the tenant. */
const QUESTIONS: Readonly<Record<Registry["dialect"], Questions>> = {
  sqlite: {
    tables: `select m.name from sqlite_master m join pragma_table_info(m.name) c on c.name = 'tenant_id'
      where m.type = 'table'`,
    references: `select m.name from sqlite_master m join pragma_foreign_key_list(m.name) f
      on f."from" = 'tenant_id' and f."table" = 'tenants' where m.type = 'table'`,
    indexes: `select distinct m.name from sqlite_master m join pragma_index_list(m.name) l on l.partial = 0
      join pragma_index_info(l.name) i on i.seqno = 0 and i.name = 'tenant_id' where m.type = 'table'`,
  },
  postgresql: {
    tables: `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
      where a.attname = 'tenant_id' and c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace`,
    references: `select c.conrelid::regclass::text as name from pg_constraint c
      join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
      where c.contype = 'f' and c.confrelid = 'tenants'::regclass and a.attname = 'tenant_id'
        and cardinality(c.conkey) = 1`,
    indexes: `select distinct i.indrelid::regclass::text as name from pg_index i
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
      join pg_class c on c.oid = i.indrelid
      where a.attname = 'tenant_id' and i.indpred is null and c.relnamespace = current_schema()::regnamespace`,
  },
};

describeDialects("a table that names a tenant", (create, dialect) => {
  const named = async (database: TestDatabase, question: keyof Questions) =>
    (await database.raw(QUESTIONS[dialect][question])).map(({ name }) => String(name)).sort();

  it("refers to it, and has an index that begins with it", async () => {
    const database = await create();
    await (await database.open()).close();
    const tables = await named(database, "tables");
    expect(tables).toEqual(expect.arrayContaining(["targets", "rollout_targets", "drift_scan_targets"]));
    const references = await named(database, "references");
    expect(tables.filter((table) => !references.includes(table))).toEqual(
      Object.keys(WITHOUT_REFERENCE).sort(),
    );
    const indexes = await named(database, "indexes");
    expect(tables.filter((table) => !indexes.includes(table))).toEqual([]);
  });

  it("keeps what it held when the reference was added, and takes no tenant that there is not", async () => {
    const database = await create({ empty: true });
    await database.migrate(migrations.filter(({ name }) => name < "0026_tenant_references"));
    for (const [table, known] of ROWS) await insertBare(database, dialect, table, known);
    const read = async (table: string) => (await database.raw(`select * from ${table}`))[0];
    const before = [await read("rollout_targets"), await read("drift_scan_targets")];
    expect(before).toMatchObject([
      { tenant_id: "t1", rollout_id: "r1" },
      { tenant_id: "t1", scan_id: "s1" },
    ]);
    await database.migrate(migrations);
    expect([await read("rollout_targets"), await read("drift_scan_targets")]).toEqual(before);
    for (const table of ["rollout_targets", "drift_scan_targets"]) {
      const write = database.raw(`update ${table} set tenant_id = 't2'`);
      await expect(write, table).rejects.toThrow(/foreign key/i);
    }
  });
});

/** In an order in which each refers to earlier ones only. */
const ROWS: readonly (readonly [table: string, known: Readonly<Record<string, string>>])[] = [
  ["planes", { plane_id: "p1" }],
  ["tenants", { tenant_id: "t1" }],
  ["targets", { target_id: "g1", tenant_id: "t1", plane_id: "p1" }],
  ["rollouts", { rollout_id: "r1" }],
  ["rollout_targets", { rollout_id: "r1", target_id: "g1", tenant_id: "t1" }],
  ["drift_scans", { scan_id: "s1" }],
  ["drift_scan_targets", { scan_id: "s1", target_id: "g1", tenant_id: "t1" }],
];
