import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pulumiEnvironment } from "./environment.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "tenantry-env-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const shell = {
  PULUMI_BACKEND_URL: "s3://real-state",
  PULUMI_CONFIG_PASSPHRASE: "real",
  PULUMI_HOME: "/real",
};

describe("pulumiEnvironment on the local cloud", () => {
  it("keeps state, passphrase and home in the data folder, whatever the shell is set up for", () => {
    const env = pulumiEnvironment({ dataDir, cloud: "local", inherited: shell });
    expect(env.PULUMI_BACKEND_URL).toBe(`file://${dataDir}/state`);
    expect(env.PULUMI_HOME).toBe(join(dataDir, "pulumi-home"));
    expect(env.PULUMI_CONFIG_PASSPHRASE).toBe(readFileSync(join(dataDir, "passphrase"), "utf8").trim());
    expect(statSync(join(dataDir, "passphrase")).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, "state")).isDirectory()).toBe(true);
  });

  it("gives the same passphrase every time, and another per data folder", () => {
    const once = pulumiEnvironment({ dataDir, cloud: "local", inherited: {} });
    const again = pulumiEnvironment({ dataDir, cloud: "local", inherited: {} });
    const other = pulumiEnvironment({ dataDir: join(dataDir, "other"), cloud: "local", inherited: {} });
    expect(once.PULUMI_CONFIG_PASSPHRASE).toHaveLength(32);
    expect(again).toEqual(once);
    expect(other.PULUMI_CONFIG_PASSPHRASE).not.toBe(once.PULUMI_CONFIG_PASSPHRASE);
  });

  it("moves the state only when told by its own variable", () => {
    const inherited = { ...shell, TENANTRY_STATE_URL: "file:///elsewhere" };
    expect(pulumiEnvironment({ dataDir, cloud: "local", inherited }).PULUMI_BACKEND_URL).toBe(
      "file:///elsewhere",
    );
  });
});

describe("pulumiEnvironment on AWS", () => {
  it("leaves the caller's state, passphrase and home alone", () => {
    const env = pulumiEnvironment({ dataDir, cloud: "aws", inherited: shell });
    expect(env.PULUMI_BACKEND_URL).toBe("s3://real-state");
    expect(env).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE");
    expect(env).not.toHaveProperty("PULUMI_HOME");
    expect(env).not.toHaveProperty("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION");
  });

  it("makes no passphrase where a key is named that all replicas may use", () => {
    const provider = "awskms:///alias/x?region=eu-west-1";
    const inherited = { TENANTRY_SECRETS_PROVIDER: provider, TENANTRY_STATE_URL: "s3://state" };
    const env = pulumiEnvironment({ dataDir, cloud: "aws", inherited });
    expect(env).toMatchObject({ TENANTRY_SECRETS_PROVIDER: provider, PULUMI_BACKEND_URL: "s3://state" });
    expect(env).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE");
  });

  it("never shares the local cloud's state", () => {
    const url = pulumiEnvironment({ dataDir, cloud: "aws", inherited: {} }).PULUMI_BACKEND_URL;
    expect(url).toBe(`file://${dataDir}/aws/state`);
  });
});
