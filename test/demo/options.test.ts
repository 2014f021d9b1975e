import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("../../demo/main.ts", import.meta.url));
const demo = (...args: string[]) =>
  spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...args], {
    encoding: "utf8",
    timeout: 30_000,
  });

describe("the demo's options", () => {
  it("are explained on demand, without starting anything", () => {
    expect(demo("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--keep DIR") });
  });

  it.each([["--bogus"], ["--keep"]])("%s is refused in words, not with a stack trace", (flag) => {
    const { status, stderr, stdout } = demo(flag);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("Usage: script/demo");
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
