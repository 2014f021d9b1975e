import { describe, expect, it } from "vitest";
import { defaultFiles, policiesOf, queryOf } from "../../test/support/policies.ts";
import { KNOWN_SET } from "./knownSet.ts";
import { checkDigest, checkedBySchema, type PolicyFile, readPolicySet } from "./policySet.ts";
import type { PolicyQuery } from "./query.ts";

const policies = policiesOf(...defaultFiles());

function denialsOf(query: PolicyQuery): readonly string[] {
  const { outcome, policies: decided, reasons } = policies.decide(query);
  expect(outcome).not.toBe("error");
  if (outcome === "allow") return [];
  expect(reasons.map(({ policyId }) => policyId)).toEqual(decided);
  for (const { reason, advice } of reasons)
    expect([reason, advice ?? ""].every((text) => text.length > 20)).toBe(true);
  return decided;
}

describe("the default policies", () => {
  it("fit the schema without a warning, and are known to, so that starting does not wait for it", () => {
    const set = readPolicySet(defaultFiles());
    expect(checkedBySchema(set)).toEqual([]);
    // As `npm run contract` has written it down.
    expect(checkDigest(set.version)).toBe(KNOWN_SET);
    const [first, ...others] = defaultFiles();
    const bad = {
      ...first,
      text: `${first?.text}\n@id("typo") @reason("x") forbid (principal, action, resource) when { context.reson == "" };`,
    };
    expect(() => readPolicySet([bad as PolicyFile, ...others])).toThrow("reson");
  });

  it("allow what nothing speaks against, by the policy that says so", () => {
    expect(policies.decide(queryOf("tenantDeploy", "fleet_operator"))).toMatchObject({
      outcome: "allow",
      policies: ["role-decides"],
      reasons: [],
    });
    expect(denialsOf(queryOf("releaseCreate", "fleet_operator", { tenant: null }))).toEqual([]);
  });

  it("leave reads alone, so that they need no evaluation", () => {
    expect(policies.governsReads).toBe(false);
  });

  it("keep a tenant in its allowed regions", () => {
    const far = { planes: ["prod-us-east-1"], regions: ["us-east-1"] };
    expect(denialsOf(queryOf("tenantActivate", "fleet_admin", { wanted: far }))).toEqual([
      "residency-planes",
    ]);
    const both = { ...far, allowedRegions: ["eu-west-1", "us-east-1"] };
    expect(denialsOf(queryOf("tenantDeploy", "fleet_admin", { wanted: both }))).toEqual([]);
  });

  it("keep a tenant that has declared no regions where it is, once it is somewhere", () => {
    const far = { allowedRegions: [], planes: ["prod-us-east-1"], regions: ["us-east-1"] };
    const undeclared = { allowedRegions: [] };
    const moved = queryOf("tenantDeploy", "fleet_admin", { tenant: undeclared, wanted: far });
    expect(denialsOf(moved)).toEqual(["residency-home"]);
    expect(policies.decide(moved).reasons[0]?.security).toBe("cross_region");
    const nowhere = { ...undeclared, regions: [] };
    expect(denialsOf(queryOf("tenantActivate", "fleet_admin", { tenant: nowhere, wanted: far }))).toEqual([]);
  });

  it("do not let the allowed regions leave out where the tenant is", () => {
    const wanted = { allowedRegions: ["us-east-1"] };
    const facts = { changes: ["regions"] };
    expect(denialsOf(queryOf("tenantUpdate", "fleet_admin", { wanted, facts }))).toEqual(["residency-stays"]);
    expect(
      denialsOf(queryOf("tenantUpdate", "fleet_admin", { wanted: { allowedRegions: [] }, facts })),
    ).toEqual([]);
  });

  it("give a tenant the isolation that its plan offers", () => {
    const wanted = { isolation: "dedicated" };
    expect(denialsOf(queryOf("tenantCreate", "fleet_admin", { wanted }))).toEqual(["isolation-in-plan"]);
    expect(denialsOf(queryOf("tenantCreate", "fleet_admin", { wanted: { isolation: "hybrid" } }))).toEqual(
      [],
    );
  });

  it("take a smaller plan only with a reason, and only where the tenant fits", () => {
    const downgrade = { downgrade: true, changes: ["plan"] };
    const asked = (facts: object) => denialsOf(queryOf("tenantUpdate", "fleet_admin", { facts }));
    expect(asked(downgrade)).toEqual(["downgrade-reason"]);
    expect(asked({ ...downgrade, reason: "asked by the customer" })).toEqual([]);
    expect(asked({ ...downgrade, reason: "asked by the customer", exceeded: ["storageGib"] })).toEqual([
      "downgrade-fits",
    ]);
  });

  it("delete nothing that is held, nothing at once but for admins, and nothing in production without a reason", () => {
    const end = (role: "fleet_operator" | "fleet_admin", changed: object) =>
      denialsOf(queryOf("tenantDecommission", role, changed));
    expect(end("fleet_admin", { tenant: { legalHold: true } })).toEqual(["deletion-legal-hold"]);
    // A freeze that ends is kept; whoever may not end it could not deploy to the tenant any more.
    for (const allowed of ["legalHoldLift", "windowDelete"] as const)
      expect(denialsOf(queryOf(allowed, "fleet_admin", { tenant: { legalHold: true } }))).toEqual([]);
    expect(end("fleet_operator", { facts: { immediately: true } })).toEqual(["deletion-immediate"]);
    expect(end("fleet_admin", { facts: { immediately: true } })).toEqual([]);
    expect(end("fleet_operator", { tenant: { environments: ["dev", "prod"] } })).toEqual([
      "deletion-production-reason",
    ]);
    const withReason = { tenant: { environments: ["prod"] }, facts: { reason: "contract ended" } };
    expect(end("fleet_operator", withReason)).toEqual([]);
  });

  it("let what runs be changed while its window is open, or in an emergency", () => {
    const window = { open: false, why: "a freeze holds" };
    expect(denialsOf(queryOf("tenantDeploy", "fleet_admin", { facts: { window } }))).toEqual([
      "window-closed",
    ]);
    expect(denialsOf(queryOf("tenantDeploy", "fleet_admin", { facts: { window, emergency: true } }))).toEqual(
      [],
    );
    expect(denialsOf(queryOf("tenantSuspend", "fleet_admin", { facts: { window } }))).toEqual([]);
  });
});
