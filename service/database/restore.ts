import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { from as copyFrom } from "pg-copy-streams";
import { actAsOwner, digestContents } from "./dump.ts";
import { broken, checked, type DumpManifest, readManifest } from "./dumpManifest.ts";
import type { Tenancy } from "./provision.ts";
import { lockTenant } from "./roles.ts";
import { identifier, type Session, transaction } from "./session.ts";
import type { DatabaseContents, DumpSource } from "./tenantDatabases.ts";

/**
 * Everything in one transaction: whoever looks finds the tables of before or those of the dump, and a restore that was cut off
 * has changed nothing. What is there in the end is read and compared with the dump before it counts.
 */
export async function restore(tenancy: Tenancy, source: DumpSource): Promise<DatabaseContents> {
  const { server, database, tenant, names } = tenancy;
  const manifest = await readManifest(source);
  if (manifest.schema !== names.data) {
    throw broken(`it is of the schema ${manifest.schema}, and not of ${names.data}`);
  }
  return server.connect(
    "restore the database",
    database,
    (session) =>
      transaction(session, async () => {
        await lockTenant(session, tenant.tenantId);
        await emptySchema(session, tenancy);
        await actAsOwner(session, names.owner, names.data);
        await session.query("SET LOCAL check_function_bodies = off");
        await fill(session, manifest, source);
        const restored = await digestContents(session, names.data);
        if (restored.digest !== manifest.digest) throw broken(difference(manifest, restored));
        return restored;
      }),
    true,
  );
}

/** In the shared database only the administrator may make a schema; in its own the owner does. */
async function emptySchema(session: Session, { names, tenant }: Tenancy): Promise<void> {
  const [schema, owner] = [identifier(names.data), identifier(names.owner)];
  await session.query(`SET LOCAL ROLE ${owner}`);
  await session.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  if (tenant.layout === "schema") await session.query("RESET ROLE");
  await session.query(`CREATE SCHEMA ${schema} AUTHORIZATION ${owner}`);
}

async function fill(session: Session, manifest: DumpManifest, source: DumpSource): Promise<void> {
  for (const statement of manifest.before) await session.query(statement);
  for (const table of manifest.tables) {
    const listed = table.columns.map(identifier).join(", ");
    const columns = listed === "" ? "" : ` (${listed})`;
    const rows = session.query(copyFrom(`COPY ${identifier(table.name)}${columns} FROM STDIN`));
    await pipeline(Readable.from(checked(await source.read(table.file), table)), rows);
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
