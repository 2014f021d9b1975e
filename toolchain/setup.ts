import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "./cache.ts";

/** What every step of the bootstrap is given. */
export interface Setup {
  readonly root: string;
  readonly cache: string;
  /** Folder of a Node we fetched; "" when the system's own is used. */
  readonly nodeFolder: string;
  /** npm's script when npm is not on PATH, else "". */
  readonly npmCli: string;
  say(text: string): void;
}

export function setupFromEnvironment(): Setup {
  return {
    root: checkoutFolder(),
    cache: cacheFolder(),
    nodeFolder: process.env.TENANTRY_NODE_DIR ?? "",
    npmCli: process.env.TENANTRY_NPM_CLI ?? "",
    say: (text) => console.log(text),
  };
}

function checkoutFolder(): string {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  if (!existsSync(join(root, "package.json")))
    throw new Error(`Cannot find the checkout: ${root} must hold package.json`);
  return root;
}

/** Nothing that was tried gave the tool. The message is for the person at the terminal. */
export class SetupError extends Error {
  constructor(what: string, tried: readonly string[], advice: string) {
    const attempts = tried.map((attempt) => `  - ${attempt.replaceAll("\n", "\n    ")}`).join("\n");
    super(`Cannot get ${what}. Tried:\n${attempts}\n${advice}`);
    this.name = "SetupError";
  }
}
