import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { which } from "./process.ts";
import { pulumiHome } from "./pulumiCli.ts";
import type { Setup } from "./setup.ts";

const NAME = "pulumi-language-nodejs";

/**
 * The program that runs Node programs for the CLI. An official one goes first wherever it is: on PATH, beside the CLI,
 * in Pulumi's home. Only without one do we name the stand-in of language-host/, which is part of the checkout.
 */
export function findLanguageHost(setup: Setup, cli: string, path: string): string {
  const standIn = join(setup.root, "toolchain", "language-host", "bin", NAME);
  const onPath = path
    .split(":")
    .map((folder) => which(NAME, folder))
    .find((file) => file !== undefined && !isStandIn(file));
  if (onPath !== undefined) return onPath;
  const folders = [dirname(cli), dirname(realpathSync(cli)), join(pulumiHome(), "bin")];
  const official = folders.map((folder) => join(folder, NAME)).find((file) => existsSync(file));
  if (official !== undefined) return official;
  setup.say("No official pulumi-language-nodejs here: the checkout's own stand-in will run Pulumi programs");
  return standIn;
}

/** Any checkout's: a shell may carry another checkout's tools on its PATH. */
function isStandIn(file: string): boolean {
  return file.endsWith(join("toolchain", "language-host", "bin", NAME));
}
