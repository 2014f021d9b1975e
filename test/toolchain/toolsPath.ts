import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const checkoutFolder = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** PATH as the scripts set it, so that a test finds the same CLI however it was started. */
export function toolsPath(): string {
  const ready = join(checkoutFolder, "script", "lib", "ready.sh");
  return execFileSync("bash", ["-euc", `. "$0"; printf %s "$PATH"`, ready], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}
