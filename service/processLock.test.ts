import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it, vi } from "vitest";
import { lockDataFolder } from "./processLock.ts";

/** Called once, when a file has been created and nothing is written to it yet. */
const between = vi.hoisted(() => ({ call: undefined as (() => void) | undefined }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const writeFileSync: typeof fs.writeFileSync = (file, data, options) => {
    const { flag = "w" } = typeof options === "object" ? { ...options } : {};
    const opened = fs.openSync(String(file), flag);
    const call = between.call;
    between.call = undefined;
    call?.();
    fs.writeSync(opened, String(data));
    fs.closeSync(opened);
  };
  return { ...fs, writeFileSync };
});

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

  it("refuses a second holder that cannot see the first: its pid is one of another container", () => {
    const dataDir = folder();
    const lock = lockDataFolder(dataDir);
    const elsewhere = JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "1" });
    writeFileSync(path.join(dataDir, "service.lock"), elsewhere);
    expect(() => lockDataFolder(dataDir)).toThrow("maybe of another container");
    expect(readFileSync(path.join(dataDir, "service.lock"), "utf8")).toBe(elsewhere);
    lock.release();
    lockDataFolder(dataDir).release();
  });

  it("gives one of two that start in the same instant the folder, and leaves nothing beside the lock", () => {
    const dataDir = folder();
    let held = 0;
    const start = () => {
      try {
        lockDataFolder(dataDir);
        held += 1;
      } catch {
        // The other has it.
      }
    };
    between.call = start;
    start();
    expect(held).toBe(1);
    expect(readdirSync(dataDir).sort()).toEqual(["service.lock", "service.lock.kernel"]);
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
