import { describe, expect, it } from "vitest";
import { runScript } from "./script.ts";

const LIMIT_MS = 5 * 60_000;

/** What docs/reliability.md records of the whole, in a few cases. */
describe("script/matrix", () => {
  it(
    "finds the new state or the old one in registry, Pulumi's state and the cloud, wherever an operation fails",
    async () => {
      // The service's death twice behind the deployment, an undoing that fails, and an undoing of everything.
      const { code, line, said } = await runScript(
        "matrix",
        "--seed",
        "22",
        "--kinds",
        "tenant_suspend",
        "--cases",
        "3",
      );
      expect(line, said).toEqual({
        ...{ cases: 3, failed: 0, operations: expect.any(Number), crashes: 2 },
        ...{ orphans: 0, stuck: 0, auditVerified: true, invariants: "ok" },
      });
      expect(code).toBe(0);
    },
    LIMIT_MS,
  );

  it("refuses options it does not know, in words", async () => {
    const { code, said } = await runScript("matrix", "--kinds", "tenant_dance");
    expect(code).toBe(2);
    expect(said).toContain("--kinds must be of tenant_activate, tenant_deploy, tenant_suspend");
  });
});
