import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutFolder } from "./dataFolder.ts";

/** What a local cloud is made of: its own sources, and the packages whose schemas it answers for. */
const FOLDER = "emulator";
const PACKAGES = ["@pulumi/aws", "@pulumi/awsx"];

const REREAD_AFTER_MS = 2_000;
let last: { readonly code: string; readonly untilMs: number } | undefined;

/**
 * The code of this checkout, two seconds old at most: a service asks several times an operation, and one that runs for days
 * outlives an update of its checkout.
 */
export function recentLocalCloudCode(): string {
  const nowMs = performance.now();
  if (last === undefined || last.untilMs <= nowMs)
    last = { code: localCloudCode(), untilMs: nowMs + REREAD_AFTER_MS };
  return last.code;
}

/** A digest of the local cloud's code as it lies in the checkout now, which takes some milliseconds to read. */
export function localCloudCode(root: string = checkoutFolder): string {
  const hash = createHash("sha256");
  const sources = readdirSync(join(root, FOLDER), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.startsWith("oracle"))
    .map((name) => join(FOLDER, name));
  const manifests = PACKAGES.map((name) => join("node_modules", name, "package.json"));
  for (const name of [...sources.sort(), ...manifests]) {
    const file = join(root, name);
    hash
      .update(`${name}\u0000`)
      .update(existsSync(file) ? readFileSync(file) : "")
      .update("\u0000");
  }
  return hash.digest("hex").slice(0, 16);
}
