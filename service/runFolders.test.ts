import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runFoldersPurge } from "./runFolders.ts";

const dayMs = 86_400_000;
let runsDir = "";
beforeEach(() => {
  runsDir = mkdtempSync(path.join(tmpdir(), "tenantry-runs-"));
});
afterEach(() => rmSync(runsDir, { recursive: true }));

function folder(name: string, ageMs: number): void {
  mkdirSync(path.join(runsDir, name));
  writeFileSync(path.join(runsDir, name, "cli.log"), "said");
  const at = new Date(Date.now() - ageMs);
  utimesSync(path.join(runsDir, name), at, at);
}

it("deletes old folders of runs, keeps young ones and the engine's own", async () => {
  folder("old", 20 * dayMs);
  folder("young", dayMs);
  folder(".scratch", 20 * dayMs);
  expect(await runFoldersPurge(runsDir, 14 * dayMs)).toBe(1);
  expect(readdirSync(runsDir).sort()).toEqual([".scratch", "young"]);
});

it("has nothing to do before the first run", async () => {
  expect(await runFoldersPurge(path.join(runsDir, "absent"), dayMs)).toBe(0);
});
