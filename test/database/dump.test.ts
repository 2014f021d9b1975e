import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TenantDatabase } from "../../service/database/tenantDatabases.ts";
import { type DatabaseWorld, memoryDump, openDatabaseWorld, tenantDatabase } from "./world.ts";

let world: DatabaseWorld;
beforeAll(async () => {
  world = await openDatabaseWorld();
});
afterAll(() => world?.close());

const SCHEMA = `
CREATE TYPE mood AS ENUM ('sad', 'it''s fine', 'happy');
CREATE SEQUENCE tickets START 100 INCREMENT 5;
CREATE FUNCTION shout(word text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(word) $$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touched := true; RETURN NEW; END $$;
CREATE TABLE people (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  "Full Name" text COLLATE "C" NOT NULL CHECK ("Full Name" <> ''),
  mood mood DEFAULT 'happy',
  loud text GENERATED ALWAYS AS (shout("Full Name")) STORED,
  born date, score double precision, raw bytea, tags text[], doc jsonb, seen timestamptz DEFAULT now(),
  touched boolean NOT NULL DEFAULT false
);
CREATE TABLE visits (ticket int DEFAULT nextval('tickets'), person bigint REFERENCES people ON DELETE CASCADE, note text);
CREATE TABLE legacy (id serial UNIQUE, value numeric(10, 2)) WITH (fillfactor = 70);
CREATE TABLE empty_one (id uuid PRIMARY KEY);
CREATE UNLOGGED TABLE scratch (id int);
CREATE INDEX people_mood ON people (mood) WHERE touched;
CREATE UNIQUE INDEX visits_once ON visits (lower(note));
ALTER TABLE visits ADD CONSTRAINT visits_ticket UNIQUE (ticket) DEFERRABLE INITIALLY DEFERRED;
CREATE VIEW zeta AS SELECT id, "Full Name" FROM people WHERE mood = 'happy';
CREATE VIEW alpha WITH (security_barrier = true) AS SELECT z."Full Name", count(*) AS visits FROM zeta z JOIN visits ON person = id GROUP BY 1;
CREATE MATERIALIZED VIEW moods AS SELECT mood, count(*) FROM people GROUP BY mood;
CREATE UNIQUE INDEX moods_once ON moods (mood);
CREATE TRIGGER touch_people BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch();
COMMENT ON TABLE people IS 'who; with ''quotes''';
COMMENT ON COLUMN people.born IS 'a day';
INSERT INTO people ("Full Name", mood, born, score, raw, tags, doc)
  SELECT 'Person ' || n || E'\\t\\n\\\\', (ARRAY['sad', 'happy', NULL])[1 + n % 3]::mood, '2000-01-01'::date + n, n / 7.0,
    decode(md5(n::text), 'hex'), ARRAY['a', NULL, 'x,y'], jsonb_build_object('n', n, 'deep', jsonb_build_array(n, 'ü'))
  FROM generate_series(1, 3000) AS n;
UPDATE people SET score = 'NaN' WHERE id = 7;
INSERT INTO visits (person, note) SELECT id, 'note ' || id FROM people WHERE id % 10 = 0;
INSERT INTO legacy (value) VALUES (1.50), (NULL);
REFRESH MATERIALIZED VIEW moods;`;

async function make(tenant: TenantDatabase, statements: string): Promise<void> {
  await world.databases.provision(world.place, tenant, "operation");
  const client = await world.connect(tenant);
  await client.query(statements);
  await client.end();
}

