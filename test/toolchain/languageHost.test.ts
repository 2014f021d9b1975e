import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkoutFolder, toolsPath } from "./toolsPath.ts";

/** A project as ours is: an ES module in TypeScript, the entry point elsewhere than the project file. */
const PROGRAM = `
import { appendFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { shout } from "./shout.ts";
const config = new pulumi.Config("tiny");
class Thing extends pulumi.ComponentResource {
  constructor(name: string) { super("tiny:index:Thing", name); this.registerOutputs({}); }
}
new Thing("one");
console.log("printed by the program");
if (config.getBoolean("broken")) throw new Error("broken on purpose");
appendFileSync("runs", pulumi.runtime.isDryRun() ? "p" : "u");
await Promise.resolve();
export const greeting: string = shout(config.require("name"));
export const secret = config.requireSecret("secret");
`;

let folder = "";
let env: NodeJS.ProcessEnv = {};

function pulumi(...args: string[]) {
  const result = spawnSync("pulumi", [...args, "--non-interactive"], {
    cwd: join(folder, "project"),
    env,
    encoding: "utf8",
  });
  return { status: result.status, output: result.stdout + result.stderr, stdout: result.stdout };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tenantry-host-"));
  for (const name of ["project", "program", "state", "home"]) mkdirSync(join(folder, name));
  symlinkSync(join(checkoutFolder, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "program", "main.ts"), PROGRAM);
  writeFileSync(
    join(folder, "program", "shout.ts"),
    "export const shout = (text: string): string => text + '!';\n",
  );
  const host = join(checkoutFolder, "toolchain", "language-host", "bin");
  const project = {
    name: "tiny",
    main: join(folder, "program", "main.ts"),
    runtime: { name: "nodejs", options: { typescript: false } },
    // Named here, so that the stand-in is what runs even where an official host exists.
    plugins: { languages: [{ name: "nodejs", path: host }] },
  };
  writeFileSync(join(folder, "project", "Pulumi.yaml"), JSON.stringify(project));
  env = {
    ...process.env,
    PATH: toolsPath(),
    PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
    PULUMI_HOME: join(folder, "home"),
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_SKIP_UPDATE_CHECK: "1",
  };
  pulumi("stack", "init", "dev");
  pulumi("config", "set", "name", "ada", "-s", "dev");
  pulumi("config", "set", "secret", "hush", "--secret", "-s", "dev");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the stand-in language host", () => {
  it("runs a TypeScript module for preview and for update, each in a process of its own", () => {
    const up = pulumi("up", "--yes", "-s", "dev");
    expect(up.output).toContain("printed by the program");
    expect(up.output).toContain("+ 2 created");
    expect(up.status).toBe(0);
    const runs = execFileSync("cat", [join(folder, "program", "runs")], { encoding: "utf8" });
    expect(runs).toBe("pu");
    const outputs = JSON.parse(pulumi("stack", "output", "--json", "-s", "dev").stdout);
    expect(outputs).toEqual({ greeting: "ada!", secret: "[secret]" });
  });

  it("shows a program's error once and fails the run", () => {
    const preview = pulumi("preview", "-s", "dev", "-c", "tiny:broken=true");
    expect(preview.output).toContain("broken on purpose");
    expect(preview.status).not.toBe(0);
    expect(pulumi("config", "rm", "tiny:broken", "-s", "dev").status).toBe(0);
  });

  it("fails a program that cannot be read, naming it", () => {
    writeFileSync(join(folder, "program", "shout.ts"), "export const shout = (text: string): string => `");
    const preview = pulumi("preview", "-s", "dev");
    expect(preview.output).toContain("shout.ts");
    expect(preview.status).not.toBe(0);
  });

  it("tells the CLI what runs programs", () => {
    expect(pulumi("about", "-s", "dev").output).toContain(process.version);
  });
});
