/**
 * In a run's folder, while its CLI runs: which process that is, and which worker serves it. After the death of the service it tells
 * whoever takes the stack over whom to stop, and whether somebody still writes down how the run ends.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ProcessIdentity } from "./processes.ts";

const CLI_FILE = "cli.json";

export interface RecordedCli extends ProcessIdentity {
  /** Absent where an earlier version wrote it. */
  readonly worker?: ProcessIdentity;
}

/** At once and as a whole: whoever writes it may be killed at any instant. */
export function recordCli(runDir: string, cli: RecordedCli): void {
  const file = join(runDir, CLI_FILE);
  try {
    writeFileSync(`${file}.new`, JSON.stringify(cli), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch {
    // A full disk must not end a run; the lock still tells who has the stack.
  }
}

/** Undefined when no CLI was begun, or it has ended, or what is there does not say which. */
export function recordedCli(runDir: string): RecordedCli | undefined {
  try {
    return JSON.parse(readFileSync(join(runDir, CLI_FILE), "utf8")) as RecordedCli;
  } catch {
    return undefined;
  }
}

export async function forgetCli(runDir: string): Promise<void> {
  await rm(join(runDir, CLI_FILE), { force: true });
}
