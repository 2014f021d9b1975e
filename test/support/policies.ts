import { readdirSync, readFileSync } from "node:fs";
import { createMetrics } from "../../service/metrics.ts";
import { createPolicies, type Policies } from "../../service/policy/engine.ts";
import { DEFAULT_POLICIES } from "../../service/policy/keeper.ts";
import { type PolicyFile, readPolicySet } from "../../service/policy/policySet.ts";
import type { PolicyContext, PolicyQuery, PolicyTenant } from "../../service/policy/query.ts";

export function defaultFiles(): PolicyFile[] {
  return readdirSync(DEFAULT_POLICIES)
    .filter((name) => name.endsWith(".cedar"))
    .map((name) => ({ name, text: readFileSync(`${DEFAULT_POLICIES}/${name}`, "utf8") }));
}

/** Those that hold after the files were taken. */
export function policiesOf(...files: readonly PolicyFile[]): Policies {
  const policies = emptyPolicies();
  policies.take(readPolicySet(files));
  return policies;
}

export function emptyPolicies(): Policies {
  return createPolicies(createMetrics());
}

export function file(text: string, name = "test.cedar"): PolicyFile {
  return { name, text };
}

export interface Changed {
  readonly tenant?: Partial<PolicyTenant> | null;
  readonly facts?: Partial<PolicyContext>;
  readonly wanted?: Partial<PolicyContext["wanted"]>;
}

const tenant: PolicyTenant = {
  tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11",
  slug: "acme",
  status: "active",
  plan: "business",
  isolation: "pooled",
  allowedRegions: ["eu-west-1"],
  preferredRegions: [],
  regions: ["eu-west-1"],
  environments: ["dev"],
  labels: { tier: "gold" },
  dataClassification: "confidential",
  managedBy: "api",
  legalHold: false,
};

const wanted: PolicyContext["wanted"] = {
  plan: "business",
  isolation: "pooled",
  allowedRegions: ["eu-west-1"],
  planes: ["dev-eu-west-1"],
  regions: ["eu-west-1"],
  environments: ["dev"],
};

const facts: Omit<PolicyContext, "wanted"> = {
  reason: "",
  emergency: false,
  immediately: false,
  release: null,
  changes: [],
  plan: { key: "business", isolation: ["pooled", "hybrid"], features: ["api-access"] },
  downgrade: false,
  exceeded: [],
  window: { open: true, why: "" },
};

/** What nothing forbids, but for what is changed. */
export function queryOf(
  action: PolicyQuery["action"],
  role: PolicyQuery["principal"]["role"],
  changed: Changed = {},
): PolicyQuery {
  return {
    principal: { id: "key-1", name: "somebody", role, environments: null },
    action,
    tenant: changed.tenant === null ? null : { ...tenant, ...changed.tenant },
    facts: { ...facts, ...changed.facts, wanted: { ...wanted, ...changed.wanted } },
    now: new Date("2026-03-02T14:05:00.000Z"),
  };
}
