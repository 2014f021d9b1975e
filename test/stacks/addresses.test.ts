import { describe, expect, it } from "vitest";
import { TENANT_SUBNET_BLOCKS, tenantSubnetBlock } from "../../components/tenantServiceSet/addresses.ts";
import { layOutSubnets } from "../../emulator/awsx/subnetLayout.ts";

describe("tenantSubnetBlock", () => {
  it("lies where no subnet of a plane does, and no two of them meet", () => {
    const plane = layOutSubnets({
      name: "network",
      cidrBlock: "10.32.0.0/16",
      zones: ["a", "b", "c"],
      strategy: "Auto",
      specs: [
        { type: "Private", cidrMask: 19 },
        { type: "Public", cidrMask: 22 },
      ],
    });
    const last = Math.max(...plane.map(({ cidrBlock }) => Number(cidrBlock.split(".")[2])));
    expect(last).toBeLessThan(192);
    const blocks = Array.from({ length: TENANT_SUBNET_BLOCKS }, (_, index) =>
      tenantSubnetBlock("10.32.0.0/16", index),
    );
    expect(new Set(blocks).size).toBe(64);
    expect(blocks[0]).toBe("10.32.192.0/24");
    expect(blocks.at(-1)).toBe("10.32.255.0/24");
    expect(() => tenantSubnetBlock("10.32.0.0/16", 64)).toThrow(/Cannot divide/);
  });
});
