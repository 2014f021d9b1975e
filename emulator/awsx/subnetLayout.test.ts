import { describe, expect, it } from "vitest";
import type { LayoutArgs } from "./subnetLayout.ts";
import { layOutSubnets, parseCidr } from "./subnetLayout.ts";

const base: LayoutArgs = {
  name: "net",
  cidrBlock: "10.0.0.0/16",
  zones: ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
  strategy: "Legacy",
  specs: undefined,
};

function blocks(args: Partial<LayoutArgs>): Record<string, string> {
  return Object.fromEntries(
    layOutSubnets({ ...base, ...args }).map((subnet) => [subnet.name, subnet.cidrBlock]),
  );
}

describe("the subnets of a VPC", () => {
  it("takes half of each zone for the private and a quarter for the public subnet by default", () => {
    expect(blocks({})).toEqual({
      "net-private-1": "10.0.0.0/19",
      "net-public-1": "10.0.32.0/20",
      "net-private-2": "10.0.64.0/19",
      "net-public-2": "10.0.96.0/20",
      "net-private-3": "10.0.128.0/19",
      "net-public-3": "10.0.160.0/20",
    });
  });

  it("keeps the order of the specs and skips what alignment needs under Auto", () => {
    const specs = [
      { type: "Public", cidrMask: 22 },
      { type: "Private", cidrMask: 19 },
    ] as const;
    expect(blocks({ strategy: "Auto", specs, zones: base.zones.slice(0, 2) })).toEqual({
      "net-public-1": "10.0.0.0/22",
      "net-private-1": "10.0.32.0/19",
      "net-public-2": "10.0.128.0/22",
      "net-private-2": "10.0.160.0/19",
    });
  });

  it("puts private before public under Legacy", () => {
    const specs = [{ type: "Public" }, { type: "Private" }] as const;
    expect(Object.keys(blocks({ specs, zones: ["eu-west-1a"] }))).toEqual(["net-private-1", "net-public-1"]);
  });

  it("uses explicit blocks as they are, one per zone", () => {
    const specs = [
      { type: "Isolated", name: "db", cidrBlocks: ["10.1.0.0/24", "10.1.1.0/24", "10.1.2.0/24"] },
    ] as const;
    expect(blocks({ specs })).toEqual({
      "net-db-1": "10.1.0.0/24",
      "net-db-2": "10.1.1.0/24",
      "net-db-3": "10.1.2.0/24",
    });
    expect(() => blocks({ specs, zones: ["eu-west-1a"] })).toThrow(
      /must match the number of availability zones/,
    );
  });

  it("never overlaps and stays inside the VPC, whatever the sizes", () => {
    for (const mask of [16, 18, 20]) {
      for (const sizes of [[mask + 4, mask + 4, mask + 3], [mask + 3], [mask + 5, mask + 5, mask + 3]]) {
        const specs = sizes.map((cidrMask, index) => ({
          type: "Private" as const,
          name: `s${index}`,
          cidrMask,
        }));
        const planned = layOutSubnets({ ...base, cidrBlock: `10.0.0.0/${mask}`, strategy: "Auto", specs });
        const ranges = planned.map((subnet) => parseCidr(subnet.cidrBlock)).sort((a, b) => a.start - b.start);
        for (const [index, range] of ranges.entries()) {
          const end = range.start + 2 ** (32 - range.mask);
          expect(end).toBeLessThanOrEqual(
            ranges[index + 1]?.start ?? parseCidr("10.0.0.0/8").start + 2 ** (32 - mask),
          );
        }
      }
    }
  });

  it("refuses subnets that do not fit", () => {
    const specs = [{ type: "Private", cidrMask: 16 }, { type: "Public" }] as const;
    expect(() => blocks({ strategy: "Auto", specs })).toThrow(/too large for VPC/);
    const gaps = [18, 17, 18].map((cidrMask, index) => ({
      type: "Private" as const,
      name: `s${index}`,
      cidrMask,
    }));
    expect(() => blocks({ strategy: "Auto", specs: gaps, zones: ["eu-west-1a"] })).toThrow(
      /too large for VPC/,
    );
  });
});
