import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * script/pack [FOLDER]: tenantry-<version>.tgz with the command line client alone. The files are those that package.json
 * lists; the packages are the few that the client imports, and they are inside, so that installing it downloads nothing. A plain `npm pack` has the
 * same files, but asks for everything that the service needs.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const CLIENT_PACKAGES = ["commander", "eventsource-parser", "fflate", "string-width", "yaml"] as const;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

function npmPack(folder: string, into: string): string {
  const out = execFileSync(
    "npm",
    ["pack", "--json", "--ignore-scripts", "--pack-destination", into, folder],
    {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      shell: process.platform === "win32",
    },
  );
  const [packed] = JSON.parse(out) as [{ filename: string }];
  return join(into, packed.filename);
}

/** As Node would find it from that folder. */
function packageFolder(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, "node_modules", name);
    if (existsSync(join(found, "package.json"))) return found;
    if (folder === dirname(folder))
      throw new Error(`Cannot pack: ${name} must be installed. Run script/bootstrap.`);
  }
}

function bundle(name: string, from: string, into: string): void {
  const folder = packageFolder(name, from);
  const place = join(into, "node_modules", name);
  const { version, dependencies = {} } = manifestOf(folder);
  if (existsSync(place)) {
    if (manifestOf(place).version !== version)
      throw new Error(`Cannot pack: two versions of ${name} are needed.`);
    return;
  }
  cpSync(folder, place, {
    recursive: true,
    filter: (path) => !path.slice(folder.length).includes("node_modules"),
  });
  for (const needed of Object.keys(dependencies)) bundle(needed, folder, into);
}

function pack(destination: string): string {
  const scratch = mkdtempSync(join(tmpdir(), "tenantry-pack-"));
  try {
    execFileSync("tar", ["-xzf", npmPack(root, scratch), "-C", scratch]);
    const staged = join(scratch, "package");
    const { name, version, description, license, type, engines, bin, dependencies = {} } = manifestOf(root);
    const client = {
      ...{ name, version, description, license, type, engines, bin },
      dependencies: Object.fromEntries(CLIENT_PACKAGES.map((one) => [one, dependencies[one]])),
      bundleDependencies: CLIENT_PACKAGES,
    };
    writeFileSync(join(staged, "package.json"), `${JSON.stringify(client, null, 2)}\n`);
    for (const one of CLIENT_PACKAGES) bundle(one, root, staged);
    mkdirSync(destination, { recursive: true });
    return npmPack(staged, destination);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

console.log(pack(resolve(process.argv[2] ?? ".")));
