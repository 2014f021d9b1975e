import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** The versions of the SDK packages that the stand-ins answer for: the engine records them in state. */
export function providerVersions(): { readonly aws: string; readonly awsx: string } {
  const require = createRequire(import.meta.url);
  const version = (name: string): string => {
    const manifest: unknown = JSON.parse(readFileSync(require.resolve(`${name}/package.json`), "utf8"));
    if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
      return String(manifest.version);
    }
    throw new Error(`Cannot tell the version of ${name}: its package.json must have one.`);
  };
  return { aws: version("@pulumi/aws"), awsx: version("@pulumi/awsx") };
}
