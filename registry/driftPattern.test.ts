import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { causeIdOf, driftPattern, type Patternable, type TenantFacts } from "./driftPattern.ts";

const QUEUE = "aws:sqs/queue:Queue";
const acme: TenantFacts = {
  tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11",
  slug: "acme",
  accountId: "111122223333",
  region: "eu-west-1",
  planeName: "dev-eu-west-1",
};
const bolt: TenantFacts = {
  tenantId: "7c1d2e3f-1111-4222-8333-444455556666",
  slug: "bolt",
  accountId: "999988887777",
  region: "us-east-1",
  planeName: "prod-us-east-1",
};

function changed(properties: Record<string, unknown>, more: Partial<Patternable> = {}): Patternable {
  const listed = Object.entries(properties).map(([path, actual]) => ({ path, actual }));
  return { resourceType: QUEUE, logicalName: "work", kind: "changed", properties: listed, ...more };
}

const idOf = (finding: Patternable, tenant: TenantFacts = acme) => causeIdOf(driftPattern(finding, tenant));

/** What a script that changes every tenant writes into each: its text, with that tenant's own names in it. */
const written = (text: string, tenant: TenantFacts) =>
  text
    .replaceAll("<id>", tenant.tenantId)
    .replaceAll("<slug>", tenant.slug)
    .replaceAll("<account>", tenant.accountId)
    .replaceAll("<region>", tenant.region)
    .replaceAll("<plane>", tenant.planeName);

const anyTenant = fc.record({
  tenantId: fc.uuid({ version: 4 }),
  slug: fc.stringMatching(/^[a-z]{3}[a-z0-9]{2,12}$/),
  accountId: fc.stringMatching(/^[1-9]\d{11}$/),
  region: fc.constantFrom("eu-west-1", "us-east-1", "ap-southeast-2"),
  planeName: fc.constantFrom("dev-eu-west-1", "prod-us-east-1", "stage-ap-southeast-2"),
});

const anyPart = fc.constantFrom(
  ...["<id>", "<slug>", "<account>", "<region>", "<plane>"],
  ...["arn:aws:sqs:<region>:<account>:jobs", "owner", "42", "/", "tenants/<id>/"],
);
const anyText = fc.array(anyPart, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(" "));
const anyValue = fc.oneof(anyText, fc.integer(), fc.boolean(), fc.constant(null));
const anyChange = fc.dictionary(fc.stringMatching(/^[a-z]{2,8}(\.[a-z]{2,8})?$/), anyValue, {
  minKeys: 1,
  maxKeys: 4,
});

function writtenChange(change: Record<string, unknown>, tenant: TenantFacts): Patternable {
  return changed(
    Object.fromEntries(
      Object.entries(change).map(([path, value]) => [
        path,
        typeof value === "string" ? written(value, tenant) : value,
      ]),
    ),
  );
}

