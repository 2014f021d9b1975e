import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTenant, startTestService, type TestService } from "../service/harness.ts";
import { catalogText } from "../support/plans.ts";
import { quickCommandOf } from "./tenantry.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

const tenantry = (...args: string[]) => quickCommandOf(service)(args);

it("applies a catalog from its file, says what would change, and shows versions", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "tenantry-catalog-")), "plans.yaml");
  writeFileSync(file, catalogText.replace("storageGib: 10\n", "storageGib: 15\n"));
  const would = await tenantry("plan", "apply", "--dry-run", file);
  expect(would).toMatchObject({ code: 0, err: "" });
  expect(would.out).toContain(`~ starter 2 (${file}:5) would get a new version`);
  expect(would.out).toContain("    quotas.storageGib: 10 -> 15");
  expect(would.out).toContain(`= business 1 (${file}:`);
  const applied = await tenantry("plan", "apply", "--reason", "more room", file);
  expect(applied.out).toContain("~ starter 2");
  expect((await tenantry("plan", "apply", file)).out).toContain("= starter 2");
  expect((await tenantry("plan", "list")).out).toMatch(/starter\s+2\s+Starter/);
  expect((await tenantry("plan", "export", "starter")).out).toContain("storageGib: 15");
  writeFileSync(file, "kind: Plan\n");
  expect(await tenantry("plan", "apply", file)).toMatchObject({
    code: 1,
    err: expect.stringContaining("plans.yaml:1"),
  });
});

it("sets and shows what a tenant may do", async () => {
  await createTenant(service, "acme");
  const set = ["--capability-key", "audit-export", "--enabled", "--reason", "trial"];
  expect(await tenantry("entitlement", "set", "acme", ...set)).toMatchObject({ code: 0, err: "" });
  const listed = await tenantry("entitlement", "list", "acme", "--source", "override");
  expect(listed.out).toContain("audit-export");
  expect(listed.out).not.toContain("single-sign-on");
});
