import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { programSources, programVersion } from "./version.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Everything of ours that a file imports, and that those import. */
function importsOf(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(ROOT, file), "utf8");
  for (const [, path = ""] of text.matchAll(/from "(\.{1,2}\/[^"]+)"/g)) {
    importsOf(normalize(join(dirname(file), path)), found);
  }
  return found;
}

describe("programVersion", () => {
  it("is the same for the same sources and names the provider's release", () => {
    expect(programVersion()).toEqual(programVersion());
    expect(programVersion().program).toMatch(/^[0-9a-f]{16}$/);
    expect(programVersion().providers.aws).toMatch(/^\d+\.\d+\.\d+/);
  });

  it("covers every source that the tenant program is made of", () => {
    const imported = [...importsOf("stacks/tenant/program.ts")];
    expect(imported.length).toBeGreaterThan(20);
    const sources = programSources();
    expect(imported.filter((file) => !sources.includes(file))).toEqual([]);
  });
});