describe("a cause", () => {
  it("is one for the same change on fifty tenants", () => {
    fc.assert(
      fc.property(anyChange, fc.array(anyTenant, { minLength: 50, maxLength: 50 }), (change, tenants) => {
        const ids = new Set(tenants.map((tenant) => idOf(writtenChange(change, tenant), tenant)));
        expect(ids.size).toBe(1);
      }),
      { numRuns: 100 },
    );
  });

  it("is another for another change", () => {
    fc.assert(
      fc.property(anyChange, anyChange, anyTenant, anyTenant, (one, other, here, there) => {
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(idOf(writtenChange(one, here), here) === idOf(writtenChange(other, there), there)).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, Patternable, Patternable]>([
    ["value", changed({ delaySeconds: 5 }), changed({ delaySeconds: 9 })],
    ["a value's type", changed({ delaySeconds: 5 }), changed({ delaySeconds: "5" })],
    ["property", changed({ delaySeconds: 5 }), changed({ maxMessageSize: 5 })],
    ["a property more", changed({ delaySeconds: 5 }), changed({ delaySeconds: 5, "tags.a": "b" })],
    ["type", changed({ a: 1 }), changed({ a: 1 }, { resourceType: "aws:s3/bucket:Bucket" })],
    ["kind", changed({ a: 1 }), changed({ a: 1 }, { kind: "registry" })],
    ["policy", changed({ p: arn("AdministratorAccess") }), changed({ p: arn("ReadOnlyAccess") })],
    [
      "image",
      changed({ image: `i@sha256:${"a".repeat(64)}` }),
      changed({ image: `i@sha256:${"b".repeat(64)}` }),
    ],
    ["resource that was deleted", deleted("work"), deleted("dead-letters")],
  ])("is another for another %s", (_what, one, other) => {
    expect(idOf(one)).not.toBe(idOf(other));
  });

  it.each<[string, string, string]>([
    [
      "ARNs of a tenant's resources",
      `arn:aws:iam::${acme.accountId}:role/tn-dev-0b9f6c0e-abcdefghijkl-g1-iam-service`,
      `arn:aws:iam::${bolt.accountId}:role/tn-prod-7c1d2e3f-zyxwvutsrqpo-g2-iam-service`,
    ],
    ["another account's", "arn:aws:iam::444455556666:role/audit", "arn:aws:iam::555566667777:role/audit"],
    ["random uuids", `job ${randomUUID()}`, `job ${randomUUID()}`],
    ["times", "since 2026-03-01T09:30:00.000Z", "since 2026-03-02T10:31:07+02:00"],
    ["ids that AWS draws", "sg-0a1b2c3d4e5f60718", "sg-0ffb2c3d4e5f60719"],
    [
      "task definitions' revisions",
      "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
      "arn:aws:ecs:us-east-1:999988887777:task-definition/web:12",
    ],
    [
      "secrets' suffixes",
      "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/dev/shared-Ab12Cd",
      "arn:aws:secretsmanager:us-east-1:999988887777:secret:/dev/shared-Zz98Yy",
    ],
    ["policies, however they are written", '{"a":1, "b":["acme","x"]}', '{ "b":["x","bolt"], "a":1 }'],
  ])("is one whatever the tenant's %s", (_what, here, there) => {
    expect(idOf(changed({ value: here }), acme)).toBe(idOf(changed({ value: there }), bolt));
  });

  it("of a change is the same whatever the resource is called and wherever in a list it stands", () => {
    const here = changed({ "ingress[0].cidr": "0.0.0.0/0" }, { logicalName: "iam-service" });
    const there = changed({ "ingress[3].cidr": "0.0.0.0/0" }, { logicalName: "audit-service" });
    expect(idOf(here)).toBe(idOf(there));
  });

  it("is a UUID", () => {
    fc.assert(
      fc.property(anyChange, (change) => {
        expect(idOf(writtenChange(change, acme))).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });
});

describe("a pattern", () => {
  it("shows what was changed to what, without what is the tenant's own", () => {
    const value = `arn:aws:sqs:eu-west-1:111122223333:tn-dev-${acme.tenantId}-abcdefghijkl-g1-work`;
    const pattern = driftPattern(changed({ "tags.owner": "acme-team", target: value }), acme);
    expect(pattern).toEqual({
      resourceType: QUEUE,
      kind: "changed",
      logicalName: "work",
      properties: [
        { path: "tags.owner", actual: "{slug}-team" },
        {
          path: "target",
          actual: "arn:aws:sqs:{region}:{account}:tn-{environment}-{tenant}-{hash}-g{n}-work",
        },
      ],
    });
  });

  it("leaves words alone that only contain a slug", () => {
    const api = { ...acme, slug: "api" };
    expect(driftPattern(changed({ a: "apigateway" }), api).properties[0]?.actual).toBe("apigateway");
  });
});

function arn(policy: string): string {
  return `arn:aws:iam::aws:policy/${policy}`;
}

function deleted(logicalName: string): Patternable {
  return { resourceType: QUEUE, logicalName, kind: "deleted", properties: [] };
}

function sorted(change: Record<string, unknown>): unknown {
  return Object.entries(change).sort(([left], [right]) => (left < right ? -1 : 1));
}
