import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tenantSpec } from "../testing/tenantSpec.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { specDigest, TenantSpec } from "./spec.ts";

describe("TenantSpec", () => {
  const good = tenantSpec();

  it("accepts a complete spec unchanged", () => {
    expect(TenantSpec.parse(good)).toEqual(good);
  });

  it.each([
    ["a slug that is a path", { tenant: { ...good.tenant, slug: "../x" } }, ["tenant", "slug"]],
    [
      "an upper-case id",
      { tenant: { ...good.tenant, tenantId: good.tenant.tenantId.toUpperCase() } },
      ["tenant", "tenantId"],
    ],
    ["generation 0", { generation: 0 }, ["generation"]],
    ["a generation too long for a name", { generation: 10_000 }, ["generation"]],
    ["an unknown environment", { environment: "qa" }, ["environment"]],
    [
      "a service without a size",
      { plan: { ...good.plan, services: {} } },
      ["plan", "services", "integrations-service"],
    ],
    ["a field nobody knows", { debug: true }, []],
  ])("refuses %s", (_what, change, path) => {
    const parsed = TenantSpec.safeParse({ ...good, ...change });
    expect(parsed.success).toBe(false);
    expect(parsed.error?.issues[0]?.path).toEqual(path);
  });
});

describe("specDigest", () => {
  it("does not depend on the order of members", () => {
    const shuffled = JSON.parse(JSON.stringify(tenantSpec()), (_key, value) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    );
    expect(Object.keys(shuffled)[0]).not.toBe(Object.keys(tenantSpec())[0]);
    expect(specDigest(shuffled)).toBe(specDigest(tenantSpec()));
  });

  it("differs by anything the stack depends on", () => {
    const specs = [
      tenantSpec(),
      tenantSpec({ slug: "other" }),
      tenantSpec({ releaseNumber: 2 }),
      tenantSpec({ workload: "suspended" }),
      tenantSpec({ workload: "resuming" }),
      tenantSpec({ generation: 2 }),
      tenantSpec({ maxCount: 4 }),
      tenantSpec({ settings: { FEATURE: "on" } }),
      { ...tenantSpec(), programVersion: { program: "next", providers: { aws: "7.48.0" } } },
      { ...tenantSpec(), programVersion: { program: "test", providers: { aws: "7.48.1" } } },
    ];
    expect(new Set(specs.map(specDigest)).size).toBe(specs.length);
  });
});

describe("canonicalJson", () => {
  it("says the same as JSON, in one way only", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  it("sorts members by code unit and leaves out what is undefined", () => {
    expect(canonicalJson({ b: 1, a: undefined, "€": [true, null], A: "ö" })).toBe(
      '{"A":"ö","b":1,"€":[true,null]}',
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, () => 1, Symbol("x"), 1n])("refuses %s", (value) => {
    expect(() => canonicalJson({ value })).toThrow(/Cannot write canonical JSON/);
  });
});
