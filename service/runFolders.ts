import { readdir, rm, stat } from "node:fs/promises";
import path from "node:path";

/**
 * Deletes what engine runs left in their folders once nobody will look at it any more. A run that is still to be
 * settled after a crash is as young as its operation; dotted folders are the engine's own, but for what the scratch
 * folders of killed processes hold. Gives how many went.
 */
export async function runFoldersPurge(
  runsDir: string,
  keepMs: number,
  nowMs: number = Date.now(),
): Promise<number> {
  const names = await readdir(runsDir).catch(() => []);
  let purged = 0;
  for (const name of names) {
    if (name.startsWith(".") && !name.startsWith(".scratch-")) continue;
    const folder = path.join(runsDir, name);
    const seen = await stat(folder).catch(() => undefined);
    if (seen === undefined || nowMs - seen.mtimeMs < keepMs) continue;
    await rm(folder, { recursive: true, force: true });
    purged += 1;
  }
  return purged;
}
