import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The version of the tenant program: a digest of the sources that make it up, so that no change of the program can
 * be forgotten in a spec's digest. A changed comment changes it too, which costs one run without changes.
 */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const FOLDERS = ["components", "components/tenantServiceSet", "stacks", "stacks/tenant"];
/** The shape of the plane's outputs, which the spec holds; the rest of its folder makes planes and no tenants. */
const FILES = ["stacks/plane/outputs.ts"];

export interface ProgramVersion {
  readonly program: string;
  readonly providers: { readonly aws: string };
}

let known: ProgramVersion | undefined;

/** Reads the sources once per process. */
export function programVersion(): ProgramVersion {
  known ??= { program: sourceDigest(), providers: { aws: awsVersion() } };
  return known;
}

/** Paths below the checkout, in a fixed order. */
export function programSources(): readonly string[] {
  const inFolders = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => /(?<!\.test)\.ts$/.test(name))
      .sort()
      .map((name) => `${folder}/${name}`),
  );
  return [...inFolders, ...FILES];
}

function sourceDigest(): string {
  const hash = createHash("sha256");
  for (const file of programSources()) {
    hash
      .update(`${file}\u0000`)
      .update(readFileSync(join(ROOT, file)))
      .update("\u0000");
  }
  return hash.digest("hex").slice(0, 16);
}

function awsVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)("@pulumi/aws/package.json");
  if (typeof manifest === "object" && manifest !== null && "version" in manifest)
    return String(manifest.version);
  throw new Error("Cannot tell the provider's version: @pulumi/aws/package.json must hold a version");
}
