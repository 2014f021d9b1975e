import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { mergeStackSettings, type StackSettings } from "./stackSettings.ts";

export interface PlaneProjectOptions {
  /** Folder of the committed Pulumi.yaml. */
  readonly committedFolder: string;
  readonly dataDir: string;
  /** Its folder's name in the data folder; `plane` when left out. */
  readonly name?: string;
  /** The language host to name in the project, when it is not one the CLI takes for granted. */
  readonly languageHost?: string;
}

/**
 * Writes the project that the CLI runs on the local cloud: the committed Pulumi.yaml with its `main` made absolute,
 * and the committed stack settings with what was changed locally. Pulumi writes into its stack settings (the
 * encryption salt on the first run, `config set`), and the checkout must stay clean. Returns the project's folder.
 */
export function writePlaneProject(options: PlaneProjectOptions): string {
  const folder = join(options.dataDir, options.name ?? "plane");
  const baseFolder = join(folder, "committed");
  mkdirSync(baseFolder, { recursive: true });
  replaceYaml(join(folder, "Pulumi.yaml"), projectOf(options));
  for (const name of readdirSync(options.committedFolder).filter((file) => /^Pulumi\..+\.yaml$/.test(file))) {
    const committed = readYaml(join(options.committedFolder, name));
    const base = readYaml(join(baseFolder, name));
    const local = readYaml(join(folder, name));
    replaceYaml(join(folder, name), mergeStackSettings(committed, base, local));
    replaceYaml(join(baseFolder, name), committed);
  }
  return folder;
}

function projectOf({ committedFolder, languageHost }: PlaneProjectOptions): Record<string, unknown> {
  const file = join(committedFolder, "Pulumi.yaml");
  if (!existsSync(file)) throw new Error(`Cannot read the plane's project: ${file} must exist`);
  const project = readYaml(file);
  return {
    ...project,
    main: resolve(committedFolder, typeof project.main === "string" ? project.main : "."),
    ...(languageHost === undefined
      ? {}
      : { plugins: { languages: [{ name: "nodejs", path: dirname(languageHost) }] } }),
  };
}

function readYaml(file: string): StackSettings {
  if (!existsSync(file)) return {};
  try {
    return (parse(readFileSync(file, "utf8")) ?? {}) as StackSettings;
  } catch (cause) {
    throw new Error(`Cannot read ${file}: it must be YAML. ${cause instanceof Error ? cause.message : ""}`, {
      cause,
    });
  }
}

function replaceYaml(file: string, value: unknown): void {
  const text = stringify(value);
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}
