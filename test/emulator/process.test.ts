import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TestCloud } from "../support/localCloud.ts";
import { startTestCloud } from "../support/localCloud.ts";
import type { TestStacks } from "./support.ts";
import { aws, createTestStacks } from "./support.ts";

const QUEUE = "aws:sqs/queue:Queue";
const EMULATOR = fileURLToPath(new URL("../../emulator/", import.meta.url));
const run = promisify(execFile);

let dataFolder: string;
let cloud: TestCloud;
let stacks: TestStacks;

beforeAll(() => {
  dataFolder = mkdtempSync(join(tmpdir(), "tenantry-cloud-"));
  stacks = createTestStacks(() => cloud);
});
afterEach(() => cloud.stop());
afterAll(() => {
  stacks?.close();
  rmSync(dataFolder, { recursive: true, force: true });
});

function queue(name: string) {
  return async () => {
    const jobs = new aws.sqs.Queue("jobs", { name });
    return { arn: jobs.arn };
  };
}

describe("the local cloud as a process", () => {
  it("keeps the account over a kill and forgets faults", async () => {
    cloud = await startTestCloud({ dataFolder });
    const account = await cloud.request<{ accountId: string }>("GET", "/v1/status");
    const stack = await stacks.stack("kept", queue("kept"));
    await stack.up();
    await cloud.fault({ type: "*", kind: "fail", count: 10 });
    await cloud.request("PUT", "/v1/profile", { ecsSteadyMs: 1_234 });
    await cloud.kill();

    cloud = await startTestCloud({ dataFolder });
    expect(await cloud.request("GET", "/v1/faults")).toEqual({ faults: [] });
    expect(await cloud.request("GET", "/v1/status")).toMatchObject({
      accountId: account.accountId,
      resources: 1,
    });
    expect(await cloud.request("GET", "/v1/profile")).toMatchObject({ ecsSteadyMs: 1_234 });
    // The stack's settings still name the ports of the first process.
    const again = await stacks.stack("kept", queue("kept"));
    expect((await again.up()).summary.resourceChanges).toEqual({ same: 2 });
    await again.destroy();
    expect(await cloud.resources()).toEqual([]);
  });

  it("refuses a second process on its folder and names the first", async () => {
    cloud = await startTestCloud({ dataFolder });
    const second = run(process.execPath, [join(EMULATOR, "main.ts"), "--data", dataFolder]);
    await expect(second).rejects.toMatchObject({
      code: 3,
      stderr: expect.stringContaining(`process ${cloud.pid}`),
    });
    expect(await cloud.request("GET", "/v1/status")).toMatchObject({ pid: cloud.pid });
  });

  it("does not end on request while a run may need it, and says which code it runs", async () => {
    cloud = await startTestCloud({ dataFolder });
    const stack = await stacks.stack("in-use", queue("in-use"));
    await stack.up();
    const end = (quietMs: number) => cloud.request("POST", "/v1/shutdown", { quietMs });
    await expect(end(600_000)).rejects.toThrow(/409 in_use/);
    await stack.destroy();
    expect(await end(0)).toEqual({ stopping: true });

    const coded = mkdtempSync(join(tmpdir(), "tenantry-cloud-"));
    const args = ["--data", coded, "--idle-exit-ms", "300", "--code", "of-today"];
    const { stdout } = await run(process.execPath, [join(EMULATOR, "main.ts"), ...args]);
    expect(JSON.parse(stdout)).toMatchObject({ code: "of-today" });
    rmSync(coded, { recursive: true });
  });

  it("ends by itself when nobody calls", async () => {
    cloud = await startTestCloud();
    const folder = mkdtempSync(join(tmpdir(), "tenantry-cloud-"));
    const idle = run(process.execPath, [
      join(EMULATOR, "main.ts"),
      "--data",
      folder,
      "--idle-exit-ms",
      "300",
    ]);
    await expect(idle).resolves.toMatchObject({ stderr: "" });
    expect(existsSync(join(folder, "emulator.json"))).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it("serves two runs at once, each in the region and account it configured", async () => {
    cloud = await startTestCloud({ dataFolder });
    const twice = async () => {
      const role = "arn:aws:iam::210987654321:role/deployer";
      const provider = new aws.Provider("other", { region: "us-east-1", assumeRoles: [{ roleArn: role }] });
      const near = new aws.sqs.Queue("near", { name: "same-name" });
      const far = new aws.sqs.Queue("far", { name: "same-name" }, { provider });
      return { near: near.arn, far: far.arn };
    };
    const [west, central] = await Promise.all([
      stacks.stack("west", twice, "eu-west-1"),
      stacks.stack("central", queue("same-name"), "eu-central-1"),
    ]);
    const first = await west.up();
    const [again, other] = await Promise.all([west.up(), central.up()]);
    expect(again.summary.resourceChanges).toEqual({ same: 4 });
    expect(first.outputs.near?.value).toMatch(/^arn:aws:sqs:eu-west-1:/);
    expect(first.outputs.far?.value).toBe("arn:aws:sqs:us-east-1:210987654321:same-name");
    expect(other.outputs.arn?.value).toMatch(/^arn:aws:sqs:eu-central-1:/);
    expect(await cloud.resources({ type: QUEUE, region: "eu-central-1" })).toHaveLength(1);
    expect(await cloud.resources({ type: QUEUE, account: "210987654321" })).toHaveLength(1);
    await Promise.all([west.destroy(), central.destroy()]);
    expect(await cloud.resources({ type: QUEUE })).toEqual([]);
  });

  it("answers on the command line", async () => {
    cloud = await startTestCloud({ dataFolder });
    const stack = await stacks.stack("cli", queue("by-hand"));
    await stack.up();
    const cli = async (...args: readonly string[]) => {
      const { stdout } = await run(process.execPath, [
        join(EMULATOR, "cli.ts"),
        "--data",
        dataFolder,
        ...args,
      ]);
      return stdout;
    };
    expect(await cli("list", "--type", QUEUE)).toMatch(/^type +name .*\naws:sqs\/queue:Queue +by-hand /);
    await cli("change", QUEUE, "by-hand", '{"delaySeconds":4}');
    expect(JSON.parse(await cli("show", QUEUE, "by-hand")).properties.delaySeconds).toBe(4);
    await cli("fault", QUEUE, "--kind", "hang", "--count", "3");
    expect(await cli("faults")).toContain("hang");
    await cli("faults", "--clear");
    expect(JSON.parse(await cli("profile", '{"latencyMs":1}')).latencyMs).toBe(1);
    await cli("delete", QUEUE, "by-hand");
    expect(JSON.parse(await cli("--json", "list", "--type", QUEUE))).toEqual([]);
    await expect(cli("show", QUEUE, "by-hand")).rejects.toMatchObject({
      stderr: expect.stringContaining("Cannot find aws:sqs/queue:Queue by-hand"),
    });
    await expect(cli("fault", "aws:sqs/queue:queue")).rejects.toMatchObject({
      stderr: expect.stringContaining("Cannot break aws:sqs/queue:queue"),
    });
    expect(await cli("faults")).toBe("none\n");
    await stack.destroy();
    await cloud.kill();
    await expect(cli("status")).rejects.toMatchObject({ stderr: expect.stringContaining("It has ended") });
  });

  it("is no trouble to a reader that has seen enough", async () => {
    cloud = await startTestCloud({ dataFolder });
    // More than a pipe holds, so that the writer is still at it when the reader goes.
    const many = Array.from({ length: 1_000 }, () => ({
      type: QUEUE,
      kind: "latency",
      message: "x".repeat(200),
    }));
    for (const fault of many) await cloud.fault(fault);
    const pipe = `"${process.execPath}" "${join(EMULATOR, "cli.ts")}" --data "${dataFolder}" faults | head -1`;
    const { stdout, stderr } = await run("bash", ["-o", "pipefail", "-c", pipe]);
    expect(stdout).toMatch(/^faultId /);
    expect(stderr).toBe("");
  });

  it("is reached by runs that start their plugins the ordinary way", async () => {
    cloud = await startTestCloud({ dataFolder });
    const stack = await stacks.stack("plugin", queue("through-a-plugin"));
    const settings = await stack.workspace.projectSettings();
    const path = join(EMULATOR, "plugins");
    const plugins = { providers: ["aws", "awsx"].map((name) => ({ name, path })) };
    await stack.workspace.saveProjectSettings({ ...settings, ...{ plugins } });
    stack.workspace.envVars = {
      ...stack.workspace.envVars,
      PULUMI_DEBUG_PROVIDERS: "",
      TENANTRY_EMULATOR_DATA: dataFolder,
    };
    const created = await stack.up();
    expect(created.outputs.arn?.value).toMatch(/:through-a-plugin$/);
    expect(await cloud.resources({ type: QUEUE })).toHaveLength(1);
    await stack.destroy();
  });
});
