import { describe, expect, it } from "vitest";
import { subBlock } from "./addresses.ts";

describe("subBlock", () => {
  it("divides a block", () => {
    expect(subBlock("10.64.0.0/20", 22, 0)).toBe("10.64.0.0/22");
    expect(subBlock("10.64.0.0/20", 24, 9)).toBe("10.64.9.0/24");
    expect(subBlock("10.32.255.0/24", 25, 1)).toBe("10.32.255.128/25");
    expect(subBlock("255.255.255.255/32", 32, 0)).toBe("255.255.255.255/32");
  });

  it.each([
    ["10.0.0.0/20", 22, 4],
    ["10.0.0.0/20", 19, 0],
    ["10.0.0.0/20", 22, -1],
    ["10.0.0.0/20", 22, 0.5],
    ["10.0.0.1/20", 22, 0],
    ["10.0.0.256/20", 22, 0],
    ["10.0.0/20", 22, 0],
    ["acme", 22, 0],
  ])("refuses %s /%i block %i", (cidrBlock, mask, index) => {
    expect(() => subBlock(cidrBlock, mask, index)).toThrow(/Cannot (divide|read)/);
  });
});
