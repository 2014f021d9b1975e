#!/usr/bin/env node
/**
 * Starts the command line client. Plain JavaScript, so that a Node that is too old can say so. The rest is TypeScript that
 * Node runs as it is, except below node_modules, where Node refuses to: there this file's own sources, and nobody
 * else's, are stripped of their types by the same function of Node's.
 */
import * as module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Cannot start: tenantry needs Node 22.18 or newer, and this is Node ${process.versions.node}. Install Node 24 from https://nodejs.org.`,
  );
  process.exit(1);
}

const { emitWarning } = process;
process.emitWarning = (warning, ...more) => {
  const [type] = more;
  if ((typeof type === "object" ? type?.type : type) !== "ExperimentalWarning") emitWarning(warning, ...more);
};

// A third of the time to start. In a folder of the user's own, as it holds code that is run.
module.enableCompileCache(
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "tenantry", "compiled"),
);

const root = new URL("..", import.meta.url).href;
if (root.includes("/node_modules/")) {
  const { readFileSync } = await import("node:fs");
  module.registerHooks({
    load(url, context, next) {
      if (!url.startsWith(root) || !url.endsWith(".ts")) return next(url, context);
      const source = module.stripTypeScriptTypes(readFileSync(fileURLToPath(url), "utf8"));
      return { format: "module", source, shortCircuit: true };
    },
  });
}

const { main } = await import("../cli/main.ts");
await main(process.argv.slice(2));
