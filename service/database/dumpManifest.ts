import { createHash } from "node:crypto";
import { z } from "zod";
import { DatabaseError } from "./databaseError.ts";
import { json } from "./session.ts";
import type { DatabaseContents, DumpSource } from "./tenantDatabases.ts";

/** What a dump says of itself; written last, so that a dump with one is whole. */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Table = z.object({
  name: z.string(),
  columns: z.array(z.string()),
  rows: z.int(),
  bytes: z.int(),
  sha256,
  /** Name within the dump. */
  file: z.string(),
});
export const DumpManifest = z.object({
  formatVersion: z.literal(1),
  schema: z.string(),
  serverVersion: z.string(),
  before: z.array(z.string()),
  after: z.array(z.string()),
  tables: z.array(Table),
  sequences: z.array(z.object({ name: z.string(), lastValue: z.string(), isCalled: z.boolean() })),
  names: z.array(z.string()),
  digest: sha256,
});
export type DumpManifest = z.infer<typeof DumpManifest>;

export const MANIFEST_FILE = "manifest.json";
/** Definitions only; the rows lie beside it. */
const MANIFEST_BYTES = 64 * 1024 * 1024;

export type Digested = Pick<DumpManifest, "names" | "sequences"> & {
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly sha256: string }[];
};

/** What must be equal before and after: what there is, all rows, and where the sequences stand. */
export function digestOf({ names, sequences, tables }: Digested): string {
  const facts = {
    names,
    sequences: sequences.map(({ name, lastValue, isCalled }) => [name, lastValue, isCalled]),
    tables: tables.map((table) => [table.name, table.rows, table.sha256]),
  };
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

export function contentsOf(digested: Digested): DatabaseContents {
  const tables = digested.tables.map(({ name, rows, sha256 }) => ({ name, rows, sha256 }));
  return { tables, digest: digestOf(digested) };
}

export async function readManifest(source: DumpSource): Promise<DumpManifest> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of await source.read(MANIFEST_FILE)) {
    bytes += part.length;
    if (bytes > MANIFEST_BYTES) throw broken(`its ${MANIFEST_FILE} has more than ${MANIFEST_BYTES} bytes`);
    parts.push(part);
  }
  const parsed = DumpManifest.safeParse(json(Buffer.concat(parts).toString("utf8")));
  if (!parsed.success) throw broken(`its ${MANIFEST_FILE} cannot be read`);
  if (digestOf(parsed.data) !== parsed.data.digest) throw broken(`its ${MANIFEST_FILE} was changed`);
  return parsed.data;
}

export async function verifyDump(source: DumpSource): Promise<DatabaseContents> {
  const manifest = await readManifest(source);
  for (const table of manifest.tables) {
    for await (const chunk of checked(await source.read(table.file), table)) void chunk;
  }
  return contentsOf(manifest);
}

/** Passes a table's rows on, and throws at their end when they are not those that were written. */
export async function* checked(
  body: AsyncIterable<Uint8Array>,
  table: Pick<DumpManifest["tables"][number], "file" | "bytes" | "sha256">,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    bytes += chunk.length;
    yield chunk;
  }
  if (bytes !== table.bytes || hash.digest("hex") !== table.sha256)
    throw broken(`${table.file} has another checksum than when it was written`);
}

export function broken(why: string): DatabaseError {
  return new DatabaseError(
    "dump_broken",
    `Cannot use the dump: ${why}. Take another archive, or an earlier version of its objects.`,
  );
}
