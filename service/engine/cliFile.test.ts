import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { forgetCli, recordCli, recordedCli } from "./cliFile.ts";

const runDir = mkdtempSync(join(tmpdir(), "tenantry-cli-file-"));
afterAll(() => rmSync(runDir, { recursive: true, force: true }));

it("tells whose CLI a run has until it is forgotten", async () => {
  expect(recordedCli(runDir)).toBeUndefined();
  const cli = { pid: 4711, startTime: "1", host: "here" };
  recordCli(runDir, cli);
  expect(recordedCli(runDir)).toEqual(cli);
  await forgetCli(runDir);
  expect(recordedCli(runDir)).toBeUndefined();
});

it("takes what a kill or a full disk has cut off for nothing", () => {
  writeFileSync(join(runDir, "cli.json"), "");
  expect(recordedCli(runDir)).toBeUndefined();
  expect(() => recordCli(join(runDir, "missing"), { pid: 1, startTime: "", host: "here" })).not.toThrow();
});
