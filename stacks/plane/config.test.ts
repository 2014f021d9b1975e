import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { PLANE_CONFIG_KEYS, PlaneConfigError, parsePlaneConfig } from "./config.ts";

const GOOD = {
  environment: "dev",
  domain: "dev.tenants.example",
  aws: { region: "eu-west-1" },
  router: { image: "router:1" },
};
const ROOT = new URL("../../", import.meta.url);

describe("parsePlaneConfig", () => {
  it("fills in what the file leaves out", () => {
    expect(parsePlaneConfig("dev", GOOD)).toMatchObject({
      network: { cidrBlock: "10.32.0.0/16", allowedCidrBlocks: ["0.0.0.0/0"] },
      database: { engineVersion: "17.4" },
      router: { cpu: 256, memoryMiB: 512, healthPath: "/" },
    });
  });

  it("names every problem with its key and says how to set it", () => {
    const bad = { ...GOOD, environment: "qa", domain: "nodots", aws: {}, router: {}, nat: true };
    let message = "";
    try {
      parsePlaneConfig("qa", bad);
    } catch (error) {
      expect(error).toBeInstanceOf(PlaneConfigError);
      message = (error as Error).message;
    }
    for (const key of [
      "tenantry:environment",
      "tenantry:domain",
      "aws:region",
      "tenantry:router.image",
      "nat",
    ]) {
      expect(message).toContain(key);
    }
    expect(message).toContain("pulumi config set --stack qa");
  });

  it.each([
    [{ network: { zones: ["eu-west-1a"] } }, "tenantry:network.zones"],
    [{ retention: { secretRecoveryDays: 3 } }, "tenantry:retention.secretRecoveryDays"],
    [{ retention: { logDays: 31 } }, "tenantry:retention.logDays"],
    [{ aws: { region: "eu-west-1", endpoints: "not a url" } }, "tenantry:aws.endpoints"],
    [{ aws: { region: "europe" } }, "aws:region"],
    [{ database: { minCapacity: 0.7 } }, "tenantry:database.minCapacity"],
  ])("refuses %j", (more, key) => {
    expect(() => parsePlaneConfig("dev", { ...GOOD, ...more })).toThrow(key);
  });
});

describe("the committed stack files", () => {
  const files = readdirSync(ROOT).filter((name) => /^Pulumi\..+\.yaml$/.test(name));

  it("are one for dev and one for prod", () => {
    expect(files.sort()).toEqual(["Pulumi.dev.yaml", "Pulumi.prod.yaml"]);
  });

  it.each(files)("%s is a valid plane and points at no stand-in", (file) => {
    const text = readFileSync(new URL(file, ROOT), "utf8");
    const { config, ...rest } = parse(text) as { config: Record<string, unknown> };
    // A salt or a key here would mean that a run has written into the checkout.
    expect(rest).toEqual({});
    const given = Object.entries(config)
      .filter(([key]) => key.startsWith("tenantry:"))
      .map(([key, value]) => [key.slice("tenantry:".length), value] as const);
    for (const [key] of given) expect(PLANE_CONFIG_KEYS).toContain(key);
    const parsed = parsePlaneConfig(file, {
      ...Object.fromEntries(given),
      aws: { region: config["aws:region"] },
    });
    expect(file).toBe(`Pulumi.${parsed.environment}.yaml`);
    expect(text).not.toMatch(/endpoint|127\.0\.0\.1|localhost/);
  });

  it("leave the providers to Pulumi", () => {
    const project = parse(readFileSync(new URL("Pulumi.yaml", ROOT), "utf8")) as Record<string, unknown>;
    expect(project).toMatchObject({ name: "tenantry", main: "stacks/plane/index.ts" });
    expect(project).not.toHaveProperty("plugins");
  });
});
