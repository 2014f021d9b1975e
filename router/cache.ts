import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * The last good snapshot on the router's own disk: what it starts with when its source is away. It is checked like any other, as
 * whoever can write to the disk is not who signs.
 */
export interface SnapshotCache {
  /** Undefined when there is none. */
  read(): Promise<string | undefined>;
  /** All or nothing: a router that is killed in between finds the old one or the new one. */
  write(text: string): Promise<void>;
}

export function fileCache(file: string): SnapshotCache {
  return {
    async read() {
      try {
        return await readFile(file, "utf8");
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw thrown;
      }
    },
    async write(text) {
      await mkdir(dirname(file), { recursive: true });
      const draft = `${file}.${randomUUID()}`;
      try {
        const handle = await open(draft, "w", 0o600);
        await handle.writeFile(text);
        await handle.sync();
        await handle.close();
        await rename(draft, file);
      } catch (thrown) {
        await rm(draft, { force: true });
        throw thrown;
      }
    },
  };
}
