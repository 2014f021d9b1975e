import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import { createRelease, createTenant, run, startTestService, type TestService } from "./harness.ts";

const program = fileURLToPath(new URL("../../cli/drift.ts", import.meta.url));
let service: TestService;
let tenantId: string;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  tenantId = await createTenant(service, "nightly");
  await run(service, `/tenants/${tenantId}/activate`);
});
afterAll(() => service.stop());

async function drift(args: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...args], {
    env: { ...process.env, TENANTRY_URL: service.url(), TENANTRY_API_KEY: service.adminKey, ...environment },
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, out, err };
}

const only = () => {
  const [stack] = service.world.stacks.values();
  if (stack === undefined) throw new Error("the tenant must have a stack");
  return stack;
};

describe("script/drift", () => {
  it("ends with 0 when everything is as recorded", async () => {
    const { code, out } = await drift(["--json"]);
    expect(JSON.parse(out)).toMatchObject({ ok: true, targets: { total: 1, clean: 1 }, findings: [] });
    expect(code).toBe(0);
  });

  it("ends with 2 on drift, and names property, recorded and actual value", async () => {
    only().findings = [
      {
        urn: "urn:pulumi:s::p::aws:sqs/queue:Queue::work",
        resourceType: "aws:sqs/queue:Queue",
        logicalName: "work",
        physicalId: "https://sqs/work",
        kind: "changed",
        properties: [{ path: "visibilityTimeoutSeconds", recorded: 30, actual: 7 }],
      },
    ];
    const { code, out } = await drift([]);
    expect(out).toContain("1 targets: 0 clean, 1 drifted");
    expect(out).toContain('aws:sqs/queue:Queue "work" changed');
    expect(out).toContain("visibilityTimeoutSeconds: recorded 30, is 7");
    expect(code).toBe(2);
    only().findings = [];
  });

  it("ends with 3 when it could not look everywhere, and says why", async () => {
    service.world.failures.push(new EngineError("provider_denied", "Cannot read: not allowed"));
    const { code, out } = await drift(["--tenant", tenantId]);
    expect(out).toContain(`failed: tenant ${tenantId}: Cannot read: not allowed`);
    expect(code).toBe(3);
  });

  it("ends with 1 and a sentence when it cannot ask", async () => {
    expect(await drift([], { TENANTRY_API_KEY: "tk_wrong" })).toMatchObject({
      code: 1,
      err: expect.stringContaining("API key"),
    });
    expect(await drift([], { TENANTRY_URL: "http://127.0.0.1:1" })).toMatchObject({
      code: 1,
      err: expect.stringContaining("does not answer"),
    });
    expect(await drift(["--bogus"])).toMatchObject({ code: 1, err: expect.stringContaining("--bogus") });
  });
});
