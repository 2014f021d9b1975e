import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { from as copyFrom } from "pg-copy-streams";
import { asOwner } from "./asOwner.ts";
import { digestContents, setFormats } from "./dump.ts";
import { broken, checked, type DumpManifest, readManifest } from "./dumpManifest.ts";
import type { Tenancy } from "./provision.ts";
import { locked } from "./roles.ts";
import { identifier, type Session, transaction } from "./session.ts";
import type { DatabaseContents, DumpSource } from "./tenantDatabases.ts";

/**
 * Everything in one transaction: whoever looks finds the tables of before or those of the dump, and a restore that was cut off
 * has changed nothing. What is there in the end is read and compared with the dump before it counts.
 */
export async function restore(tenancy: Tenancy, source: DumpSource): Promise<DatabaseContents> {
  const { names } = tenancy;
  const manifest = await readManifest(source);
  if (manifest.schema !== names.data) {
    throw broken(`it is of the schema ${manifest.schema}, and not of ${names.data}`);
  }
  const doing = "restore the database";
  const work = (session: Session) =>
    transaction(session, async () => {
      await emptySchema(session, names.data);
      await setFormats(session, names.data);
      await session.query("SET LOCAL check_function_bodies = off");
      await fill(session, manifest, source);
      const restored = await digestContents(session, names.data);
      if (restored.digest !== manifest.digest) throw broken(difference(manifest, restored));
      return restored;
    });
  return locked(tenancy.server, doing, names.data, () => asOwner(tenancy, doing, work));
}

/** The schema itself stays: in the shared database its owner may not make another. */
async function emptySchema(session: Session, schema: string): Promise<void> {
  const { rows } = await session.query<{ statement: string }>(SCHEMA_CONTENTS, [identifier(schema)]);
  for (const { statement } of rows) await session.query(statement);
}

/** Tables first: what belongs to their columns cannot be dropped without them, and is gone with them. */
const SCHEMA_CONTENTS = `
SELECT format('DROP %s IF EXISTS %s CASCADE',
  CASE type WHEN 'statistics object' THEN 'statistics' WHEN 'composite type' THEN 'type' ELSE type END,
  identity) AS statement
FROM pg_depend d, LATERAL pg_identify_object(d.classid, d.objid, 0) AS o
WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = $1::regnamespace
  AND d.classid <> 'pg_default_acl'::regclass
ORDER BY type IN ('table', 'foreign table') DESC, identity`;

async function fill(session: Session, manifest: DumpManifest, source: DumpSource): Promise<void> {
  for (const statement of manifest.before) await session.query(statement);
  for (const table of manifest.tables) {
    const listed = table.columns.map(identifier).join(", ");
    const columns = listed === "" ? "" : ` (${listed})`;
    const rows = Readable.from(checked(await source.read(table.file), table));
    // Nothing may be waited for between the two: a copy that nobody listens to yet ends the process when its session breaks.
    await pipeline(rows, session.query(copyFrom(`COPY ${identifier(table.name)}${columns} FROM STDIN`)));
  }
  for (const { name, lastValue, isCalled } of manifest.sequences) {
    await session.query("SELECT setval($1::regclass, $2::bigint, $3)", [
      identifier(name),
      lastValue,
      isCalled,
    ]);
  }
  for (const statement of manifest.after) await session.query(statement);
}

function difference(manifest: DumpManifest, restored: DatabaseContents): string {
  const differing = manifest.tables.find(
    ({ name, sha256 }) => restored.tables.find((table) => table.name === name)?.sha256 !== sha256,
  );
  return differing === undefined
    ? "what came out has other definitions or sequences than it says"
    : `the table ${differing.name} came out otherwise than it was written`;
}
