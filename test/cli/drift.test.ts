import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import { createRelease, createTenant, run, startTestService, type TestService } from "../service/harness.ts";
import type { Ended } from "./tenantry.ts";
import { commandOf, quickCommandOf } from "./tenantry.ts";

let service: TestService;
let tenantId: string;
let drift: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Ended>;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  tenantId = await createTenant(service, "nightly");
  await run(service, `/tenants/${tenantId}/activate`);
  const cli = quickCommandOf(service);
  drift = (args, env) => cli(["drift", "scan", ...args], env);
});
afterAll(() => service.stop());

const only = () => {
  const [stack] = service.world.stacks.values();
  if (stack === undefined) throw new Error("the tenant must have a stack");
  return stack;
};
const changed = {
  urn: "urn:pulumi:s::p::aws:sqs/queue:Queue::work",
  resourceType: "aws:sqs/queue:Queue",
  logicalName: "work",
  physicalId: "https://sqs/work",
  kind: "changed" as const,
  properties: [{ path: "visibilityTimeoutSeconds", recorded: 30, actual: 7 }],
};
afterEach(() => {
  only().findings = [];
});

describe("tenantry drift scan", () => {
  it("ends with 0 when everything is as recorded", async () => {
    const { code, out } = await drift(["--json"]);
    expect(JSON.parse(out)).toMatchObject({ ok: true, targets: { total: 1, clean: 1 }, findings: [] });
    expect(code).toBe(0);
  });

  it("ends with 2 on drift, and names tenant, property, recorded and actual value", async () => {
    only().findings = [changed];
    const { code, out } = await drift([]);
    expect(out).toContain("1 targets: 0 clean, 1 drifted");
    expect(out).toMatch(/nightly {2}aws:sqs\/queue:Queue "work" changed, new/);
    expect(out).toContain("visibilityTimeoutSeconds: recorded 30, is 7");
    expect(code).toBe(2);
  });

  it("fails only on what it was told to fail on", async () => {
    only().findings = [changed];
    await drift([]);
    expect(await drift(["--fail-on", "new"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("does not fail this check"),
    });
    expect((await drift(["--fail-on", "cause:aws:s3/*"])).code).toBe(0);
    expect((await drift(["--fail-on", "cause:*.visibilityTimeout*"])).code).toBe(2);
    expect((await drift(["--fail-on", "new", "--fail-on", "any"])).code).toBe(2);
  });

  it("fails on a cause by its id, and not on one that is ignored", async () => {
    only().findings = [changed];
    const [finding] = JSON.parse((await drift(["--json"])).out).findings;
    expect((await drift(["--fail-on", `cause:${finding.causeId}`])).code).toBe(2);
    const cli = quickCommandOf(service);
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    const ignore = ["--expires-at", tomorrow, "--reason", "load test", "--json"];
    const ignored = await cli(["drift", "ignore", finding.causeId, ...ignore]);
    expect(ignored).toMatchObject({ code: 0, err: "" });
    const scan = await drift([]);
    expect(scan).toMatchObject({ code: 0, out: expect.stringContaining("1 findings are ignored") });
    const ended = await cli(["drift", "ignore-end", JSON.parse(ignored.out).ignoreId]);
    expect(ended.code).toBe(0);
    expect((await drift([])).code).toBe(2);
  });

  it("writes each report into the folder", async () => {
    only().findings = [changed];
    const folder = join(mkdtempSync(join(tmpdir(), "tenantry-reports-")), "drift");
    const { code, out } = await drift(["--report", "markdown,junit,json,sarif", "--output", folder]);
    expect({ code, out }).toMatchObject({ code: 2, out: expect.stringContaining("1 drifted") });
    expect(readdirSync(folder).sort()).toEqual(["drift.json", "drift.junit.xml", "drift.md", "drift.sarif"]);
    const sarif = JSON.parse(readFileSync(join(folder, "drift.sarif"), "utf8"));
    expect(sarif.runs[0].results).toHaveLength(1);
    expect(readFileSync(join(folder, "drift.junit.xml"), "utf8")).toContain('failures="1"');
  });

  it("ends with 3 when it could not look everywhere, and says why", async () => {
    service.world.failures.push(new EngineError("provider_denied", "Cannot read: not allowed"));
    const { code, out } = await drift(["--tenant", "nightly"]);
    expect(out).toContain(`failed: tenant nightly (${tenantId}) on dev-eu-west-1: Cannot read: not allowed`);
    expect(code).toBe(3);
  });

  it("ends with 1 and a sentence when it cannot ask", async () => {
    const cases = [
      [[], { TENANTRY_API_KEY: "tk_wrong" }, "API key"],
      [["--bogus"], {}, "--bogus"],
      [["--report", "html"], {}, "one of markdown, junit, json, sarif"],
      [["--report", "junit,json"], {}, "--output"],
      [["--fail-on", "everything"], {}, "any, new, or cause:"],
      [["--tenant", "nobody-here"], {}, "nobody-here"],
    ] as const;
    for (const [args, env, words] of cases)
      expect(await drift(args, env)).toMatchObject({ code: 1, err: expect.stringContaining(words) });
  });

  it("is what script/drift runs, with the same exit codes", async () => {
    only().findings = [changed];
    expect(await commandOf(service)(["drift", "scan"])).toMatchObject({
      code: 2,
      out: expect.stringContaining("1 drifted"),
    });
  });
});
