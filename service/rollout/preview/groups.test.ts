import { describe, expect, it } from "vitest";
import type { TenantFacts } from "../../../registry/driftPattern.ts";
import { limits } from "../../config/limits.ts";
import { planOf } from "../../engine/changes.ts";
import type { PlannedChange, PlannedValue } from "../../engine/engine.ts";
import { previewGroup } from "./groups.ts";

const acme: TenantFacts = {
  ...{ tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11", slug: "acme", accountId: "111122223333" },
  ...{ region: "eu-west-1", planeName: "dev-eu-west-1" },
};
const bolt: TenantFacts = {
  ...{ tenantId: "7c1d2e3f-1111-4222-8333-444455556666", slug: "bolt", accountId: "999988887777" },
  ...{ region: "us-east-1", planeName: "prod-us-east-1" },
};

function change(values: readonly PlannedValue[], more: Partial<PlannedChange> = {}): PlannedChange {
  const logicalName = more.logicalName ?? "jobs";
  return {
    urn: `urn:pulumi:s::p::aws:sqs/queue:Queue::${logicalName}`,
    ...{ op: "update", resourceType: "aws:sqs/queue:Queue", logicalName },
    properties: values.map(({ path }) => path),
    ...{ replaceProperties: [], values, ...more },
  };
}

const digestsOf = ({ slug }: TenantFacts) => [`${slug}0`, `${slug}1`];
const groupOf = (changes: readonly PlannedChange[], tenant = acme) =>
  previewGroup(planOf(changes, { update: changes.length, same: 3 }), tenant, digestsOf(tenant));
const keyOf = (values: readonly PlannedValue[], tenant = acme) => groupOf([change(values)], tenant).groupKey;
const level = (old: string, now: string) => [{ path: "environment.LOG_LEVEL", old, new: now }];

describe("a preview's group", () => {
  it("is another one when the same property changes from or to another value", () => {
    expect(keyOf(level("info", "debug"))).toBe(keyOf(level("info", "debug"), bolt));
    expect(keyOf(level("warn", "debug"))).not.toBe(keyOf(level("info", "debug")));
    expect(keyOf(level("info", "warn"))).not.toBe(keyOf(level("info", "debug")));
    expect(keyOf([{ path: "environment.LOG_LEVEL", new: "debug" }])).not.toBe(keyOf(level("info", "debug")));
  });

  it("does not depend on what is the tenant's own, and shows words in its place", () => {
    const own = ({ tenantId, slug, accountId, region }: TenantFacts) => [
      { path: "digest", old: `${slug}0`, new: `${slug}1` },
      { path: "name", old: `${slug}-jobs`, new: `${slug}-jobs.fifo` },
      { path: "policy", new: { Resource: `arn:aws:sqs:${region}:${accountId}:${tenantId}` } },
    ];
    expect(keyOf(own(acme), acme)).toBe(keyOf(own(bolt), bolt));
    expect(groupOf([change(own(acme))]).changes[0]?.values).toEqual([
      { path: "digest", old: "{digest}", new: "{digest}" },
      { path: "name", old: "{slug}-jobs", new: "{slug}-jobs.fifo" },
      { path: "policy", old: null, new: '{"Resource":"arn:aws:sqs:{region}:{account}:{tenant}"}' },
    ]);
  });

  it("shows a stack once, and not whose it is", () => {
    const logicalName = `tenant-${acme.tenantId}-dev-eu-west-1-1`;
    const stack = change([], { op: "create", resourceType: "pulumi:pulumi:Stack", logicalName });
    expect(groupOf([stack, change([]), stack]).changes.map((one) => one.logicalName)).toEqual([
      "jobs",
      "tenant-{tenant}-{plane}-1",
    ]);
  });

  it("is the same whatever the order of its changes and values", () => {
    const values = [...level("info", "debug"), { path: "delaySeconds", old: 1, new: 2 }];
    const [one, other] = [change(values), change(level("a", "b"), { logicalName: "dead" })];
    const turned = change([...values].reverse(), { properties: one.properties });
    expect(groupOf([turned, other])).toEqual(groupOf([other, one]));
    const gone = change([], { op: "delete", logicalName: "zebra" });
    expect(groupOf([one, other, gone]).changes.map(({ logicalName }) => logicalName)).toEqual([
      ...["zebra", "dead", "jobs"],
    ]);
  });

  it("counts operations without what stays the same, and what its plan replaces and deletes", () => {
    expect(groupOf([change([], { op: "delete" })])).toMatchObject({ operations: { update: 1 }, deletes: 1 });
  });

  it("hides values that stand under a secret's name or look like one", () => {
    const values = [
      { path: "environment.DB_PASSWORD.value", old: "open-sesame", new: "closed" },
      { path: "note", new: "key AKIAIOSFODNN7EXAMPLE" },
    ];
    const text = JSON.stringify(groupOf([change(values)]));
    for (const secret of ["open-sesame", "closed", "AKIAIOSFODNN7EXAMPLE"])
      expect(text).not.toContain(secret);
    expect(text).toContain("[redacted]");
  });

  it("shows a bounded part and is told apart by all of it", () => {
    const many = (last: string) =>
      Array.from({ length: limits.previewValues + 1 }, (_, n) => ({
        path: `tags.k${String(n).padStart(4, "0")}`,
        new: n === limits.previewValues ? last : "x".repeat(1_000),
      }));
    const [one, other] = [groupOf([change(many("a"))]), groupOf([change(many("b"))])];
    expect(one.changes).toEqual(other.changes);
    expect(one.groupKey).not.toBe(other.groupKey);
    const shown = one.changes.flatMap(({ values }) => values);
    expect(shown).toHaveLength(limits.previewValues);
    expect(shown.every(({ new: now }) => now?.length === limits.previewValueChars)).toBe(true);
  });
});
