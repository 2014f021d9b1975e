import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DriftFinding } from "../../service/engine/engine.ts";
import { EngineError } from "../../service/engine/errors.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let service: TestService;
const tenants: string[] = [];

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  for (const slug of ["fleet-a", "fleet-b", "fleet-c", "fleet-d"]) {
    const tenantId = await createTenant(service, slug);
    await run(service, `/tenants/${tenantId}/activate`);
    tenants.push(tenantId);
  }
});
afterAll(() => service.stop());

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
const post = (at: string, body: object) => service.call("POST", `${controlPlane}${at}`, { body });
const stackOf = (tenantId: string | undefined) => {
  const stack = [...service.world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId);
  if (stack === undefined) throw new Error(`no stack of ${tenantId}`);
  return stack;
};
const finished = (at: string) =>
  waitFor(at, async () => {
    const body = await get(at);
    return body.finishedAt === null ? undefined : body;
  });

async function scan(body: object = {}) {
  const answer = await post("/drift/scans", body);
  expect(answer.status).toBe(202);
  return finished(`/drift/scans/${answer.body.scanId}`);
}

describe("drift", () => {
  const changed: DriftFinding = {
    urn: "urn:pulumi:s::p::aws:ecs/service:Service::iam",
    resourceType: "aws:ecs/service:Service",
    logicalName: "iam",
    physicalId: "arn:aws:ecs:::service/iam",
    kind: "changed",
    properties: [{ path: "desiredCount", recorded: 1, actual: 5 }],
  };
  const deleted: DriftFinding = {
    ...changed,
    urn: `${changed.urn}-q`,
    logicalName: "queue",
    kind: "deleted",
    properties: [],
  };

  it("is found per property, told once, repaired and looked at again", async () => {
    const [first, second] = tenants;
    stackOf(first).findings.push(changed);
    stackOf(second).findings.push(deleted);
    const found = await scan();
    expect(found).toMatchObject({ status: "succeeded", targetsTotal: 4, targetsDone: 4, findingsOpen: 2 });
    await scan();
    const { items } = await get("/drift");
    expect(items).toHaveLength(2);
    const one = items.find((finding: { tenantId: string }) => finding.tenantId === first);
    expect(one).toMatchObject({
      kind: "changed",
      seenCount: 2,
      properties: [{ path: "desiredCount", recorded: 1, actual: 5 }],
    });
    const inventory = await get("/health/tenants");
    const drift = (tenantId: string | undefined) =>
      inventory.items.find((item: { tenantId: string }) => item.tenantId === tenantId).drift;
    expect([drift(first), drift(second), drift(tenants[2])]).toEqual(["drifted", "drifted", "clean"]);

    const repairs = await run(service, "/drift/repairs", { reason: "put it right" });
    expect(repairs.map((operation) => operation.status)).toEqual(["succeeded", "succeeded"]);
    expect((await get("/drift")).items).toEqual([]);
    expect((await get("/drift?status=resolved")).items).toHaveLength(2);
    expect(await scan({ tenantIds: [first] })).toMatchObject({ targetsTotal: 1, findingsOpen: 0 });
  });

  it("is left alone on what is being taken down, and shows what was put back as it is", async () => {
    const finding = changed;
    const refused = () => new EngineError("provider_denied", "Cannot go on: not allowed");
    const ending = await createTenant(service, "drift-ending");
    await run(service, `/tenants/${ending}/activate`);
    stackOf(ending).findings = [finding];
    await scan({ tenantIds: [ending] });
    service.world.failures.push(refused());
    const end = { confirmSlug: "drift-ending", reason: "contract ended" };
    expect(await run(service, `/tenants/${ending}/decommission`, end)).toMatchObject([{ status: "failed" }]);
    const before = service.world.runs.length;
    expect(await run(service, "/drift/repairs", { tenantIds: [ending] })).toEqual([]);
    expect(service.world.runs).toHaveLength(before);
    await run(service, `/tenants/${ending}/decommission`, end);

    const pausing = await createTenant(service, "drift-pausing");
    await run(service, `/tenants/${pausing}/activate`);
    service.world.failures.push(refused());
    expect(await run(service, `/tenants/${pausing}/suspend`, { reason: "unpaid" })).toMatchObject([
      { status: "failed" },
    ]);
    stackOf(pausing).findings = [finding];
    await scan({ tenantIds: [pausing] });
    await run(service, "/drift/repairs", { tenantIds: [pausing] });
    expect(stackOf(pausing).spec.workload).toBe("running");
    const { items } = await get(`/tenants/${pausing}/targets`);
    expect(items).toMatchObject([{ deploymentState: "ready", requestedState: "present", drift: "clean" }]);
  });

  it("is not looked for while an operation runs on the stack", async () => {
    const tenantId = tenants[3];
    let open: () => void = () => undefined;
    service.world.gate = new Promise((resolve) => {
      open = resolve;
    });
    await service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body: { plan: "business" } });
    const runs = service.world.runs.length;
    const { body } = await post(`/tenants/${tenantId}/deploy`, {});
    await waitFor("the run", async () => service.world.runs[runs]);
    const done = await scan({ tenantIds: [tenantId] });
    open();
    service.world.gate = undefined;
    expect(done.targets[0]).toMatchObject({ status: "skipped" });
    expect(done.targets[0].error).toContain(body.operations[0].operationId);
    expect(service.world.peaks.perStack).toBe(1);
  });
});

describe("the inventory", () => {
  it("shows health as last seen, and as it is now when asked for", async () => {
    const tenantId = tenants[0];
    stackOf(tenantId).healthy = false;
    const item = async (query: string) =>
      (await get(`/health/tenants${query}`)).items.find(
        (one: { tenantId: string }) => one.tenantId === tenantId,
      );
    expect(await item("")).toMatchObject({ health: "healthy", deploymentState: "ready" });
    const fresh = await item("?fresh=true");
    expect(fresh).toMatchObject({ health: "down" });
    expect(fresh.services).toHaveLength(5);
    expect(fresh.healthReason).toContain("tasks stop at once");
    expect(await item("")).toMatchObject({ health: "down" });
    expect((await get("/health/tenants?health=down")).items).toHaveLength(1);
  });
});
