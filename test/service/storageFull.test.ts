import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

const MB = 1024 * 1024;
const mounts: string[] = [];
const services: TestService[] = [];
const usualFolder = process.env.TMPDIR;

afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
  if (usualFolder === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = usualFolder;
  for (const mount of mounts.splice(0)) {
    execFileSync("umount", ["--lazy", mount]);
    rmSync(mount, { recursive: true, force: true });
  }
});

/** A disk of a few MB; undefined where this user may not mount one. */
function smallDisk(): string | undefined {
  const folder = mkdtempSync(path.join(tmpdir(), "tenantry-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], { stdio: "pipe" });
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
  mounts.push(folder);
  return folder;
}

async function startOn(disk: string | undefined, skip: (why: string) => void, reserveMb: number) {
  if (disk === undefined) {
    skip("this user may not mount a tmpfs");
    throw new Error("skipped");
  }
  process.env.TMPDIR = disk;
  const service = await startTestService(["--disk-reserve-mb", String(reserveMb)]);
  services.push(service);
  return service;
}

const freeBytes = (disk: string) => {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
};

/** Leaves so much free. */
function fill(disk: string, leaveBytes: number): void {
  const file = path.join(disk, "ballast");
  for (const step of [MB, 4096]) {
    while (freeBytes(disk) - step >= leaveBytes) appendFileSync(file, Buffer.alloc(step));
  }
}

const empty = (disk: string) => rmSync(path.join(disk, "ballast"));

const create = (service: TestService, slug: string) =>
  service.call("POST", `${controlPlane}/tenants`, { body: { slug, displayName: slug, plan: "starter" } });

const storageCheck = async (service: TestService) => {
  const { status, body } = await service.call("GET", "/readiness");
  expect(status).toBe(200);
  return body.checks.find(({ name }: { name: string }) => name === "storage");
};

describe("a service whose disk is full", () => {
  it("refuses changes with a clear answer, goes on reading, and recovers by itself", async ({ skip }) => {
    const disk = smallDisk();
    const service = await startOn(disk, skip, 0);
    await createTenant(service, "before");
    fill(disk ?? "", 0);
    // The log of the database may have some pages left.
    const refused = await waitFor("a refusal", async () => {
      const answer = await create(service, `during-${Math.random().toString(36).slice(2, 8)}`);
      return answer.status === 201 ? undefined : answer;
    });
    expect(refused).toMatchObject({ status: 507, body: { code: "storage_full" } });
    expect(refused.headers.get("retry-after")).toBe("30");
    expect(await storageCheck(service)).toMatchObject({ ok: false });
    expect((await create(service, "after-notice")).body).toMatchObject({
      code: "storage_full",
      detail: expect.stringContaining("Reads go on"),
    });
    const list = await service.call("GET", `${controlPlane}/tenants`);
    expect(list.status).toBe(200);
    const before = list.body.items.length;
    empty(disk ?? "");
    await waitFor("room", async () => ((await storageCheck(service)).ok ? true : undefined));
    expect((await create(service, "afterwards")).status).toBe(201);
    const after = await service.call("GET", `${controlPlane}/tenants`);
    expect(after.body.items).toHaveLength(before + 1);
    const audit = await service.call("GET", `${controlPlane}/audit/verification`);
    expect(audit.body).toMatchObject({ verified: true });
  });

  it("begins no operation below its reserve, and all of them afterwards", async ({ skip }) => {
    const disk = smallDisk();
    const service = await startOn(disk, skip, 8);
    await createRelease(service, "1.0.0");
    const [running, waiting] = [
      await createTenant(service, "running"),
      await createTenant(service, "waiting"),
    ];
    const activate = async (tenantId: string) =>
      (await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} })).body
        .operations[0].operationId as string;
    let open = () => {};
    service.world.gate = new Promise((resolve) => {
      open = resolve;
    });
    const first = await activate(running);
    await waitFor("the run", async () => service.world.runs[0]);
    const ids = [first];
    await service.restart(["--disk-reserve-mb", "8", "--concurrency", "1"]);
    await waitFor("the run again", async () => service.world.runs[1]);
    ids.push(await activate(waiting));
    fill(disk ?? "", 4 * MB);
    await waitFor("the notice", async () => ((await storageCheck(service)).ok ? undefined : true));
    open();
    service.world.gate = undefined;
    // What runs may end; there is room for that.
    expect(await ended(service, first)).toMatchObject({ status: "succeeded" });
    const queued = await service.call("GET", `${controlPlane}/operations/${ids[1]}`);
    expect(queued.body).toMatchObject({ status: "queued" });
    expect((await create(service, "refused")).body).toMatchObject({ code: "storage_full" });
    empty(disk ?? "");
    expect(await ended(service, ids[1] ?? "")).toMatchObject({ status: "succeeded" });
  });
});
