import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  controlPlane,
  createRelease,
  plane,
  startTestService,
  type TestService,
  waitFor,
} from "../service/harness.ts";
import { quickCommandOf } from "./tenantry.ts";

const examples = fileURLToPath(new URL("../../examples/manifests", import.meta.url));
let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  await waitFor("the plane", async () => {
    const { status } = await service.call("GET", `${controlPlane}/planes/${plane}`);
    return status === 200 ? true : undefined;
  });
});
afterAll(() => service.stop());

const manifest = (args: readonly string[], environment: Record<string, string> = {}) =>
  quickCommandOf(service)(["manifest", ...args], environment);

const folder = () => mkdtempSync(join(tmpdir(), "tenantry-manifests-"));

describe("tenantry manifest", () => {
  it("compares, applies and finds nothing more to do", async () => {
    const before = await manifest(["diff", examples]);
    expect(before.code).toBe(2);
    expect(before.out).toContain("+ acme (");
    expect(before.out).toContain(`then activate on ${plane}`);
    expect(await manifest(["apply", "--dry-run", examples])).toMatchObject({ code: 0, out: before.out });
    const applied = await manifest(["apply", "--reason", "first customers", examples]);
    expect(applied).toMatchObject({ code: 0, err: "", out: expect.stringContaining("+ initech (") });
    const after = await manifest(["diff", "--json", examples]);
    expect(after.code).toBe(0);
    expect(JSON.parse(after.out).tenants.map((tenant: { result: string }) => tenant.result)).toEqual([
      "none",
      "none",
      "none",
    ]);
  });

  it("exports what is no difference, one file a tenant", async () => {
    const output = folder();
    expect(await manifest(["export", "--output", output])).toMatchObject({ code: 0, err: "" });
    expect(readdirSync(output).sort()).toEqual(["acme.yaml", "globex.yaml", "initech.yaml"]);
    expect(await manifest(["diff", output])).toMatchObject({ code: 0 });
    const one = await manifest(["export", "acme", "initech"]);
    expect(one.out.match(/^---$/gm)).toHaveLength(1);
    expect(one.out).toContain("slug: initech");
  });

  it("names file, line and column of what is wrong, and exits with 1", async () => {
    const bad = folder();
    writeFileSync(
      join(bad, "a.yaml"),
      "apiVersion: tenantry.dev/v1\nkind: Tenant\nmetadata: { slug: acme }\nspec:\n  plann: x\n",
    );
    const { code, out, err } = await manifest(["apply", bad]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`${join(bad, "a.yaml")}:5:3: spec.plann is not a known field. Did you mean plan?`);
  });

  it("exits with 1 and a sentence when it cannot ask", async () => {
    const cases = [
      [["diff", examples], { TENANTRY_API_KEY: "" }, "TENANTRY_API_KEY"],
      [["diff", examples], { TENANTRY_API_KEY: "tk_wrong" }, "API key"],
      [["diff", examples], { TENANTRY_URL: "localhost:7070" }, "TENANTRY_URL must be a URL"],
      [["diff", folder()], {}, "holds none"],
      [["diff", "no-such-file.yaml"], {}, "Cannot read no-such-file.yaml"],
      [["export", "nobody-here"], {}, "nobody-here"],
    ] as const;
    for (const [args, environment, words] of cases) {
      expect(await manifest(args, environment)).toMatchObject({
        code: 1,
        err: expect.stringContaining(words),
      });
    }
    expect(await manifest(["bogus"])).toMatchObject({ code: 64, err: expect.stringContaining("bogus") });
  });
});
