import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { limits } from "./settings.ts";

/** Where the snapshot is read from. */
export interface SnapshotSource {
  readonly name: string;
  /** Throws when the source cannot be read. */
  read(): Promise<Found>;
}

/** `none`: the source is there and says that nothing has been published yet, as on a plane that is new. */
export type Found = { readonly kind: "text"; readonly text: string } | { readonly kind: "same" | "none" };

export function fileSource(file: string): SnapshotSource {
  let seen = "";
  return {
    name: file,
    async read() {
      const found = await stat(file, { bigint: true }).catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code === "ENOENT") return undefined;
        throw thrown;
      });
      if (found === undefined) {
        // A folder that is not mounted is no empty one.
        await stat(dirname(file));
        seen = "";
        return { kind: "none" };
      }
      const { mtimeNs, size, ino } = found;
      const mark = `${ino}/${mtimeNs}/${size}`;
      if (mark === seen) return { kind: "same" };
      if (size > limits.snapshotBytes) throw tooLarge(file);
      const text = await readFile(file, "utf8");
      seen = mark;
      return { kind: "text", text };
    },
  };
}

export interface UrlOptions {
  /** Sent as a bearer: the control plane's own route asks for a key. */
  readonly token?: string | undefined;
  /** How long the server may hold the answer back until there is something new; 0 asks for none of it. */
  readonly waitMs?: number;
}

export function urlSource(given: string, { token, waitMs = 0 }: UrlOptions = {}): SnapshotSource {
  const url = new URL(given);
  if (waitMs > 0) url.searchParams.set("waitMs", String(waitMs));
  let etag: string | undefined;
  return {
    name: given,
    async read() {
      const response = await fetch(url, {
        headers: {
          ...(etag === undefined ? {} : { "if-none-match": etag }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        signal: AbortSignal.timeout(limits.snapshotReadMs + waitMs),
      });
      if (response.status === 304) return { kind: "same" };
      if (response.status === 404) {
        await response.body?.cancel();
        etag = undefined;
        return { kind: "none" };
      }
      if (!response.ok) throw new Error(`${given} must answer 200, got ${response.status}`);
      if (Number(response.headers.get("content-length") ?? 0) > limits.snapshotBytes) throw tooLarge(given);
      const text = await response.text();
      etag = response.headers.get("etag") ?? undefined;
      return { kind: "text", text };
    },
  };
}

export function tooLarge(what: string): Error {
  return new Error(`${what} must have at most ${limits.snapshotBytes} bytes`);
}
