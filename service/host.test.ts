import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { defaultHostId, isProcessGone, processStart } from "./host.ts";

describe("a host", () => {
  it("has one id, which is fit for a setting", () => {
    expect(defaultHostId()).toBe(defaultHostId());
    expect(defaultHostId()).toMatch(/^[A-Za-z0-9._-]{1,100}$/);
  });

  it("knows a live process, and a dead one", async () => {
    expect(isProcessGone({ pid: process.pid, processStartedAt: processStart(process.pid) ?? "" })).toBe(
      false,
    );
    const child = spawn("sleep", ["60"]);
    const facts = { pid: child.pid ?? 0, processStartedAt: processStart(child.pid ?? 0) ?? "" };
    expect(isProcessGone(facts)).toBe(false);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isProcessGone(facts)).toBe(true);
  });

  it("takes a pid that another process has by now for a dead one", () => {
    const earlier = (processStart(process.pid) ?? "").replace(/:\d+$/, ":1");
    expect(isProcessGone({ pid: process.pid, processStartedAt: earlier })).toBe(true);
  });

  it("proves nothing about a process whose pids are counted elsewhere, or that named no start", () => {
    for (const processStartedAt of ["0123456789ab:1", ""]) {
      expect(isProcessGone({ pid: 999_999_999, processStartedAt })).toBe(false);
    }
  });
});
