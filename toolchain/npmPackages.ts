import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";
import { type Setup, SetupError } from "./setup.ts";

const NPM_TIMEOUT_MS = 15 * 60_000;

/** Installs what package-lock.json names, unless node_modules holds exactly that. */
export async function ensureNpmPackages(setup: Setup): Promise<void> {
  if (npmPackagesMatch(setup.root)) return;
  setup.say("Installing npm packages with `npm ci` (about 600 MB unpacked, one to three minutes)");
  const logFile = join(setup.cache, "logs", "npm-ci.log");
  const args = ["ci", "--include=dev", "--no-progress"];
  const [command, ...before] = setup.npmCli === "" ? ["npm"] : [process.execPath, setup.npmCli];
  const result = await run(command ?? "npm", [...before, ...args], {
    cwd: setup.root,
    logFile,
    timeoutMs: NPM_TIMEOUT_MS,
    onBeat: (seconds) => setup.say(`  still installing, ${seconds} s`),
  });
  if (result.ok && npmPackagesMatch(setup.root)) return;
  throw new SetupError(
    "the npm packages",
    [`npm ci: ${result.reason || "it left node_modules incomplete"} (log: ${logFile})\n${result.excerpt}`],
    "Check that the npm registry is reachable (`npm ping`) and that package.json and package-lock.json agree, then run script/bootstrap again.",
  );
}

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly link?: boolean;
}

/**
 * npm writes node_modules/.package-lock.json as the last act of an install, so it says what is really there, and a
 * killed install has none. It leaves out optional packages for other platforms.
 */
export function npmPackagesMatch(root: string): boolean {
  const wanted = readLock(join(root, "package-lock.json"));
  const present = readLock(join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined || present === undefined) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "") continue;
    const found = present[path];
    if (found === undefined ? entry.optional !== true : !sameVersion(entry, found)) return false;
  }
  return Object.keys(present).every((path) => path in wanted);
}

function sameVersion(a: LockedPackage, b: LockedPackage): boolean {
  return a.version === b.version && a.integrity === b.integrity;
}

function readLock(file: string): Readonly<Record<string, LockedPackage>> | undefined {
  if (!existsSync(file)) return undefined;
  const lock = JSON.parse(readFileSync(file, "utf8")) as { packages?: Record<string, LockedPackage> };
  return lock.packages;
}
