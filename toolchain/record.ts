import { renameSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import type { Setup } from "./setup.ts";

/** What was found, as script/lib/tools.sh reads it. */
export interface Tools {
  readonly fingerprint: string;
  readonly node: string;
  readonly pulumi: string;
  readonly languageHost: string;
  /** Folders that go before the user's PATH, and after it. */
  readonly pathFirst: readonly string[];
  readonly pathLast: readonly string[];
}

/** Written in one rename, so that a script starting meanwhile reads the old record or the new one. */
export function writeRecord(setup: Setup, tools: Tools): void {
  const file = join(setup.root, "node_modules", ".tenantry-tools");
  const values: Record<string, string> = {
    tenantry_fingerprint: tools.fingerprint,
    tenantry_node: tools.node,
    tenantry_pulumi: tools.pulumi,
    tenantry_language_host: tools.languageHost,
    tenantry_path_first: tools.pathFirst.join(delimiter),
    tenantry_path_last: tools.pathLast.join(delimiter),
  };
  const scratch = join(dirname(file), `.tenantry-tools.${process.pid}`);
  const lines = Object.entries(values).map(([name, value]) => `${name}=${shellQuote(value)}\n`);
  writeFileSync(scratch, lines.join(""));
  renameSync(scratch, file);
}

export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
