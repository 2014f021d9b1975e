import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { catalogPlan, catalogPlans } from "../../test/support/plans.ts";
import { USAGE_NAMES, type Usage, type UsageName } from "../cloud/cloudRuntime.ts";
import { findingsOf, levelOf, worst } from "./findings.ts";
import { needsOfRollout, needsOfTenants } from "./needs.ts";

/** The lines of docs/quotas.md, whose figures another test counts from the tenant program. */
const DOCUMENTED: Readonly<Partial<Record<UsageName, string>>> = {
  ecs_services: "ECS services",
  listener_rules: "Listener rules",
  target_groups: "Target groups",
  iam_roles: "IAM roles",
  security_groups: "Security groups",
  secrets: "Secrets",
  log_groups: "Log groups",
  subnet_addresses: "Fargate tasks at rest, one address each",
};

describe("needs", () => {
  const table = readFileSync(new URL("../../docs/quotas.md", import.meta.url), "utf8").split("\n");
  it.each(Object.entries(DOCUMENTED))("%s is what docs/quotas.md says", (name, quota) => {
    const row = table.find((line) => line.startsWith(`| ${quota} |`))?.split("|");
    expect(needsOfTenants(1, catalogPlan("starter"))[name as UsageName]).toBe(Number(row?.[3]));
  });

  it("are nothing of the plane's cluster and subnets for a tenant with its own", () => {
    expect(needsOfTenants(1, catalogPlan("enterprise"), "dedicated")).toMatchObject({
      ...{ ecs_services: 0, subnet_addresses: 0, iam_roles: 6, security_groups: 3 },
    });
    expect(needsOfTenants(1, catalogPlan("enterprise"), "account")).toEqual(
      needsOfTenants(1, catalogPlan("enterprise")),
    );
  });

  it("grow with tenants, and a rollout takes tasks only", () => {
    expect(needsOfTenants(10, catalogPlan("starter"))).toMatchObject({
      iam_roles: 60,
      fargate_vcpus: 12.5,
      subnet_addresses: 50,
    });
    expect(needsOfRollout(2, catalogPlan("starter"))).toMatchObject({
      iam_roles: 0,
      ecs_services: 0,
      subnet_addresses: 10,
    });
  });
});

describe("levelOf", () => {
  it.each([
    [0, 10, 1, "ok"],
    [7, 10, 1, "ok"],
    [8, 10, 1, "near"],
    [9, 10, 1, "near"],
    [10, 10, 1, "over"],
    // What is over already is nobody's fault who adds nothing.
    [12, 10, 0, "near"],
    [null, 10, 1, "unknown"],
    [null, 10, 11, "over"],
    [5, null, 1, "unknown"],
  ] as const)("of %s used, %s allowed and %s needed is %s", (used, limit, needed, level) => {
    expect(levelOf(used, limit, needed)).toBe(level);
  });

  it("never gets better when more is needed", () => {
    const amount = fc.nat(1_000);
    fc.assert(
      fc.property(amount, amount, amount, amount, (used, limit, needed, more) => {
        const before = levelOf(used, limit, needed);
        expect(worst([before, levelOf(used, limit, needed + more)])).toBe(
          levelOf(used, limit, needed + more),
        );
      }),
    );
  });
});

it("gives a finding for every check, told or not, with words that name the numbers", () => {
  const usages: Usage[] = [
    { name: "iam_roles", used: 998, limit: 1_000 },
    { name: "secrets", used: null, limit: null, problem: "AccessDenied: no" },
  ];
  for (const { spec } of catalogPlans) {
    const findings = findingsOf(usages, needsOfTenants(1, spec));
    expect(findings.map(({ check }) => check).sort()).toEqual([...USAGE_NAMES].sort());
    const of = (name: string) => findings.find(({ check }) => check === name);
    expect(of("iam_roles")).toMatchObject({ level: "over", needed: 6 });
    expect(of("iam_roles")?.advice).toContain("1004 would be used and 1000 are allowed");
    expect(of("secrets")).toMatchObject({ level: "unknown" });
    expect(of("secrets")?.advice).toContain("AccessDenied");
    expect(of("log_groups")).toMatchObject({ level: "unknown" });
  }
});
