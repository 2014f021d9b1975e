import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { withLock } from "./lock.ts";
import { processStartToken } from "./process.ts";

let folder = "";
let file = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tenantry-lock-"));
  file = join(folder, "a.lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("lets one in at a time and leaves nothing behind", async () => {
  let inside = 0;
  let most = 0;
  const turn = () =>
    withLock(file, { waitLimitMs: 10_000 }, async () => {
      most = Math.max(most, ++inside);
      await sleep(20);
      inside--;
    });
  await Promise.all([turn(), turn(), turn(), turn()]);
  expect(most).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

it("is released when the work fails", async () => {
  await expect(
    withLock(file, { waitLimitMs: 100 }, async () => Promise.reject(new Error("no"))),
  ).rejects.toThrow("no");
  expect(existsSync(file)).toBe(false);
});

it("takes over from a dead process, also when its pid runs again as another", async () => {
  const dead = { pid: 2 ** 22 + 1, startToken: "1", host: hostname() };
  const reused = { pid: process.pid, startToken: `${processStartToken(process.pid)}0`, host: hostname() };
  for (const owner of [dead, reused]) {
    writeFileSync(file, JSON.stringify(owner));
    expect(await withLock(file, { waitLimitMs: 1_000 }, async () => "taken")).toBe("taken");
  }
});

it("gives up on a living owner, naming it, and takes nothing from it", async () => {
  const owner = { pid: process.pid, startToken: processStartToken(process.pid), host: hostname() };
  writeFileSync(file, JSON.stringify(owner));
  const waitedFor: number[] = [];
  const attempt = withLock(
    file,
    { waitLimitMs: 150, onWait: ({ pid }) => waitedFor.push(pid) },
    async () => "taken",
  );
  await expect(attempt).rejects.toThrow(`process ${process.pid} on ${hostname()} still held it`);
  expect(waitedFor).toEqual([process.pid]);
  expect(existsSync(file)).toBe(true);
});

it("believes a lock of another host to be alive", async () => {
  writeFileSync(file, JSON.stringify({ pid: 1, startToken: "1", host: `not-${hostname()}` }));
  await expect(withLock(file, { waitLimitMs: 50 }, async () => "taken")).rejects.toThrow("still held it");
});
