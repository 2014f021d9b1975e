import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { StackConfigError, stackConfigOf } from "../config.ts";
import { parseControlPlaneConfig } from "./config.ts";
import { controlPlaneArgs } from "./program.ts";

const GOOD = {
  environment: "prod",
  domain: "control.example.com",
  image: "registry.example.com/tenantry:1",
  aws: { region: "eu-west-1" },
};
const FOLDER = new URL("./", import.meta.url);
const location = { partition: "aws", region: "eu-west-1", accountId: "123456789012" };

describe("parseControlPlaneConfig", () => {
  it("fills in what the file leaves out, twice of everything in prod", () => {
    const args = controlPlaneArgs(parseControlPlaneConfig("prod", GOOD), location, ["a", "b"]);
    expect(args).toMatchObject({
      protect: true,
      network: { natGateways: "OnePerAz", allowedCidrBlocks: ["10.31.0.0/20"] },
      api: { count: 2 },
      worker: { count: 2, concurrency: 8 },
      database: { instances: 2 },
      planeAccounts: ["123456789012"],
    });
  });

  it("names every problem with its key", () => {
    const bad = {
      ...GOOD,
      environment: "qa",
      image: "",
      aws: {},
      worker: { concurency: 2 },
      planes: { accounts: ["1"] },
    };
    let message = "";
    try {
      parseControlPlaneConfig("qa", bad);
    } catch (error) {
      expect(error).toBeInstanceOf(StackConfigError);
      message = (error as Error).message;
    }
    for (const key of [
      "tenantry:environment",
      "tenantry:image",
      "aws:region",
      "tenantry:planes.accounts.0",
    ]) {
      expect(message).toContain(key);
    }
    expect(message).toContain("tenantry:worker.concurency: is not a setting of a control plane");
  });
});

const files = readdirSync(FOLDER).filter((name) => /^Pulumi\..+\.yaml$/.test(name));
it.each(files)("%s is valid and points at no stand-in", (file) => {
  const text = readFileSync(new URL(file, FOLDER), "utf8");
  const { config, ...rest } = parse(text) as { config: Record<string, unknown> };
  expect(rest).toEqual({});
  const all = Object.entries(config).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const parsed = parseControlPlaneConfig(
    file,
    stackConfigOf({ what: "control plane", stack: file }, Object.fromEntries(all)),
  );
  expect(file).toBe(`Pulumi.${parsed.environment}.yaml`);
  expect(text).not.toMatch(/endpoint|127\.0\.0\.1|localhost/);
});
