import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { EXIT, Failure } from "../exit.ts";

/** YAML files as named, and those of folders in the order of their names, folders within them included. */
export function filesOf(named: readonly string[]): string[] {
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
