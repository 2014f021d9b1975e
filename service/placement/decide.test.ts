import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ISOLATION_LEVELS } from "../../contract/vocabulary.ts";
import { type Decision, decide, type PlacedTenant, type PlaneFacts } from "./decide.ts";

const TENANT = "0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b01";
const OTHER = "11111111-6f43-4a0e-9a55-6d2f1c3e8b01";

const tenant = (more: Partial<PlacedTenant> = {}): PlacedTenant => ({
  tenantId: TENANT,
  plan: "enterprise",
  isolation: "pooled",
  regions: { allowed: [], preferred: [] },
  ...more,
});
const plane = (name: string, more: Partial<PlaneFacts> = {}): PlaneFacts => ({
  name,
  environment: "prod",
  region: name.slice("prod-".length),
  dedicatedTo: null,
  dedicatedNetwork: "vpc",
  vpcCidrBlock: "10.32.0.0/16",
  targets: 0,
  takenBlocks: [],
  ...more,
});
const WEST = plane("prod-eu-west-1");
const CENTRAL = plane("prod-eu-central-1");
const EAST = plane("prod-us-east-1");
const PLANES = [WEST, CENTRAL, EAST];
const regions = (allowed: string[], preferred: string[] = []) => ({ regions: { allowed, preferred } });
const placed = (decision: Decision) => {
  if (decision.kind === "placed") return decision.places;
  throw new Error(`refused: ${decision.refusal.detail}`);
};
const refusal = (decision: Decision) => (decision.kind === "refused" ? decision.refusal : undefined);

describe("a placement without a named plane", () => {
  it("follows the preferred regions in their order", () => {
    const wish = tenant(regions([], ["ap-south-1", "us-east-1", "eu-west-1"]));
    const [place] = placed(decide({ tenant: wish, named: [], planes: PLANES }));
    expect(place?.planeName).toBe("prod-us-east-1");
    expect(place?.reasons[0]).toBe(
      "Region us-east-1: number 2 of the preferred ap-south-1, us-east-1, eu-west-1",
    );
  });

  it("takes the emptier plane where nothing is preferred", () => {
    const planes = [
      { ...WEST, targets: 3 },
      { ...CENTRAL, targets: 2 },
      { ...EAST, targets: 4 },
    ];
    const [place] = placed(decide({ tenant: tenant(), named: [], planes }));
    expect(place?.planeName).toBe("prod-eu-central-1");
    expect(place?.reasons).toContain("Region eu-central-1: the tenant allows any");
  });

  it("stays in the allowed regions and says what would be legal when there is no plane", () => {
    const wish = tenant(regions(["eu-central-1"]));
    expect(placed(decide({ tenant: wish, named: [], planes: PLANES }))[0]?.planeName).toBe(
      "prod-eu-central-1",
    );
    const nowhere = refusal(decide({ tenant: tenant(regions(["ap-south-1"])), named: [], planes: PLANES }));
    expect(nowhere?.code).toBe("no_plane_in_region");
    expect(nowhere?.detail).toContain("a plane in ap-south-1");
    expect(nowhere?.detail).toContain("prod-us-east-1 (us-east-1)");
  });

  it("asks for a name where environments differ", () => {
    const planes = [WEST, plane("dev-eu-west-1", { environment: "dev", region: "eu-west-1" })];
    expect(refusal(decide({ tenant: tenant(), named: [], planes }))?.code).toBe("plane_missing");
  });

  it("puts the account tier on the tenant's own plane and nobody else there", () => {
    const own = plane("prod-eu-west-1-0b54c7a1", { region: "eu-west-1", dedicatedTo: TENANT });
    const planes = [...PLANES, own];
    const strict = tenant({ isolation: "account" });
    const [place] = placed(decide({ tenant: strict, named: [], planes }));
    expect(place).toMatchObject({ planeName: own.name, isolation: { level: "account", database: "shared" } });
    expect(refusal(decide({ tenant: strict, named: [], planes: PLANES }))?.code).toBe("no_plane_in_region");
    expect(refusal(decide({ tenant: strict, named: [WEST.name], planes }))?.code).toBe("plane_not_dedicated");
    const stranger = tenant({ tenantId: OTHER });
    expect(refusal(decide({ tenant: stranger, named: [own.name], planes }))?.code).toBe(
      "plane_not_dedicated",
    );
  });
});

