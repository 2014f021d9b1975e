import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureLocalCloud, findLocalCloud, stopLocalCloud } from "../../launcher/localCloud.ts";

const program = fileURLToPath(new URL("./fakeCloud.ts", import.meta.url));
const launcher = new URL("../../launcher/localCloud.ts", import.meta.url).href;

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "tenantry-launch-"));
  mkdirSync(join(dataDir, "cloud"));
});
afterEach(async () => {
  await stopLocalCloud({ dataDir });
  rmSync(dataDir, { recursive: true, force: true });
});

const starts = () =>
  readFileSync(join(dataDir, "cloud", "starts"), "utf8")
    .trim()
    .split("\n");
const announce = (pid: number, controlUrl: string) =>
  writeFileSync(
    join(dataDir, "cloud", "emulator.json"),
    JSON.stringify({ pid, controlUrl, providers: { aws: 1, awsx: 2 } }),
  );

async function ensureInAnotherProcess(): Promise<number> {
  const script = `import { ensureLocalCloud } from ${JSON.stringify(launcher)};
    console.log((await ensureLocalCloud(${JSON.stringify({ dataDir, program })})).pid)`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script];
  return Number((await promisify(execFile)(process.execPath, args)).stdout);
}

describe("ensureLocalCloud", () => {
  it("starts one cloud for callers in several processes, and it outlives them", async () => {
    const pids = await Promise.all([
      ensureInAnotherProcess(),
      ensureInAnotherProcess(),
      ensureInAnotherProcess(),
    ]);
    expect(new Set(pids).size).toBe(1);
    expect(starts()).toHaveLength(1);
    expect(await findLocalCloud(dataDir)).toMatchObject({
      pid: pids[0],
      providerEnv: { PULUMI_DEBUG_PROVIDERS: "aws:1001,awsx:1002" },
    });
  });

  it("passes the idle limit on: 30 minutes unless told otherwise, none for 0", async () => {
    await ensureLocalCloud({ dataDir, program });
    await stopLocalCloud({ dataDir });
    await ensureLocalCloud({ dataDir, program, idleExitMs: 0 });
    expect(starts().map((line) => line.split(" ")[1])).toEqual(["1800000", "never"]);
  });

  it("replaces an announcement whose process is gone", async () => {
    announce(2 ** 22 + 1, "http://127.0.0.1:9");
    expect(await findLocalCloud(dataDir)).toBeUndefined();
    const cloud = await ensureLocalCloud({ dataDir, program });
    expect(cloud.pid).not.toBe(2 ** 22 + 1);
    expect(starts()).toHaveLength(1);
  });

  it("does not believe another program that has taken the port, or the pid", async () => {
    const other = createServer((_request, response) => response.end("{}"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    announce(process.pid, `http://127.0.0.1:${(other.address() as AddressInfo).port}`);
    const cloud = await ensureLocalCloud({ dataDir, program });
    other.close();
    expect(cloud.pid).not.toBe(process.pid);
  });

  it("replaces one that runs other code, unless a run is in the middle of using it", async () => {
    const before = await ensureLocalCloud({ dataDir, program, code: "before" });
    expect(await ensureLocalCloud({ dataDir, program, code: "before" })).toEqual(before);
    const inUse = join(dataDir, "cloud", "in-use");
    writeFileSync(inUse, "");
    expect(await ensureLocalCloud({ dataDir, program, code: "after" })).toEqual(before);
    rmSync(inUse);
    const after = await ensureLocalCloud({ dataDir, program, code: "after" });
    expect(after.pid).not.toBe(before.pid);
    expect(() => process.kill(before.pid, 0)).toThrow("ESRCH");
    expect(starts()).toHaveLength(2);
  });

  it("says why a cloud did not start, with the end of its log, and lets the next caller try", async () => {
    writeFileSync(join(dataDir, "cloud", "refuse"), "");
    await expect(ensureLocalCloud({ dataDir, program })).rejects.toThrow(
      /exit code 4[\s\S]*refused on purpose/,
    );
    rmSync(join(dataDir, "cloud", "refuse"));
    expect((await ensureLocalCloud({ dataDir, program })).pid).toBeGreaterThan(0);
  });

  it("tries again while another one, begun by a process that was killed, has the folder", async () => {
    writeFileSync(join(dataDir, "cloud", "occupied"), "");
    expect((await ensureLocalCloud({ dataDir, program })).pid).toBeGreaterThan(0);
    expect(starts()).toHaveLength(2);
  });
});

it("stopLocalCloud ends the process, and is content when there is none", async () => {
  const { pid } = await ensureLocalCloud({ dataDir, program });
  await stopLocalCloud({ dataDir });
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  await stopLocalCloud({ dataDir });
});
