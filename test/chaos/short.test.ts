import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { runScript } from "./script.ts";

const LIMIT_MS = 8 * 60_000;

/** Without it a machine cannot pretend to be several. */
const hosts = spawnSync("unshare", ["--uts", "true"]).status === 0;

const clean = (kills: number) => ({
  ...{ kills, operations: expect.any(Number), lost: 0, duplicates: 0, orphans: 0, stuck: 0, locksLeft: 0 },
  ...{ auditVerified: true, invariants: "ok" },
});

/** What docs/reliability.md records of long runs, in short. */
describe("script/chaos", () => {
  it(
    "leaves nothing lost, twice or stuck on SQLite",
    async () => {
      const flags = ["--seed", "7", "--kills", "10", "--tenants", "3", "--minutes", "0.7"];
      const { code, line, said } = await runScript("chaos", ...flags);
      expect(line, said).toEqual(clean(10));
      expect(code).toBe(0);
    },
    LIMIT_MS,
  );

  it.skipIf(!hosts)(
    `loses neither hosts nor the database for good${hosts ? "" : ": unshare --uts is not permitted here"}`,
    async () => {
      const flags = ["--seed", "11", "--kills", "10", "--tenants", "3", "--minutes", "0.7"];
      const { code, line, said } = await runScript(
        "chaos",
        ...flags,
        "--database",
        "postgres",
        "--replicas",
        "2",
      );
      expect(line, said).toEqual(clean(10));
      expect(code).toBe(0);
    },
    LIMIT_MS,
  );

  it("refuses options it does not know, in words", async () => {
    const { code, said } = await runScript("chaos", "--database", "oracle");
    expect(code).toBe(2);
    expect(said).toContain("--database must be sqlite or postgres, got oracle");
  });
});
