import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { auditVerifyOffline } from "../../registry/auditFile.ts";
import { addRelease, addTenant } from "./fixtures.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

const command = path.join(import.meta.dirname, "../../registry/verifyCommand.ts");

describeDialects("offline verification", (create) => {
  it("agrees with the service's, while it runs and after", async () => {
    const database = await create();
    const registry = await database.open();
    await addTenant(registry, "acme");
    expect(await auditVerifyOffline(placeOf(database))).toMatchObject({ verified: true, events: 1 });
    await registry.close();
    expect(await auditVerifyOffline(placeOf(database))).toMatchObject({ verified: true, events: 1 });
  });

  it("is a command whose exit code tells the outcome", async () => {
    const database = await create();
    const registry = await database.open();
    await addTenant(registry, "acme");
    const whole = await run(placeOf(database));
    expect(whole).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("1 events in 1 chains: all verified"),
    });

    await database.tamper("update audit_events set actor_id = 'eve'");
    const broken = await run(placeOf(database), "--json");
    expect(broken.code).toBe(2);
    expect(JSON.parse(broken.stdout)).toMatchObject({
      verified: false,
      breaks: [{ kind: "edited", sequence: 1 }],
    });
  });

  it("holds the fleet's chain against a head kept elsewhere", async () => {
    const database = await create();
    const registry = await database.open();
    await addRelease(registry);
    const { fleetHead } = await auditVerifyOffline(placeOf(database));
    const kept = `${fleetHead?.sequence}:${fleetHead?.hash}`;
    await addRelease(registry);
    expect((await run(placeOf(database), "--fleet-head", kept)).code).toBe(0);
    const another = `${fleetHead?.sequence}:${"0".repeat(64)}`;
    const rewritten = await run(placeOf(database), "--fleet-head", another);
    expect(rewritten).toMatchObject({ code: 2, stdout: expect.stringContaining("an earlier verification") });
    expect((await run(placeOf(database), "--fleet-head", "1:abc")).code).toBe(1);
  });

  it("says so when the file is absent or no registry", async () => {
    const database = await create();
    const folder = database.folder;
    expect(await run(path.join(folder, "absent.sqlite"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("must be a registry's file"),
    });
    const other = path.join(folder, "other.txt");
    await writeFile(other, "not a database, but long enough to have been one".repeat(50));
    expect(await run(other)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${other} must be a registry`),
    });
    expect(await run("--fleet-head")).toMatchObject({ code: 1, stderr: expect.stringContaining("Usage:") });
    expect(await run("--help")).toMatchObject({ code: 0, stdout: expect.stringContaining("Usage:") });
  });
});

function placeOf({ location }: TestDatabase): string {
  return "url" in location ? location.url : location.file;
}

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [command, "verify", ...args]);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}