describe.each([
  ["of a schema", tenantDatabase(11)],
  ["of a database", tenantDatabase(12, "database")],
])("a dump %s", (_, tenant) => {
  beforeAll(() => make(tenant, SCHEMA));

  it("brings everything back after a drop, with equal digests", async () => {
    const { place } = world;
    const before = await world.databases.contents(place, tenant);
    expect(before.tables.map(({ name, rows }) => [name, rows])).toEqual([
      ["empty_one", 0],
      ["legacy", 2],
      ["people", 3000],
      ["scratch", 0],
      ["visits", 300],
    ]);
    const dump = memoryDump();
    expect(await world.databases.dump(place, tenant, dump)).toEqual(before);
    expect(await world.databases.verifyDump(dump)).toEqual(before);
    await world.databases.drop(place, tenant);
    expect(await world.databases.leftovers(place, tenant.tenantId)).toEqual([]);
    await world.databases.provision(place, tenant, "operation-2");
    expect(await world.databases.restore(place, tenant, dump)).toEqual(before);
    expect(await world.databases.contents(place, tenant)).toEqual(before);

    const again = memoryDump();
    await world.databases.dump(place, tenant, again);
    expect([...again.files.keys()]).toEqual([...dump.files.keys()]);
    for (const [name, content] of dump.files) expect(again.files.get(name)?.equals(content), name).toBe(true);
  });

  it("brings back what works: keys, defaults, sequences, triggers, views", async () => {
    const client = await world.connect(tenant);
    const { rows } = await client.query(
      `INSERT INTO people ("Full Name") VALUES ('new') RETURNING id, loud, mood, touched`,
    );
    expect(rows).toEqual([{ id: "3001", loud: "NEW", mood: "happy", touched: false }]);
    await client.query("UPDATE people SET born = now() WHERE id = 3001");
    expect((await client.query("SELECT touched FROM people WHERE id = 3001")).rows).toEqual([
      { touched: true },
    ]);
    expect((await client.query("INSERT INTO visits (person) VALUES (3001) RETURNING ticket")).rows).toEqual([
      { ticket: 1600 },
    ]);
    expect((await client.query("INSERT INTO legacy DEFAULT VALUES RETURNING id")).rows).toEqual([{ id: 3 }]);
    await expect(client.query("INSERT INTO visits (person) VALUES (9999)")).rejects.toMatchObject({
      code: "23503",
    });
    await expect(client.query(`INSERT INTO people ("Full Name") VALUES ('')`)).rejects.toMatchObject({
      code: "23514",
    });
    expect((await client.query(`SELECT visits FROM alpha WHERE "Full Name" = 'new'`)).rows).toEqual([
      { visits: "1" },
    ]);
    await client.query("REFRESH MATERIALIZED VIEW moods");
    await client.query("DELETE FROM people WHERE id = 3001");
    expect((await client.query("SELECT 1 FROM visits WHERE person = 3001")).rowCount).toBe(0);
    await client.end();
  });

  it("replaces what is there, and leaves it when the dump is broken", async () => {
    const { place } = world;
    const dump = memoryDump();
    const kept = await world.databases.dump(place, tenant, dump);
    const client = await world.connect(tenant);
    await client.query("DROP TABLE visits CASCADE; CREATE TABLE another (id int); DELETE FROM legacy");
    await client.end();
    const changed = await world.databases.contents(place, tenant);
    expect(changed.digest).not.toBe(kept.digest);

    const [file = ""] = [...dump.files.keys()].filter(
      (name) => (dump.files.get(name)?.length ?? 0) > 10_000 && name !== "manifest.json",
    );
    const content = dump.files.get(file) ?? Buffer.alloc(0);
    const flipped = Buffer.from(content);
    flipped.write("Q", flipped.indexOf("Person"));
    dump.files.set(file, flipped);
    await expect(world.databases.verifyDump(dump)).rejects.toMatchObject({ code: "dump_broken" });
    await expect(world.databases.restore(place, tenant, dump)).rejects.toMatchObject({ code: "dump_broken" });
    expect(await world.databases.contents(place, tenant)).toEqual(changed);
    dump.files.set(file, content.subarray(0, content.length - 1));
    await expect(world.databases.restore(place, tenant, dump)).rejects.toMatchObject({ retryable: false });
    dump.files.set(file, content);
    expect(await world.databases.restore(place, tenant, dump)).toEqual(kept);
  });
});

