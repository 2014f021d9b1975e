import { describe, expect, it } from "vitest";
import { manifestSchema } from "../../../contract/manifest.ts";
import type { RolloutChange } from "../../../contract/rolloutChange.ts";
import { contradiction } from "./declared.ts";

const tenantId = "4f3c2a10-0000-4000-8000-000000000001";
const secret = (id: string) => `/dev/tenants/${id}/iam-service/smtp`;

function specOf(more: object = {}) {
  return manifestSchema.parse({
    ...{ apiVersion: "tenantry.dev/v1", kind: "Tenant", metadata: { slug: "acme" } },
    spec: { displayName: "Acme", plan: "starter", state: "active", ...more },
  }).spec;
}

const against = (change: RolloutChange, more: object = {}) =>
  contradiction(specOf(more), change, tenantId, 7);
const field = (name: string, value: string | null) => ({ kind: "field", field: name, value }) as const;

describe("a manifest is in the way of a rollout", () => {
  it.each<[string, RolloutChange, object, string]>([
    ["a release", { kind: "release", releaseNumber: 5 }, { release: 6 }, "names another release"],
    ["not the newest", { kind: "release", releaseNumber: 5 }, { release: "latest" }, "names another release"],
    ["a plan", { kind: "plan", plan: "business", planVersion: 1 }, {}, "names another plan"],
    [
      "a plan's version",
      { kind: "plan", plan: "starter", planVersion: 2 },
      { planVersion: 1 },
      "names another version of the plan",
    ],
    [
      "a setting",
      field("settings.THEME", "dark"),
      { config: { settings: { THEME: "plain" } } },
      "declares settings.THEME",
    ],
    [
      "the removal of a setting",
      field("settings.THEME", null),
      { config: { settings: { THEME: "plain" } } },
      "declares settings.THEME",
    ],
    [
      "a reference",
      field("secretRefs.SMTP", secret(`${tenantId}/2`)),
      { config: { secretRefs: { SMTP: secret(tenantId) } } },
      "declares secretRefs.SMTP",
    ],
    ["what has a default", field("suspensionMode", "access"), {}, "declares suspensionMode"],
  ])("of %s that it declares otherwise", (_, change, spec, why) => {
    expect(against(change, spec)).toBe(`its manifest ${why}`);
  });

  it.each<[string, RolloutChange, object]>([
    ["a release, naming none", { kind: "release", releaseNumber: 5 }, {}],
    ["the same release", { kind: "release", releaseNumber: 5 }, { release: 5 }],
    ["the newest release", { kind: "release", releaseNumber: 7 }, { release: "latest" }],
    ["another version of its plan, naming none", { kind: "plan", plan: "starter", planVersion: 2 }, {}],
    ["the same version", { kind: "plan", plan: "starter", planVersion: 2 }, { planVersion: 2 }],
    [
      "a setting that it does not name",
      field("settings.FONT", "large"),
      { config: { settings: { THEME: "plain" } } },
    ],
    ["the same setting", field("settings.THEME", "plain"), { config: { settings: { THEME: "plain" } } }],
    [
      "the same reference, written for any tenant",
      field("secretRefs.SMTP", secret(tenantId)),
      { config: { secretRefs: { SMTP: secret("00000000-0000-0000-0000-000000000000") } } },
    ],
    ["the same suspension mode", field("suspensionMode", "workloads"), {}],
    ["a flag", { kind: "flag", flagKey: "new-menu", enabled: true }, {}],
    ["a repair", { kind: "drift_repair", findingsDigest: "d" }, {}],
  ])("but not of %s", (_, change, spec) => {
    expect(against(change, spec)).toBeUndefined();
  });
});
