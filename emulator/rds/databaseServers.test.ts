import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { sweepOutside } from "./databaseServers.ts";

let outside: string;
beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), "tenantry-outside-"));
});
afterEach(() => rmSync(outside, { recursive: true, force: true }));

function dataOf(name: string, owner: string | undefined): string {
  const folder = join(outside, `tenantry-rds-${name}`);
  mkdirSync(join(folder, "data"), { recursive: true });
  if (owner !== undefined) writeFileSync(join(folder, "cloud"), owner);
  return folder;
}

it("removes the data of clouds that are gone, and nobody else's", () => {
  const live = dataOf("live", outside);
  const gone = dataOf("gone", join(outside, "removed"));
  const unnamed = dataOf("unnamed", undefined);
  // As a name looks to whoever reads it while it is written in place.
  const halfNamed = dataOf("half-named", "");
  sweepOutside(outside);
  expect([live, gone, unnamed, halfNamed].map((folder) => existsSync(folder))).toEqual([
    true,
    false,
    true,
    true,
  ]);
});
