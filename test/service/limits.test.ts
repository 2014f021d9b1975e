import path from "node:path";
import Database from "better-sqlite3";
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

const services: TestService[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});

async function start(...flags: string[]): Promise<TestService> {
  const service = await startTestService(["--reconcile", "off", ...flags]);
  services.push(service);
  await createRelease(service, "1.0.0");
  return service;
}

async function activate(service: TestService, slug: string): Promise<string> {
  const tenantId = await createTenant(service, slug);
  const { body } = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} });
  return body.operations[0].operationId;
}

function gate(service: TestService): () => void {
  let open = () => {};
  service.world.gate = new Promise((resolve) => {
    open = resolve;
  });
  return open;
}

async function metric(service: TestService, name: string): Promise<number | undefined> {
  const { body } = await service.call("GET", "/metrics");
  const line = String(body)
    .split("\n")
    .find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
}

describe("what runs at once", () => {
  it("is one operation where there is no memory for two, and the others wait their turn", async () => {
    const service = await start("--concurrency", "4", "--operation-memory-mb", "1000000");
    const open = gate(service);
    const ids = [await activate(service, "one"), await activate(service, "two")];
    await waitFor("the first run", async () => service.world.runs[0]);
    expect(await metric(service, "tenantry_operations_queued")).toBe(1);
    expect(await metric(service, "tenantry_plane_operations_running")).toBe(1);
    expect(await metric(service, "tenantry_operations_queue_lag_seconds")).toBeGreaterThanOrEqual(0);
    expect(await metric(service, "tenantry_read_only")).toBe(0);
    expect(await metric(service, "tenantry_leases_lost_total")).toBe(0);
    open();
    for (const id of ids) expect(await ended(service, id)).toMatchObject({ status: "succeeded" });
    expect(service.world.peaks.overall).toBe(1);
    // The figures of the fleet are counted again only after a while that goes by how long counting took.
    await expect.poll(() => metric(service, "tenantry_operations_queued"), { timeout: 15_000 }).toBe(0);
  });

  it("keeps to the bound of a plane", async () => {
    const service = await start(
      "--concurrency",
      "8",
      "--plane-concurrency",
      "2",
      "--operation-memory-mb",
      "0",
    );
    const open = gate(service);
    const ids: string[] = [];
    for (const slug of ["one", "two", "three", "four", "five"]) ids.push(await activate(service, slug));
    await waitFor("two runs", async () => (service.world.runs.length === 2 ? true : undefined));
    open();
    for (const id of ids) expect(await ended(service, id)).toMatchObject({ status: "succeeded" });
    expect(service.world.peaks.overall).toBeLessThanOrEqual(2);
  });
});

describe("a queue that is full", () => {
  it("refuses the next with the time to come again, and takes it when there is room", async () => {
    const service = await start("--concurrency", "1");
    const open = gate(service);
    const running = await activate(service, "running");
    await waitFor("the run", async () => service.world.runs[0]);
    const tenantId = await createTenant(service, "late");
    const file = new Database(path.join(service.dataDir, "registry.sqlite"));
    const columns = file
      .prepare("select name from pragma_table_info('operations')")
      .pluck()
      .all()
      .filter(
        (name) => !["operation_id", "target_id", "lease_owner", "lease_expires_at"].includes(String(name)),
      );
    file.exec(`with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 9999)
      insert into operations (operation_id, ${columns.join(", ")})
      select 'copy-' || n, ${columns.join(", ")} from numbers, operations`);
    const late = () => service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} });
    const refused = await late();
    expect(refused).toMatchObject({ status: 429, body: { code: "queue_full" } });
    expect(refused.headers.get("retry-after")).toBe("30");
    expect((await service.call("GET", `${controlPlane}/tenants/${tenantId}`)).body).toMatchObject({
      status: "draft",
      requestedStatus: "draft",
    });
    file.exec("delete from operations where operation_id like 'copy-%'");
    file.close();
    expect((await late()).status).toBe(202);
    open();
    expect(await ended(service, running)).toMatchObject({ status: "succeeded" });
  });
});
