import { readFile, stat } from "node:fs/promises";
import { limits } from "./settings.ts";

/** Where the snapshot is read from. */
export interface SnapshotSource {
  readonly name: string;
  /** The text, or undefined when it has not changed since the last read. Throws when it cannot be read. */
  read(): Promise<string | undefined>;
}

export function fileSource(file: string): SnapshotSource {
  let seen = "";
  return {
    name: file,
    async read() {
      const { mtimeNs, size, ino } = await stat(file, { bigint: true });
      const mark = `${ino}/${mtimeNs}/${size}`;
      if (mark === seen) return undefined;
      if (size > limits.snapshotBytes) throw tooLarge(file);
      const text = await readFile(file, "utf8");
      seen = mark;
      return text;
    },
  };
}

export function urlSource(url: string): SnapshotSource {
  let etag: string | undefined;
  return {
    name: url,
    async read() {
      const response = await fetch(url, {
        headers: etag === undefined ? {} : { "if-none-match": etag },
        signal: AbortSignal.timeout(limits.snapshotReadMs),
      });
      if (response.status === 304) return undefined;
      if (!response.ok) throw new Error(`${url} must answer 200, got ${response.status}`);
      if (Number(response.headers.get("content-length") ?? 0) > limits.snapshotBytes) throw tooLarge(url);
      const text = await response.text();
      etag = response.headers.get("etag") ?? undefined;
      return text;
    },
  };
}

export function tooLarge(what: string): Error {
  return new Error(`${what} must have at most ${limits.snapshotBytes} bytes`);
}
