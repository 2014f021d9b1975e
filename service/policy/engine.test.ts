import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OPERATION_IDS } from "../../contract/routes.ts";
import { API_KEY_ROLES } from "../../contract/vocabulary.ts";
import { defaultFiles, emptyPolicies, file, policiesOf, queryOf } from "../../test/support/policies.ts";
import { PolicySetProblem, readPolicySet } from "./policySet.ts";

const permitAll = '@id("all") permit (principal, action, resource);\n';
const forbid = (id: string, when: string, more = "") =>
  `@id("${id}") @reason("because of ${id}") ${more} forbid (principal, action, resource) when { ${when} };\n`;

function problemsOf(...texts: string[]): readonly string[] {
  try {
    readPolicySet(texts.map((text, place) => file(text, `${place}.cedar`)));
  } catch (thrown) {
    if (thrown instanceof PolicySetProblem) return thrown.problems;
    throw thrown;
  }
  return [];
}

describe("a set of policies", () => {
  it("has its ids, reasons and advice from annotations", () => {
    const tagged = `@id("gold-only") @reason("Gold alone.") @advice("Give it the label.")
      forbid (principal, action, resource is Tenantry::Tenant)
      unless { resource.hasTag("tier") && resource.getTag("tier") == "gold" };`;
    const policies = policiesOf(file(permitAll + tagged));
    const silver = queryOf("tenantDeploy", "fleet_admin", { tenant: { labels: { tier: "silver" } } });
    expect(policies.decide(silver)).toMatchObject({
      outcome: "deny",
      policies: ["gold-only"],
      reasons: [
        { policyId: "gold-only", reason: "Gold alone.", advice: "Give it the label.", security: null },
      ],
    });
    expect(policies.decide(queryOf("tenantDeploy", "fleet_admin")).outcome).toBe("allow");
  });

  it("denies what no policy permits, and says so", () => {
    const policies = policiesOf(
      file('@id("some") permit (principal, action == Tenantry::Action::"tenantDeploy", resource);'),
    );
    expect(policies.decide(queryOf("tenantDeploy", "fleet_admin")).outcome).toBe("allow");
    expect(policies.decide(queryOf("tenantSuspend", "fleet_admin"))).toMatchObject({
      outcome: "deny",
      reasons: [{ policyId: "default-deny", reason: "No policy permits it." }],
    });
  });

  it("knows roles by what they may: an admin is in the operator's role as well, and no auditor is", () => {
    const policies = policiesOf(
      file('@id("ops") permit (principal in Tenantry::Role::"fleet_operator", action, resource);'),
    );
    const outcomes = API_KEY_ROLES.map((role) => policies.decide(queryOf("tenantDeploy", role)).outcome);
    expect(outcomes).toEqual(["deny", "allow", "allow"]);
  });

  it("knows the time, in UTC", () => {
    const friday = forbid("weekend", 'context.time.weekday == "friday" && context.time.hour >= 14');
    const until = forbid("before", 'context.time.now < datetime("2026-03-02T14:00:00Z")');
    const policies = policiesOf(file(permitAll + friday + until));
    const at = (now: string) =>
      policies.decide({ ...queryOf("tenantDeploy", "fleet_admin"), now: new Date(now) });
    expect(at("2026-03-06T14:00:00Z").policies).toEqual(["weekend"]);
    expect(at("2026-03-06T13:59:59Z").outcome).toBe("allow");
    expect(at("2026-03-02T13:59:59Z").policies).toEqual(["before"]);
  });

  it.each([
    ["does not parse", '@id("x") permit (principal action);', "line 1"],
    ["has a policy without an id", "permit (principal, action, resource);", "must have @id"],
    ["has a refusal without a reason", '@id("x") forbid (principal, action, resource);', "must have @reason"],
    ["speaks of an attribute that is not there", permitAll + forbid("x", 'context.color == "red"'), "color"],
    [
      "speaks of an operation that is not there",
      '@id("x") permit (principal, action == Tenantry::Action::"tenantDestroy", resource);',
      "tenantDestroy",
    ],
    [
      "compares what cannot be compared",
      permitAll + forbid("x", "context.time.hour == 3 && context.reason > 1"),
      "String",
    ],
    [
      "asks a tenant's attribute of the fleet",
      permitAll + forbid("x", 'resource.plan == "starter"'),
      "Fleet",
    ],
    [
      "names an unknown kind of security event",
      permitAll + forbid("x", "true", '@security("loud")'),
      "@security",
    ],
    ["is a template", '@id("x") permit (principal == ?principal, action, resource);', "templates"],
    ["is empty", "// nothing", "there is no policy"],
  ])("is refused whole when one %s", (_what, text, message) => {
    expect(problemsOf(text).join("\n")).toContain(message);
  });

  it("is refused when two policies have one id, in whatever files", () => {
    expect(problemsOf(permitAll, permitAll)).toEqual(["1.cedar: the id all is taken in 0.cedar"]);
  });

  it("is the same version whatever the order of its files, and another one with another text", () => {
    const files = defaultFiles();
    expect(readPolicySet(files.toReversed()).version).toBe(readPolicySet(files).version);
    expect(readPolicySet([file(permitAll)]).version).not.toBe(
      readPolicySet([file(`${permitAll}\n`)]).version,
    );
  });

  it.each([
    [permitAll, false],
    [permitAll + forbid("any", "false"), true],
    [
      `${permitAll}@id("m") @reason("r") forbid (principal, action in Tenantry::Action::"mutate", resource);`,
      false,
    ],
    [
      `${permitAll}@id("r") @reason("r") forbid (principal, action in [Tenantry::Action::"read"], resource);`,
      true,
    ],
    [
      `${permitAll}@id("g") @reason("r") forbid (principal, action == Tenantry::Action::"tenantGet", resource);`,
      true,
    ],
    ['@id("m") permit (principal, action in Tenantry::Action::"mutate", resource);', true],
    ['@id("c") permit (principal, action, resource) when { context.reason == "" };', true],
  ])("knows whether it has something to say about reads: %s", (text, governs) => {
    expect(policiesOf(file(text)).governsReads).toBe(governs);
  });
});

