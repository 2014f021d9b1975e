import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { StackConfigError, stackConfigOf } from "../config.ts";
import { PlaneConfig, parsePlaneConfig } from "./config.ts";

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
      router: { cpu: 256, memoryMiB: 512, healthPath: "/healthz", trustedKeys: [] },
    });
  });

  it("takes one tenant's id for a plane of its own, and nothing like one", () => {
    const dedicatedTo = "0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b01";
    expect(parsePlaneConfig("own", { ...GOOD, dedicatedTo })).toMatchObject({ dedicatedTo });
    for (const wrong of ["acme", dedicatedTo.toUpperCase(), ""])
      expect(() => parsePlaneConfig("own", { ...GOOD, dedicatedTo: wrong })).toThrow(/tenantry:dedicatedTo/);
  });

  it("names every problem with its key and says how to set it", () => {
    const bad = { ...GOOD, environment: "qa", domain: "nodots", aws: {}, router: { image: "" }, nat: true };
    let message = "";
    try {
      parsePlaneConfig("qa", bad);
    } catch (error) {
      expect(error).toBeInstanceOf(StackConfigError);
      message = (error as Error).message;
    }
    for (const key of [
      "tenantry:environment",
      "tenantry:domain",
      "aws:region",
      "tenantry:router.image",
      "tenantry:nat: is not a setting of a plane",
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
    [{ customDomains: { certificateArns: ["arn:aws:iam::1:x"] } }, "tenantry:customDomains.certificateArns"],
    [{ router: { trustedKeys: ["-----BEGIN PRIVATE KEY-----"] } }, "tenantry:router.trustedKeys"],
  ])("refuses %j", (more, key) => {
    expect(() => parsePlaneConfig("dev", { ...GOOD, ...more })).toThrow(key);
  });
});

const dev = { what: "plane", stack: "dev" };

describe("stackConfigOf", () => {
  const all = {
    "aws:region": "eu-west-1",
    "tenantry:environment": "dev",
    "tenantry:network": '{"zones":["eu-west-1a","eu-west-1b"]}',
    "pulumi:tags": "{}",
  };

  it("takes our keys and the region, objects as objects", () => {
    expect(stackConfigOf(dev, all)).toEqual({
      environment: "dev",
      network: { zones: ["eu-west-1a", "eu-west-1b"] },
      aws: { region: "eu-west-1" },
    });
  });

  it("lets the provider's own settings win over aws:region", () => {
    const aws = { region: "us-east-1", profile: "p" };
    expect(stackConfigOf(dev, { ...all, "tenantry:aws": JSON.stringify(aws) }).aws).toEqual(aws);
  });

  it("brings a misspelt key to where it is refused", () => {
    const raw = stackConfigOf(dev, {
      ...all,
      "tenantry:protekt": "true",
      "tenantry:network": '{"zone":1}',
    });
    expect(() => parsePlaneConfig("dev", raw)).toThrow(
      /tenantry:network\.zone: is not a setting[\s\S]*tenantry:protekt: is not a setting/,
    );
  });

  it("refuses settings of the default provider, which the plane does not use", () => {
    const guarded = { ...all, "aws:allowedAccountIds": '["123456789012"]' };
    expect(() => stackConfigOf(dev, guarded)).toThrow(
      "aws:allowedAccountIds: must be set as tenantry:aws.allowedAccountIds",
    );
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
    for (const [key] of given) expect(Object.keys(PlaneConfig.shape)).toContain(key);
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