describe("a placement on named planes", () => {
  it("is refused outside the allowed regions, and names the legal planes", () => {
    const wish = tenant(regions(["eu-west-1", "eu-central-1"]));
    const outside = refusal(decide({ tenant: wish, named: ["prod-us-east-1"], planes: PLANES }));
    expect(outside?.code).toBe("region_not_allowed");
    expect(outside?.hint).toContain("prod-eu-west-1, prod-eu-central-1");
  });

  it("says that there is no legal plane when there is none", () => {
    const wish = tenant(regions(["eu-north-1"]));
    const outside = refusal(decide({ tenant: wish, named: ["prod-us-east-1"], planes: PLANES }));
    expect(outside?.hint).toContain(
      "no plane in an allowed region: bring one up and record it, or allow us-east-1",
    );
  });

  it("is refused on a plane that is not there", () => {
    expect(refusal(decide({ tenant: tenant(), named: ["dev-eu-west-1"], planes: PLANES }))?.code).toBe(
      "plane_missing",
    );
  });

  it("gives dedicated tenants subnets that nobody has, and a VPC when all are taken", () => {
    const dedicated = tenant({ isolation: "dedicated" });
    const on = (takenBlocks: readonly string[]) =>
      placed(
        decide({
          tenant: dedicated,
          named: [WEST.name],
          planes: [{ ...WEST, dedicatedNetwork: "subnets", takenBlocks }],
        }),
      )[0]?.isolation;
    expect(on([])).toMatchObject({ network: "subnets", cidrBlock: "10.32.192.0/24" });
    expect(on(["10.32.192.0/24", "10.32.194.0/24"])).toMatchObject({ cidrBlock: "10.32.193.0/24" });
    const all = Array.from({ length: 64 }, (_, index) => `10.32.${192 + index}.0/24`);
    expect(on(all)).toMatchObject({ network: "vpc", cidrBlock: "10.64.0.0/20" });
  });
});

describe("any placement", () => {
  const names = ["eu-west-1", "eu-central-1", "us-east-1", "ap-south-1"];
  const some = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 4 });
  const fleet = fc.uniqueArray(
    fc.record({
      region: fc.constantFrom(...names),
      dedicatedTo: fc.constantFrom(null, TENANT, OTHER),
      targets: fc.nat({ max: 5 }),
    }),
    { selector: ({ region, dedicatedTo }) => `${region} ${dedicatedTo}`, maxLength: 8 },
  );

  it("is in an allowed region, on nobody else's plane, with a reason, and always the same", () => {
    fc.assert(
      fc.property(
        some,
        some,
        fleet,
        fc.constantFrom(...ISOLATION_LEVELS),
        (allowed, preferred, facts, isolation) => {
          const planes = facts.map((fact) =>
            plane(
              `prod-${fact.region}${fact.dedicatedTo === null ? "" : `-${fact.dedicatedTo.slice(0, 8)}`}`,
              fact,
            ),
          );
          const question = {
            tenant: tenant({ isolation, regions: { allowed, preferred } }),
            named: [],
            planes,
          };
          const decision = decide(question);
          expect(decide(question)).toEqual(decision);
          const legal = planes.filter(
            ({ region, dedicatedTo }) =>
              (allowed.length === 0 || allowed.includes(region)) &&
              (isolation === "account" ? dedicatedTo === TENANT : dedicatedTo !== OTHER),
          );
          if (decision.kind === "refused") {
            expect(decision.refusal.code).toBe("no_plane_in_region");
            expect(legal).toEqual([]);
            return;
          }
          expect(decision.places).toHaveLength(1);
          for (const place of decision.places) {
            expect(legal.map(({ name }) => name)).toContain(place.planeName);
            expect(place.reasons.length).toBeGreaterThanOrEqual(4);
            const best = preferred.find((region) => legal.some((candidate) => candidate.region === region));
            const chosen = planes.find(({ name }) => name === place.planeName);
            if (best !== undefined) expect(chosen?.region).toBe(best);
          }
        },
      ),
    );
  });
});
