import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ensurePromtool } from "../../toolchain/promtool.ts";

const alerts = join(import.meta.dirname, "../../observability/alerts");
const tool = await ensurePromtool();

if ("unavailable" in tool) {
  it("the alerts, as Prometheus reads and rings them", ({ skip }) => skip(tool.unavailable));
} else {
  const promtool = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(tool.promtool, args, { cwd: alerts, encoding: "utf8" });
    return { status, said: `${stdout}${stderr}` };
  };

  it("finds the alerts well-formed", () => {
    const checked = promtool("check", "rules", "tenantry.yaml");
    expect(checked).toMatchObject({ status: 0, said: expect.stringMatching(/SUCCESS: \d{2,} rules found/) });
  });

  it("rings them when they should, and not when they should not", () => {
    expect(promtool("test", "rules", "tenantry.test.yaml")).toMatchObject({
      ...{ status: 0, said: expect.stringContaining("SUCCESS") },
    });
  });

  it("tells an alert that rings at another limit than is said", () => {
    const folder = mkdtempSync(join(tmpdir(), "tenantry-promtool-"));
    const rules = readFileSync(join(alerts, "tenantry.yaml"), "utf8");
    writeFileSync(
      join(folder, "tenantry.yaml"),
      rules.replace("tenantry_audit_breaks) > 0", "tenantry_audit_breaks) > 1"),
    );
    copyFileSync(join(alerts, "tenantry.test.yaml"), join(folder, "tenantry.test.yaml"));
    const tested = promtool("test", "rules", join(folder, "tenantry.test.yaml"));
    rmSync(folder, { recursive: true });
    expect(tested).toMatchObject({ status: 1, said: expect.stringContaining("TenantryAuditBroken") });
  });
}
