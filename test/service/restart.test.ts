import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";
import { rolloutsOf } from "./rollouts.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;

describe("a service that stops in the middle of an operation", () => {
  it("takes it up again at its next start and brings it to its end", async () => {
    const tenantId = await createTenant(service, "interrupted");
    service.world.gate = new Promise(() => undefined);
    const { body } = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} });
    const { operationId } = body.operations[0];
    await waitFor("the run", async () => service.world.runs.find((entry) => entry.includes(tenantId)));
    await service.restart();
    expect((await get(`/operations/${operationId}`)).finishedAt).toBeNull();
    service.world.gate = undefined;
    await service.restart();
    const done = await ended(service, operationId);
    expect(done.status).toBe("succeeded");
    expect(done.attempt).toBeGreaterThan(1);
    expect(service.world.stacks.size).toBe(1);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active" });
    expect(await get("/audit/verification")).toMatchObject({ verified: true });
  });

  it("first ends the look at the cloud that it had left under way", async () => {
    const tenantId = await createTenant(service, "looked-at");
    const activation = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, {
      body: {},
    });
    await ended(service, activation.body.operations[0].operationId);
    const [stack] = [...service.world.stacks].find(([key]) => key.includes(tenantId)) ?? [""];
    const urn = "urn:pulumi:dev::tenant::aws:sqs/queue:Queue::queue";
    const deleted = { urn, resourceType: "aws:sqs/queue:Queue", logicalName: "queue", physicalId: "queue" };
    service.world.stacks.get(stack)?.findings.push({ ...deleted, kind: "deleted", properties: [] });
    const scope = { tenantIds: [tenantId] };
    const scan = await service.call("POST", `${controlPlane}/drift/scans`, { body: scope });
    await waitFor(
      "the scan",
      async () => (await get(`/drift/scans/${scan.body.scanId}`)).finishedAt ?? undefined,
    );
    const isLooking = () => service.world.runs.at(-1)?.startsWith("drift ") === true;
    const never = new Promise<void>(() => undefined);
    Object.defineProperty(service.world, "gate", {
      configurable: true,
      get: () => (isLooking() ? never : undefined),
    });
    const repair = await service.call("POST", `${controlPlane}/drift/repairs`, { body: scope });
    const { operationId } = repair.body.operations[0];
    await waitFor("the look", async () => (isLooking() ? true : undefined));
    Object.defineProperty(service.world, "gate", { configurable: true, writable: true, value: undefined });
    await service.restart();
    expect(await ended(service, operationId)).toMatchObject({ status: "succeeded" });
    expect(service.world.settled).toContain(`${operationId}-1-verify-1`);
  });

  it("keeps what was queued, and the admin key", async () => {
    const tenantId = await createTenant(service, "queued");
    service.world.gate = new Promise(() => undefined);
    const ids: string[] = [];
    for (const slug of ["front-a", "front-b"]) {
      const id = await createTenant(service, slug);
      ids.push(id);
      await service.call("POST", `${controlPlane}/tenants/${id}/activate`, { body: {} });
    }
    const { body } = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} });
    service.world.gate = undefined;
    await service.restart();
    expect(await ended(service, body.operations[0].operationId)).toMatchObject({ status: "succeeded" });
    for (const id of ids) {
      await waitFor("all active", async () =>
        (await get(`/tenants/${id}`)).status === "active" ? true : undefined,
      );
    }
    expect(service.world.peaks.perStack).toBe(1);
  });

  it("resumes a rollout and a scan", async () => {
    const releaseNumber = await createRelease(service, "2.0.0");
    const runs = service.world.runs.length;
    service.world.gate = new Promise(() => undefined);
    const change = { kind: "release", releaseNumber };
    const previewed = await rolloutsOf(service).previewed({ change, maxConcurrency: 1 });
    await rolloutsOf(service).start(previewed);
    await waitFor("a run", async () => service.world.runs[runs]);
    service.world.gate = undefined;
    await service.restart();
    const done = await rolloutsOf(service).ended(previewed.rolloutId);
    expect(done).toMatchObject({ status: "succeeded", counts: { succeeded: done.targetCount } });
    const scan = await service.call("POST", `${controlPlane}/drift/scans`, { body: {} });
    await service.restart();
    const scanned = await waitFor("the scan", async () => {
      const now = await get(`/drift/scans/${scan.body.scanId}`);
      return now.finishedAt === null ? undefined : now;
    });
    expect(scanned).toMatchObject({ status: "succeeded", targetsDone: done.targetCount });
    const { scanId } = scan.body;
    for (const { targetId } of await rolloutsOf(service).targets(done.rolloutId)) {
      expect(service.world.settled).toContain(`${scanId}-${targetId}`);
    }
  });
});
