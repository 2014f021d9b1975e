import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { npmPackagesMatch } from "./npmPackages.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tenantry-npm-"));
  mkdirSync(join(root, "node_modules"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(file: string, packages: Record<string, object>): void {
  writeFileSync(join(root, file), JSON.stringify({ packages }));
}
const wanted = {
  "": { version: "0.1.0" },
  "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
  "node_modules/only-mac": { version: "2.0.0", integrity: "sha512-m", optional: true },
};

describe("npmPackagesMatch", () => {
  beforeEach(() => write("package-lock.json", wanted));

  it("is true when everything wanted is there, save optional packages of other platforms", () => {
    write("node_modules/.package-lock.json", { "node_modules/a": wanted["node_modules/a"] });
    expect(npmPackagesMatch(root)).toBe(true);
  });

  it("is false after a killed install, which leaves npm's own list missing", () => {
    expect(npmPackagesMatch(root)).toBe(false);
  });

  it("is false when a package is another version, absent, or too many", () => {
    write("node_modules/.package-lock.json", {
      "node_modules/a": { version: "1.0.1", integrity: "sha512-b" },
    });
    expect(npmPackagesMatch(root)).toBe(false);
    write("node_modules/.package-lock.json", {});
    expect(npmPackagesMatch(root)).toBe(false);
    write("node_modules/.package-lock.json", {
      "node_modules/a": wanted["node_modules/a"],
      "node_modules/b": { version: "1.0.0" },
    });
    expect(npmPackagesMatch(root)).toBe(false);
  });
});
