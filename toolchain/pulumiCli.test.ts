import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { pulumiVersionSuits, wantedPulumiVersion } from "./pulumiCli.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

describe("the Pulumi CLI's version", () => {
  it.each([
    ["v3.259.0", true],
    ["3.259.1", true],
    ["v3.300.0-alpha.1", true],
    ["v3.258.9", false],
    ["v4.0.0", false],
    ["v2.999.0", false],
    ["unknown", false],
  ])("%s suits 3.259.0: %s", (version, suits) => {
    expect(pulumiVersionSuits(version, "3.259.0")).toBe(suits);
  });

  it("is the same in package.json and in the Go module that builds it", () => {
    const module = readFileSync(join(root, "toolchain", "pulumi-cli", "go.mod"), "utf8");
    const wanted = wantedPulumiVersion(root);
    expect(module).toContain(`github.com/pulumi/pulumi/pkg/v3 v${wanted}`);
    expect(module).toContain(`github.com/pulumi/pulumi/sdk/v3 v${wanted}`);
  });
});
