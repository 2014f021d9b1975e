import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/** Where versions of tools are kept for all checkouts of this user. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "tenantry");
}

const ABANDONED_AFTER_MS = 24 * 3600 * 1000;

/**
 * Fills `place` all at once: `build` works in a scratch folder beside it, which is renamed to `place` when `build`
 * says it worked. What was at `place` before is replaced; a killed run leaves a scratch folder that a later one sweeps up.
 */
export async function publish(place: string, build: (scratch: string) => Promise<boolean>): Promise<boolean> {
  mkdirSync(dirname(place), { recursive: true });
  sweep(dirname(place));
  const scratch = mkdtempSync(join(dirname(place), `.new-${basename(place)}-`));
  try {
    if (!(await build(scratch))) return false;
    rmSync(place, { recursive: true, force: true });
    renameSync(scratch, place);
    return true;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function sweep(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(".new-")) continue;
    const path = join(folder, name);
    const modifiedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - modifiedAt > ABANDONED_AFTER_MS) rmSync(path, { recursive: true, force: true });
  }
}
