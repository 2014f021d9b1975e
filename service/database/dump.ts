import { createHash } from "node:crypto";
import { to as copyTo } from "pg-copy-streams";
import { asOwner } from "./asOwner.ts";
import { type Definitions, readDefinitions, type TableDefinition } from "./definitions.ts";
import { contentsOf, type Digested, type DumpManifest, digestOf, MANIFEST_FILE } from "./dumpManifest.ts";
import type { Tenancy } from "./provision.ts";
import { identifier, type Session } from "./session.ts";
import type { DatabaseContents, DumpSink } from "./tenantDatabases.ts";

/**
 * Reads as the tenant's owner, so that nothing of anybody else can get into a dump, and in one transaction, so that all tables
 * are as of one moment.
 */
const SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

export async function dump(tenancy: Tenancy, sink: DumpSink): Promise<DatabaseContents> {
  return reading(tenancy, "dump the database", async (session) => {
    const { data: schema } = tenancy.names;
    const definitions = await readDefinitions(session, schema);
    const tables: DumpManifest["tables"] = [];
    for (const [index, table] of definitions.tables.entries()) {
      const file = `tables/${String(index + 1).padStart(5, "0")}.copy`;
      const rows = { count: 0 };
      const stored = await sink.write(file, rowsOf(session, schema, table, rows));
      const { name, columns } = table;
      tables.push({ name, columns: [...columns], rows: rows.count, ...stored, file });
    }
    const { rows } = await session.query("SHOW server_version");
    const { before, after, names } = definitions;
    const sequences = await readSequenceValues(session, schema, definitions);
    const digest = digestOf({ names: [...names], sequences, tables });
    const manifest: DumpManifest = {
      ...{ formatVersion: 1, schema, serverVersion: rows[0].server_version },
      ...{ before: [...before], after: [...after], tables, sequences, names: [...names], digest },
    };
    await sink.write(MANIFEST_FILE, once(Buffer.from(JSON.stringify(manifest))));
    return contentsOf(manifest);
  });
}

export async function readContents(tenancy: Tenancy): Promise<DatabaseContents> {
  return reading(tenancy, "read the database", (session) => digestContents(session, tenancy.names.data));
}

/** In a transaction of the caller's, as the owner. */
export async function digestContents(session: Session, schema: string): Promise<DatabaseContents> {
  const definitions = await readDefinitions(session, schema);
  const tables: { name: string; rows: number; sha256: string }[] = [];
  for (const table of definitions.tables) {
    const hash = createHash("sha256");
    const rows = { count: 0 };
    for await (const chunk of rowsOf(session, schema, table, rows)) hash.update(chunk);
    tables.push({ name: table.name, rows: rows.count, sha256: hash.digest("hex") });
  }
  const sequences = await readSequenceValues(session, schema, definitions);
  return contentsOf({ names: [...definitions.names], sequences, tables } satisfies Digested);
}

async function reading<T>(
  tenancy: Tenancy,
  doing: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { data: schema } = tenancy.names;
  return asOwner(tenancy, doing, async (session) => {
    // It ends with the session: where the rows of a table are no longer taken, nothing else can be said to the server.
    await session.query(SNAPSHOT);
    await setFormats(session, schema);
    await lockTables(session, schema);
    return work(session);
  });
}

/** Everything that decides how PostgreSQL writes a value or a definition. */
export async function setFormats(session: Session, schema: string): Promise<void> {
  const settings = {
    search_path: identifier(schema),
    datestyle: "'ISO, MDY'",
    intervalstyle: "postgres",
    timezone: "'UTC'",
    extra_float_digits: "3",
    bytea_output: "hex",
    xmlbinary: "base64",
    client_encoding: "'UTF8'",
  };
  for (const [name, value] of Object.entries(settings)) await session.query(`SET LOCAL ${name} = ${value}`);
}

/** Definitions are read as of now, whatever the snapshot: nobody may change them meanwhile. */
async function lockTables(session: Session, schema: string): Promise<void> {
  const { rows } = await session.query<{ name: string }>(
    `SELECT format('%I.%I', $2::text, relname) AS name FROM pg_class
     WHERE relnamespace = $1::regnamespace AND relkind = 'r' ORDER BY relname`,
    [identifier(schema), schema],
  );
  if (rows.length > 0)
    await session.query(`LOCK TABLE ${rows.map(({ name }) => name).join(", ")} IN ACCESS SHARE MODE`);
}

async function* rowsOf(
  session: Session,
  schema: string,
  { name, columns, order }: TableDefinition,
  rows: { count: number },
): AsyncGenerator<Uint8Array> {
  // A table may have no columns; its rows are then empty lines.
  const listed = columns.map(identifier).join(", ");
  const by = columns.length === 0 ? "" : ` ORDER BY ${order}`;
  const from = `${identifier(schema)}.${identifier(name)}`;
  const stream = session.query(copyTo(`COPY (SELECT ${listed} FROM ONLY ${from}${by}) TO STDOUT`));
  // The session may break when nobody reads any more; who still reads is told by the reading.
  stream.on("error", () => undefined);
  for await (const chunk of stream) yield chunk as Buffer;
  rows.count = stream.rowCount ?? 0;
}

async function readSequenceValues(
  session: Session,
  schema: string,
  { sequences }: Definitions,
): Promise<DumpManifest["sequences"]> {
  const values: DumpManifest["sequences"] = [];
  for (const name of sequences) {
    const { rows } = await session.query<{ lastValue: string; isCalled: boolean }>(
      `SELECT last_value::text AS "lastValue", is_called AS "isCalled" FROM ${identifier(schema)}.${identifier(name)}`,
    );
    const [value] = rows;
    if (value !== undefined) values.push({ name, ...value });
  }
  return values;
}

async function* once(content: Buffer): AsyncGenerator<Uint8Array> {
  yield content;
}
