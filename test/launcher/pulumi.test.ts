import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkoutFolder, toolsPath } from "../toolchain/toolsPath.ts";

let folder = "";
let env: NodeJS.ProcessEnv = {};

/** As a person in a folder of their own would call it. */
function pulumi(args: readonly string[], more: NodeJS.ProcessEnv = {}) {
  const result = spawnSync(join(checkoutFolder, "script", "pulumi"), args, {
    cwd: folder,
    env: { ...env, ...more },
    encoding: "utf8",
  });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}
const data = (...path: string[]) => join(folder, "data", ...path);
const committedSettings = () =>
  execFileSync("cat", ["Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"], {
    cwd: checkoutFolder,
    encoding: "utf8",
  });

let before = "";
beforeAll(() => {
  before = committedSettings();
  folder = mkdtempSync(join(tmpdir(), "tenantry-pulumi-"));
  const shell = { PULUMI_BACKEND_URL: "file:///nowhere", PULUMI_CONFIG_PASSPHRASE: "the shell's own" };
  env = { ...process.env, ...shell, PATH: toolsPath(), TENANTRY_DATA: data() };
  delete env.TENANTRY_CLOUD;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("script/pulumi", () => {
  it("is the real CLI: output and exit code are its own", () => {
    expect(pulumi(["version"]).stdout).toMatch(/^v3\.\d+\.\d+/);
    const missing = pulumi(["stack", "select", "missing"]);
    expect(missing.status).not.toBe(0);
    expect(missing.stderr).toContain("no stack named 'missing' found");
  });

  it("keeps state, salt and local settings in the data folder, and the checkout clean", () => {
    expect(pulumi(["stack", "init", "dev"]).status).toBe(0);
    expect(pulumi(["config", "set", "tenantry:note", "mine", "--stack", "dev"]).status).toBe(0);
    expect(pulumi(["config", "get", "tenantry:note", "--stack", "dev"]).stdout.trim()).toBe("mine");
    const settings = parse(readFileSync(data("plane", "Pulumi.dev.yaml"), "utf8"));
    const committed = parse(readFileSync(join(checkoutFolder, "Pulumi.dev.yaml"), "utf8"));
    expect(settings.encryptionsalt).toMatch(/^v1:/);
    expect(settings.config).toEqual({ ...committed.config, "tenantry:note": "mine" });
    expect(existsSync(data("state", ".pulumi", "stacks", "tenantry", "dev.json"))).toBe(true);
    expect(statSync(data("passphrase")).mode & 0o777).toBe(0o600);
    expect(committedSettings()).toBe(before);
  });

  it("means the caller's folder by a relative file name", () => {
    expect(pulumi(["stack", "export", "--stack", "dev", "--file", "state.json"]).status).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, "state.json"), "utf8"))).toHaveProperty("version");
  });

  it("starts no local cloud for a command that needs none", () => {
    expect(existsSync(data("cloud"))).toBe(false);
  });

  it("names the clouds there are when given another", () => {
    const result = pulumi(["--cloud", "azure", "up"]);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('must be "local" or "aws", got "azure"');
  });

  it("on AWS leaves the caller's backend alone and runs in the checkout", () => {
    const result = pulumi(["stack", "ls", "--cloud", "aws"], {
      PULUMI_BACKEND_URL: `file://${join(folder, "absent")}`,
    });
    expect(result.status).not.toBe(0);
    expect(result.stderr).toContain("absent");
    expect(existsSync(data("aws"))).toBe(false);
  });
});