describe("a dump", () => {
  const tenant = tenantDatabase(13);
  beforeEach(async () => {
    await world.databases.drop(world.place, tenant);
    await world.databases.provision(world.place, tenant, "operation");
  });

  it("of nothing is nothing", async () => {
    const dump = memoryDump();
    const contents = await world.databases.dump(world.place, tenant, dump);
    expect(contents.tables).toEqual([]);
    expect(await world.databases.restore(world.place, tenant, dump)).toEqual(contents);
  });

  it.each([
    ["CREATE TABLE t (id int) PARTITION BY LIST (id)", "foreign or partitioned table t"],
    ["CREATE TYPE pair AS (a int, b int)", "composite type pair"],
    ["CREATE DOMAIN positive AS int CHECK (VALUE > 0)", "domain, range or base type positive"],
    ["CREATE TYPE span AS RANGE (subtype = int)", "domain, range or base type span"],
    ["CREATE TABLE a (id int); CREATE TABLE b () INHERITS (a)", "table that inherits b"],
    ["CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY", "table with row security t"],
    ["CREATE TABLE t (id int); CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING", "rule t.r"],
    ["CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int)", "aggregate or window function total"],
    ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", "function with an SQL-standard body f"],
    [
      "CREATE TABLE t (id int); CREATE FUNCTION f(t) RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "function over a table's row type f",
    ],
    [
      "CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql AS 'SELECT 1'",
      "function over a table's row type f",
    ],
    ["CREATE TABLE t (a int, b int); CREATE STATISTICS s ON a, b FROM t", "extended statistics s"],
    ["CREATE TABLE t (id int); GRANT SELECT ON t TO PUBLIC", "privileges granted on t"],
    [
      "CREATE TABLE t (a text); ALTER TABLE t ALTER a SET STORAGE EXTERNAL",
      "column with storage settings of its own t.a",
    ],
    [
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMENT ON FUNCTION f() IS 'x'",
      "comment on something else than a table, view or column function f()",
    ],
    ["SELECT lo_create(0)", "large object"],
    [
      "CREATE TABLE t (id int); CREATE TABLE u (id int); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION g(); ALTER TABLE t DISABLE TRIGGER x",
      "trigger that is switched off",
    ],
    ["ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", "default privileges"],
  ])("refuses by name: %s", async (statements, named) => {
    const client = await world.connect(tenant);
    await client.query(statements);
    await client.end();
    const dump = memoryDump();
    await expect(world.databases.dump(world.place, tenant, dump)).rejects.toMatchObject({
      code: "dump_unsupported",
      message: expect.stringContaining(named),
    });
    expect(dump.files.size).toBe(0);
  });

  it("refuses what a tenant has beside its schema in its own database", async () => {
    const own = tenantDatabase(14, "database");
    await make(own, "CREATE SCHEMA beside; CREATE TABLE public.stray (id int)");
    const asked = world.databases.dump(world.place, own, memoryDump());
    await expect(asked).rejects.toThrow(/schema beside its own beside.*something outside its schema stray/);
  });

  it("is of one moment, whatever is written meanwhile", async () => {
    await make(tenant, "CREATE TABLE a (n int); CREATE TABLE b (n int); INSERT INTO a VALUES (1)");
    const writer = await world.connect(tenant);
    const dump = memoryDump();
    let wrote = false;
    await world.databases.dump(world.place, tenant, {
      async write(file, body) {
        const stored = await dump.write(file, body);
        if (!wrote) await writer.query("INSERT INTO b VALUES (2)");
        wrote = true;
        return stored;
      },
    });
    await writer.end();
    expect(dump.files.get("tables/00002.copy")?.toString()).toBe("");
  });

  it("passes the sink's failure on as it is", async () => {
    await make(tenant, "CREATE TABLE a (n int)");
    const failure = Object.assign(new Error("the bucket is gone"), { code: "bucket_not_found" });
    const asked = world.databases.dump(world.place, tenant, { write: () => Promise.reject(failure) });
    await expect(asked).rejects.toBe(failure);
  });
});
