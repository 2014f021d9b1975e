import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../demo/processes.ts";

const LIMIT_MS = 5 * 60_000;

async function matrix(...flags: string[]): Promise<{ code: number | null; line: unknown; said: string }> {
  const child = spawn(join(root, "script/matrix"), flags, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let [line, said] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    line += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, said, line: line === "" ? undefined : JSON.parse(line) };
}

/** What docs/reliability.md records of the whole, in a few cases. */
describe("script/matrix", () => {
  it(
    "finds the new state or the old one in registry, Pulumi's state and the cloud, wherever an operation fails",
    async () => {
      // The service's death twice behind the deployment, an undoing that fails, and an undoing of everything.
      const { code, line, said } = await matrix("--seed", "22", "--kinds", "tenant_suspend", "--cases", "3");
      expect(line, said).toEqual({
        ...{ cases: 3, failed: 0, operations: expect.any(Number), crashes: 2 },
        ...{ orphans: 0, stuck: 0, auditVerified: true, invariants: "ok" },
      });
      expect(code).toBe(0);
    },
    LIMIT_MS,
  );

  it("refuses options it does not know, in words", async () => {
    const { code, said } = await matrix("--kinds", "tenant_dance");
    expect(code).toBe(2);
    expect(said).toContain("--kinds must be of tenant_activate, tenant_deploy, tenant_suspend");
  });
});
