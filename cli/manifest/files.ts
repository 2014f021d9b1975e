import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Input, isOn, OPTIONS, type OptionSpec, text } from "../commands/spec.ts";
import { EXIT, Failure } from "../exit.ts";

/** What every command that sends files of YAML takes. */
export const PATHS = {
  name: "paths",
  description: "files, or folders of .yaml files",
  required: true,
  many: true,
} as const;

/** What every command that applies them takes besides. */
export const APPLY_OPTIONS: readonly OptionSpec[] = [
  { name: "dry-run", description: "check and compare only" },
  { name: "reason", value: "text", description: "kept in the audit trail" },
  OPTIONS.idempotencyKey,
];

/** Of those options, the ones that go into the query. */
export function applyQuery(input: Input): Record<string, string> {
  const reason = text(input, "reason");
  return {
    ...(isOn(input, "dry-run") ? { dryRun: "true" } : {}),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The files' texts as they are: the service reads and checks them. */
export function documentsOf(named: readonly string[]): { file: string; text: string }[] {
  return filesOf(named).map((file) => ({ file, text: readFileSync(file, "utf8") }));
}

/** YAML files as named, and those of folders in the order of their names, folders within them included. */
function filesOf(named: readonly string[]): string[] {
  return named.flatMap((path) => {
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry === undefined) throw cannotRead(path, "it must be a file or a folder, and is not there");
    if (!entry.isDirectory()) return [path];
    const found = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) =>
      /\.ya?ml$/.test(name),
    );
    if (found.length === 0) throw cannotRead(path, "it must hold .yaml files, and holds none");
    return found.sort().map((name) => join(path, name));
  });
}

function cannotRead(path: string, why: string): Failure {
  return new Failure(EXIT.failed, `Cannot read ${path}: ${why}.`);
}
