import { Zip, ZipDeflate } from "fflate";

/** A zip file as it is made: one entry after the other, none of them whole in memory. */
export interface ZipEntry {
  readonly name: string;
  readonly content: AsyncIterable<string> | Iterable<string>;
}

/** The same content gives the same bytes: entries carry this time. */
const ENTRY_TIME = new Date("2000-01-01T00:00:00Z");

export async function* zipOf(entries: AsyncIterable<ZipEntry>): AsyncGenerator<Uint8Array> {
  const made: Uint8Array[] = [];
  let failure: Error | undefined;
  const zip = new Zip((error, bytes) => {
    if (error === null) made.push(bytes);
    else failure = error;
  });
  for await (const { name, content } of entries) {
    const entry = new ZipDeflate(name, { level: 6 });
    entry.mtime = ENTRY_TIME;
    zip.add(entry);
    for await (const text of content) {
      entry.push(Buffer.from(text, "utf8"));
      yield* made.splice(0);
    }
    entry.push(new Uint8Array(0), true);
    if (failure !== undefined) throw failure;
    yield* made.splice(0);
  }
  zip.end();
  yield* made.splice(0);
}
