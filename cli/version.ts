import { readFileSync } from "node:fs";

/** Of the package that this file is in. */
export function version(): string {
  const packageFile = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(packageFile) as { version: string }).version;
}