describe("what fails", () => {
  it("denies before any set was read", () => {
    expect(emptyPolicies().decide(queryOf("tenantDeploy", "fleet_admin"))).toMatchObject({
      outcome: "error",
    });
  });

  it("denies when a policy cannot be evaluated, though another permits", () => {
    const overflow = forbid("sum", "context.time.hour + 9223372036854775807 > 5");
    const decision = policiesOf(file(permitAll + overflow)).decide(queryOf("tenantDeploy", "fleet_admin"));
    expect(decision.outcome).toBe("error");
    expect(decision.errors[0]).toContain("sum: integer overflow");
  });

  it("denies when the evaluator throws", () => {
    const policies = policiesOf(file(permitAll));
    const broken = { ...queryOf("tenantDeploy", "fleet_admin"), now: new Date(Number.NaN) };
    expect(policies.decide(broken)).toMatchObject({ outcome: "error", policies: [] });
    const unprintable = queryOf("tenantDeploy", "fleet_admin", { facts: { release: 1.5 } });
    expect(policies.decide(unprintable).outcome).toBe("error");
  });

  it("keeps what held when a new set is not taken", () => {
    const policies = policiesOf(file(permitAll));
    const before = policies.current;
    expect(() => policies.take(readPolicySet([file("permit (")]))).toThrow(PolicySetProblem);
    expect(policies.current).toBe(before);
    expect(policies.decide(queryOf("tenantDeploy", "fleet_admin")).outcome).toBe("allow");
  });

  it("never allows what a policy forbids, whatever else permits it", () => {
    const conditions = ["true", 'context.reason == ""', "context.time.hour == 14", "!context.emergency"];
    const policy = fc.record({
      effect: fc.constantFrom("permit", "forbid"),
      condition: fc.constantFrom(...conditions, "context.emergency", 'context.reason != ""', "false"),
    });
    const run = fc.property(
      fc.array(policy, { minLength: 1, maxLength: 8 }),
      fc.constantFrom(...OPERATION_IDS),
      fc.constantFrom(...API_KEY_ROLES, null),
      (made, action, role) => {
        const text = made
          .map(({ effect, condition }, place) => {
            return `@id("p${place}") @reason("r") ${effect} (principal, action, resource) when { ${condition} };`;
          })
          .join("\n");
        const holds = ({ condition }: { condition: string }) => conditions.includes(condition);
        const isForbidden = made.some((one) => one.effect === "forbid" && holds(one));
        const isPermitted = made.some((one) => one.effect === "permit" && holds(one));
        const { outcome } = policiesOf(file(text)).decide(queryOf(action, role));
        expect(outcome).toBe(isPermitted && !isForbidden ? "allow" : "deny");
      },
    );
    fc.assert(run, { numRuns: 15 });
  });
});
