import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type TargetIdentity, tenantLayout } from "./layout.ts";
import { SERVICE_NAMES } from "./services.ts";

const REGIONS = ["eu-west-1", "us-east-1", "ap-southeast-1", "us-gov-west-1", "ap-northeast-3"];
const NASTY_SLUGS = [
  "a",
  "0",
  "a-a",
  "a--a",
  "xn--80ak6aa92e",
  "prod",
  "tn-dev",
  "g1",
  "x".repeat(63),
  `${"x".repeat(62)}y`,
];

const slugs = fc.oneof(
  fc.constantFrom(...NASTY_SLUGS),
  fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
);
/** Ids that agree in their first digits, as the names show only eight of them. */
const tenantIds = fc.oneof(
  fc.uuid().map((id) => id.toLowerCase()),
  fc
    .integer({ min: 0, max: 40 })
    .map((n) => `00000000-0000-4000-8000-0000000000${n.toString(16).padStart(2, "0")}`),
);
const identities = fc
  .record({
    tenantId: tenantIds,
    slug: slugs,
    environment: fc.constantFrom("dev", "stage", "prod"),
    region: fc.constantFrom(...REGIONS),
    generation: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(9_999)),
  })
  .map(({ region, ...rest }): TargetIdentity => {
    const planeName = `${rest.environment}-${region}`;
    return {
      ...rest,
      planeName,
      domain: `${planeName}.tenants.example`,
      namespaceName: `${planeName}.tenantry.internal`,
    };
  });

/** Names that must be unique in an account whatever the plane: the worst case is all planes in one account. */
function targetNames(identity: TargetIdentity): string[] {
  const layout = tenantLayout(identity);
  const services = SERVICE_NAMES.map((service) => layout.services[service]);
  return [
    `group ${layout.securityGroupName}`,
    `queue ${layout.queueName}`,
    `queue ${layout.deadLetterQueueName}`,
    `role ${layout.executionRoleName.toLowerCase()}`,
    `target ${layout.routingTarget}`,
    `cluster ${layout.own.clusterName}`,
    `bucket ${layout.own.bucketName}`,
    `alias ${layout.own.keyAlias}`,
    `database ${layout.own.databaseIdentifier}`,
    `group ${layout.own.databaseGroupName}`,
    `group ${layout.own.entryGroupName}`,
    `balancer ${layout.own.loadBalancerName}`,
    ...services.map(({ targetGroupName }) => `target group ${targetGroupName}`),
    ...services.map(({ roleName }) => `role ${roleName.toLowerCase()}`),
    ...services.map(({ serviceName }) => `service ${serviceName}`),
    ...services.map(({ logGroupName }) => `logs ${logGroupName}`),
    ...services.map(({ secretName }) => `secret ${identity.planeName} ${secretName}`),
    ...services.flatMap(({ discoveryName }) =>
      discoveryName === undefined ? [] : [`discovery ${identity.planeName} ${discoveryName.toLowerCase()}`],
    ),
  ];
}

/** Prefixes below which everything is the tenant's; none may lie inside another's. */
function tenantPrefixes(identity: TargetIdentity): string[] {
  const layout = tenantLayout(identity);
  return [
    `s3 ${identity.planeName} ${layout.storagePrefix}`,
    `secrets ${identity.planeName} ${layout.secretPrefix}`,
    `logs ${layout.logGroupPrefix}`,
  ];
}

describe("tenantLayout", () => {
  it("gives no two targets the same name", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(identities, { selector: targetOf, minLength: 2, maxLength: 12 }),
        (targets) => {
          const names = targets.flatMap(targetNames);
          expect(new Set(names).size).toBe(names.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("puts no tenant's prefix inside another's", () => {
    const selector = ({ tenantId, planeName }: TargetIdentity) => `${planeName} ${tenantId}`;
    fc.assert(
      fc.property(fc.uniqueArray(identities, { selector, minLength: 2, maxLength: 8 }), (tenants) => {
        const prefixes = tenants.flatMap(tenantPrefixes);
        for (const [index, prefix] of prefixes.entries()) {
          const inside = prefixes.some((other, position) => position !== index && other.startsWith(prefix));
          expect(inside, prefix).toBe(false);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("gives two slugs on one plane two public names", () => {
    fc.assert(
      fc.property(identities, slugs, (identity, slug) => {
        const same = tenantLayout(identity).publicName === tenantLayout({ ...identity, slug }).publicName;
        expect(same).toBe(identity.slug === slug);
      }),
    );
  });

  it("names nothing after the slug but the public host", () => {
    fc.assert(
      fc.property(identities, slugs, (identity, slug) => {
        const { publicName: _first, ...before } = tenantLayout(identity);
        const { publicName: _second, ...after } = tenantLayout({ ...identity, slug });
        expect(after).toEqual(before);
      }),
    );
  });

  it("stays within AWS's limits and alphabets", () => {
    fc.assert(
      fc.property(identities, (identity) => {
        const layout = tenantLayout(identity);
        expect(layout.queueName).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
        expect(layout.deadLetterQueueName).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
        expect(layout.executionRoleName).toMatch(/^[\w+=,.@-]{1,64}$/);
        expect(layout.own.bucketName).toMatch(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/);
        expect(layout.own.databaseIdentifier).toMatch(/^(?!.*--)[a-z][a-z0-9-]{0,59}[a-z0-9]$/);
        expect(layout.own.loadBalancerName).toMatch(/^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$/);
        expect(layout.own.keyAlias).toMatch(/^alias\/(?!aws\/)[\w/-]{1,249}$/);
        expect(layout.securityGroupName).toMatch(/^(?!sg-)[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/);
        for (const service of SERVICE_NAMES) {
          const names = layout.services[service];
          expect(names.roleName).toMatch(/^[\w+=,.@-]{1,64}$/);
          expect(names.serviceName).toMatch(/^[A-Za-z0-9_-]{1,255}$/);
          expect(names.logGroupName).toMatch(/^[.\-_/#A-Za-z0-9]{1,512}$/);
          expect(names.targetGroupName).toMatch(/^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$/);
          expect(names.secretName).toMatch(/^[A-Za-z0-9/_+=.@-]{1,512}$/);
          const labels = (names.discoveryName ?? "none").split(".");
          for (const label of labels) expect(label).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
        }
      }),
    );
  });

  it.each(["../x", "A", "", "-a", "a-", "a.b", "a/b", "x".repeat(64), "tenants/*"])(
    "refuses the slug %j",
    (slug) => {
      expect(() => tenantLayout({ ...SAMPLE, slug })).toThrow(/slug must be a DNS label/);
    },
  );

  it.each(["acme", "*", "0B54C7A1-6f43-4a0e-9a55-6d2f1c3e8b01", "../", ""])(
    "refuses the tenant id %j",
    (tenantId) => {
      expect(() => tenantLayout({ ...SAMPLE, tenantId })).toThrow(/tenantId must be a lower-case UUID/);
    },
  );

  it("refuses a public name that DNS cannot hold", () => {
    expect(() => tenantLayout({ ...SAMPLE, domain: `${"long.".repeat(50)}example` })).toThrow(/at most 253/);
  });
});

const SAMPLE: TargetIdentity = {
  tenantId: "0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b01",
  slug: "acme",
  environment: "dev",
  planeName: "dev-eu-west-1",
  generation: 1,
  domain: "dev.tenants.example",
  namespaceName: "dev-eu-west-1.tenantry.internal",
};

function targetOf({ tenantId, planeName, generation }: TargetIdentity): string {
  return `${planeName} ${tenantId} ${generation}`;
}
