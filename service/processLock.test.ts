import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { lockDataFolder } from "./processLock.ts";

const folder = () => mkdtempSync(path.join(tmpdir(), "tenantry-lock-"));

describe("lockDataFolder", () => {
  it("refuses a second holder and names the first", () => {
    const dataDir = folder();
    const lock = lockDataFolder(dataDir);
    expect(() => lockDataFolder(dataDir)).toThrow(`process ${process.pid}`);
    lock.release();
    lockDataFolder(dataDir).release();
    expect(existsSync(path.join(dataDir, "service.lock"))).toBe(false);
  });

  it.each([
    ["of a dead process", JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "1" })],
    ["of a pid that now is another program", JSON.stringify({ pid: process.pid, startedAt: "0" })],
    ["cut off by a crash", '{"pid":'],
  ])("takes over a lock %s", (_, content) => {
    const dataDir = folder();
    writeFileSync(path.join(dataDir, "service.lock"), content);
    expect(() => lockDataFolder(dataDir).release()).not.toThrow();
  });
});
