import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { auditVerify } from "../../registry/audit.ts";
import { checksumOf } from "../../registry/migrate.ts";
import { type Migration, migrations } from "../../registry/migrations/index.ts";
import { openRegistry, type RegistryLocation } from "../../registry/registry.ts";
import { tenantList } from "../../registry/tenantList.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

describeDialects("migrations", (create) => {
  it("apply once: opening again finds nothing to do", async () => {
    const database = await create({ empty: true });
    await (await database.open()).close();
    const before = await database.raw("select * from schema_migrations order by number");
    await (await database.open()).close();
    expect(await database.raw("select * from schema_migrations order by number")).toEqual(before);
    expect(before.map((row) => row.name)).toEqual(migrations.map((migration) => migration.name));
  });

  it("survive ten processes that open an empty database at once", async () => {
    const database = await create({ empty: true });
    const slugs = Array.from({ length: 10 }, (_, place) => `racer-${place}`);
    const exits = await Promise.all(slugs.map((slug) => runProcess(database.location, slug)));
    expect(exits).toEqual(slugs.map(() => ({ code: 0, stderr: "" })));

    const registry = await database.open();
    const tenants = await registry.read((db) => tenantList(db, { limit: 50 }));
    expect(tenants.items.map((tenant) => tenant.slug).sort()).toEqual(slugs);
    expect(await database.raw("select number from schema_migrations")).toHaveLength(migrations.length);
    expect((await registry.read((db) => auditVerify(db))).verified).toBe(true);
  });

  it("refuse a database whose migration was applied from other text", async () => {
    const database = await create();
    await (await database.open()).close();
    await database.raw("update schema_migrations set checksum = 'f00'");
    await expect(database.open()).rejects.toThrow(
      /migration 0001_spine must have the checksum it was applied with \(f00\), got 0001_spine with [0-9a-f]{64}/,
    );
  });

  it("refuse a database that a newer version has migrated", async () => {
    const database = await create();
    await (await database.open()).close();
    await database.raw("insert into schema_migrations values (9999, '9999_future', 'x', 'now')");
    await expect(database.open()).rejects.toThrow(/got migration 9999_future besides/);
  });

  it("leave the database as it was when one of them fails", async () => {
    const database = await create();
    await (await database.open()).close();
    const before = await database.tables();
    const failing = await migrationFrom(database, async (db) => {
      await db.schema.createTable("half_done").addColumn("x", "text").execute();
      throw new Error("disk full");
    });
    await expect(database.migrate([...migrations, failing])).rejects.toThrow(/9999_test must apply whole/);
    expect(await database.tables()).toEqual(before);
    expect(await database.raw("select * from schema_migrations")).toHaveLength(migrations.length);
  });

  it("add to a database with data in it", async () => {
    const database = await create();
    await (await database.open()).close();
    const next = await migrationFrom(database, (db) =>
      db.schema.alterTable("tenants").addColumn("note", "text").execute(),
    );
    expect(await database.migrate([...migrations, next])).toEqual({ applied: [9999] });
    expect(await database.migrate([...migrations, next])).toEqual({ applied: [] });
    expect(await database.raw("select note from tenants")).toEqual([]);
  });

  it("are numbered without a gap and named after their number", () => {
    expect(migrations.map((migration) => migration.number)).toEqual(migrations.map((_, place) => place + 1));
    for (const { name, number } of migrations) expect(name).toMatch(new RegExp(`^0*${number}_[a-z_]+$`));
  });

  it("have the same checksum whatever the line ends", async () => {
    const database = await create();
    const [unix, windows] = ["a\nb\n", "a\r\nb\r\n"].map((text, place) => ({ text, place }));
    const sums = await Promise.all(
      [unix, windows].map(async (variant) => {
        const file = path.join(database.folder, `${variant?.place}.ts`);
        await writeFile(file, variant?.text ?? "");
        return await checksumOf({ source: pathToFileURL(file) });
      }),
    );
    expect(sums[0]).toBe(sums[1]);
  });
});

describeDialects(
  "a registry file",
  (create) => {
    it("is refused in a folder that is not there, saying which file", async () => {
      const file = path.join((await create()).folder, "absent", "registry.sqlite");
      await expect(openRegistry({ file })).rejects.toThrow(/absent.*Check that its folder exists/);
    });
  },
  "sqlite",
);

describeDialects(
  "columns of a migration",
  (create) => {
    it("sort by code point and count to 2^53, those of a later migration too", async () => {
      const database = await create({ empty: true });
      await (await database.open()).close();
      const next = await migrationFrom(database, (db) =>
        db.schema.alterTable("tenants").addColumn("note", "text").addColumn("size", "integer").execute(),
      );
      await database.migrate([...migrations, next]);
      const columns = await database.raw(
        `select column_name, data_type, collation_name from information_schema.columns
         where table_schema = current_schema() order by column_name`,
      );
      const kinds = new Set(columns.map((column) => `${column.data_type} ${column.collation_name}`));
      expect([...kinds].sort()).toEqual(["bigint null", "text C"]);
      expect(columns.map((column) => column.column_name)).toEqual(expect.arrayContaining(["note", "size"]));
    });
  },
  "postgresql",
);

async function migrationFrom(database: TestDatabase, up: Migration["up"]): Promise<Migration> {
  const file = path.join(database.folder, "9999_test.ts");
  await writeFile(file, String(up));
  return { number: 9999, name: "9999_test", source: pathToFileURL(file), up };
}

function runProcess(
  location: RegistryLocation,
  slug: string,
): Promise<{ code: number | null; stderr: string }> {
  const script = path.join(import.meta.dirname, "openOnce.ts");
  const child = spawn(process.execPath, [script, JSON.stringify(location), slug], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stderr })));
}
