import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GO_BUILDS, Machine, PULUMI_SUITS } from "./machine.ts";

let machine: Machine;
beforeEach(() => {
  machine = new Machine();
});
afterEach(() => machine.close());

const SECOND_RUN_LIMIT_MS = 2_000;

describe("on a machine that has everything", () => {
  beforeEach(() => {
    machine.addNode();
    machine.add("pulumi", `${machine.counting("pulumi")}\n${PULUMI_SUITS}`);
    machine.add("pulumi-language-nodejs", "exit 0");
  });

  it("fetches nothing, records what it found, and is quick and silent the second time", async () => {
    const first = await machine.bootstrap();
    expect(first.output).toContain(`pulumi ${machine.bin("pulumi")}`);
    expect(first.code).toBe(0);
    expect(readdirSync(machine.cache)).toEqual([]);
    const calls = machine.calls("pulumi");
    const second = await machine.bootstrap("--quiet");
    expect(second).toMatchObject({ code: 0, output: "" });
    expect(second.elapsedMs).toBeLessThan(SECOND_RUN_LIMIT_MS);
    expect(machine.calls("pulumi")).toBe(calls);
  });

  it("looks again when a recorded tool is gone or the lock file has changed", async () => {
    await machine.bootstrap();
    machine.remove("pulumi-language-nodejs");
    expect((await machine.bootstrap()).output).toContain("stand-in");
    expect(machine.record()).toContain("toolchain/language-host/bin/pulumi-language-nodejs");
    const lock = join(machine.root, "package-lock.json");
    writeFileSync(lock, `${readFileSync(lock, "utf8")}\n`);
    expect((await machine.bootstrap()).output).toContain("Ready:");
  });

  it("uses an official language host as soon as there is one", async () => {
    machine.remove("pulumi-language-nodejs");
    await machine.bootstrap();
    machine.add("pulumi-language-nodejs", "exit 0");
    await machine.bootstrap();
    expect(machine.record()).toContain(`tenantry_language_host='${machine.bin("pulumi-language-nodejs")}'`);
    expect(machine.record()).toContain("tenantry_path_last=''");
  });
});

describe("without a suitable Pulumi CLI", () => {
  beforeEach(() => {
    machine.addNode();
    machine.add("pulumi", "echo v3.100.0");
  });

  it("says what it tried and what to install when nothing works, and records nothing", async () => {
    const result = await machine.bootstrap();
    expect(result.code).toBe(1);
    expect(result.output).toContain("Cannot get the Pulumi CLI 3.259.0. Tried:");
    expect(result.output).toContain("its version must be 3.259.0 or a later 3.x, got v3.100.0");
    expect(result.output).toContain("official installer: exit code 1");
    expect(result.output).toContain("build with Go: no `go` on PATH");
    expect(result.output).toContain("Install the Pulumi CLI 3.259.0 or a later 3.x");
    expect(machine.record()).toBeUndefined();
    expect(readdirSync(join(machine.cache, "pulumi"))).toEqual([]);
  });

  it("builds once when two runs race", async () => {
    machine.add("go", `${machine.counting("go")}\nsleep 1\n${GO_BUILDS}`);
    const results = await Promise.all([machine.bootstrap(), machine.bootstrap()]);
    expect(results.map(({ code, output }) => (code === 0 ? 0 : output))).toEqual([0, 0]);
    expect(machine.calls("go")).toBe(1);
    expect(results.map(({ output }) => output).join("")).toContain("which is setting up the same tools");
    expect(machine.record()).toContain(join(machine.cache, "pulumi", "3.259.0", "bin", "pulumi"));
  });

  it("goes on after a run that was killed in the middle", async () => {
    const started = join(machine.folder, "go.started");
    machine.add("go", `touch ${started}\nsleep 3`);
    const killed = machine.start();
    while (!existsSync(started)) await sleep(20);
    process.kill(-killed.pid, "SIGKILL");
    await killed.ended.catch(() => undefined);
    expect(existsSync(join(machine.cache, "bootstrap.lock"))).toBe(true);
    expect(existsSync(join(machine.cache, "pulumi", "3.259.0"))).toBe(false);
    machine.add("go", GO_BUILDS);
    const next = await machine.bootstrap();
    expect(next.output).toContain("Ready:");
    expect(existsSync(join(machine.cache, "bootstrap.lock"))).toBe(false);
  });
});

describe("without a suitable Node", () => {
  beforeEach(() => {
    machine.add("node", "echo v20.20.2");
    machine.add("pulumi", PULUMI_SUITS);
    machine.add("pulumi-language-nodejs", "exit 0");
  });

  it("fetches one into the cache; two racing runs end with one whole copy", async () => {
    await machine.pinNode();
    const results = await Promise.all([machine.bootstrap(), machine.bootstrap()]);
    expect(results.map(({ code, output }) => (code === 0 ? 0 : output))).toEqual([0, 0]);
    expect(readdirSync(join(machine.cache, "node"))).toEqual(["24.0.0"]);
    expect(readdirSync(join(machine.cache, "node", "24.0.0"))).toEqual(["bin"]);
    const calls = machine.calls("npm");
    expect((await machine.bootstrap("--quiet")).output).toBe("");
    expect(machine.calls("npm")).toBe(calls);
  });

  it("refuses a download that is not what was pinned, and says what to install", async () => {
    await machine.pinNode();
    machine.add("npm", 'echo tampered > "a-node-24.0.0.tgz"');
    const result = await machine.bootstrap();
    expect(result.code).toBe(1);
    expect(result.output).toContain("node on PATH:");
    expect(result.output).toMatch(/its SHA-512 is [0-9a-f]{128}, expected [0-9a-f]{128}/);
    expect(result.output).toContain("Install Node 24");
    expect(readdirSync(join(machine.cache, "node"))).toEqual([]);
  });
});
