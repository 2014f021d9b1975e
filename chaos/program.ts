import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stopLocalCloud } from "../launcher/localCloud.ts";
import { createLedger, type Ledger } from "./ledger.ts";

/** What `parse` makes of the arguments. Ends the process with usage and exit code 2 when it throws, and with 0 when it has only told of itself. */
export function readArguments<T>(usage: string, parse: (args: string[]) => T | undefined): T {
  try {
    const options = parse(process.argv.slice(2));
    if (options !== undefined) return options;
  } catch (cause) {
    process.stderr.write(`Cannot start: ${(cause as Error).message}\n\n${usage}`);
    process.exit(2);
  }
  // Left to itself the process ends in the listeners of PostgreSQL's package, which forget the exit code.
  process.exit(0);
}

/**
 * Runs in a data folder: `keep`, which stays in any case, or one of its own, which stays when the run is not clean. Ends the process with
 * exit code 0 when it is, and else with 1.
 */
export async function runInFolder(
  name: string,
  keep: string | undefined,
  run: (dataDir: string, ledger: Ledger) => Promise<boolean>,
): Promise<never> {
  if (keep !== undefined && existsSync(keep) && readdirSync(keep).length > 0) {
    process.stderr.write(`Cannot start: --keep must be a new or an empty folder, got ${keep}\n`);
    process.exit(2);
  }
  const ledger = createLedger();
  const dataDir = keep === undefined ? await mkdtemp(join(tmpdir(), `tenantry-${name}-`)) : resolve(keep);
  let clean = false;
  try {
    clean = await run(dataDir, ledger);
  } catch (error) {
    ledger.say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    // What did not come up as a whole has nobody else to end its cloud.
    await stopLocalCloud({ dataDir }).catch(() => undefined);
  }
  if (clean && keep === undefined) await rm(dataDir, { recursive: true, force: true });
  else ledger.say(`the data folder is kept: ${dataDir}`);
  process.exit(clean ? 0 : 1);
}
