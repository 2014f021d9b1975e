import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  plane,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
const targetOf = async (tenantId: string) => (await get(`/tenants/${tenantId}/targets`)).items[0];
const runsOf = (tenantId: string) => service.world.runs.filter((entry) => entry.includes(tenantId));

describe("a tenant's life", () => {
  it("goes from draft to deleted, with requested and observed state side by side", async () => {
    const tenantId = await createTenant(service, "whole-life");
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "draft", requestedStatus: "draft" });

    const [activation] = await run(service, `/tenants/${tenantId}/activate`, { reason: "signed today" });
    expect(activation).toMatchObject({
      kind: "tenant_activate",
      status: "succeeded",
      reason: "signed today",
    });
    expect(activation.steps.map((step: { name: string }) => step.name)).toEqual([
      "resolve_spec",
      "deploy",
      "provision_database",
      "restart_services",
      "wait_until_steady",
      "publish_routing",
    ]);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active", requestedStatus: "active" });
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "ready",
      requestedState: "present",
      planeName: plane,
      clusterName: "dev-cluster",
      routingTarget: "integrations-service.dev.internal",
      currentReleaseNumber: 1,
      version: "current",
      health: "healthy",
      lastOperationStatus: "succeeded",
    });

    await run(service, `/tenants/${tenantId}/suspend`, { reason: "invoice overdue" });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "suspended" });
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "suspended",
      requestedState: "suspended",
    });
    const suspended = [...service.world.stacks.values()].find(
      ({ spec }) => spec.tenant.tenantId === tenantId,
    );
    expect(suspended?.spec.workload).toBe("suspended");

    await run(service, `/tenants/${tenantId}/reactivate`);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active" });
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", health: "healthy" });

    const end = { confirmSlug: "whole-life", reason: "contract ended" };
    const [decommission] = await run(service, `/tenants/${tenantId}/decommission`, end);
    expect(decommission).toMatchObject({ status: "succeeded" });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({
      status: "deleted",
      requestedStatus: "deleted",
    });
    expect((await get(`/tenants/${tenantId}/targets`)).items).toEqual([]);
    expect([...service.world.stacks.keys()].some((key) => key.includes(tenantId))).toBe(false);

    const { items } = await get(`/audit/events?tenantId=${tenantId}&limit=200`);
    const actions = items.map((event: { action: string }) => event.action);
    for (const action of ["created", "activated", "suspended", "reactivated", "decommissioned"]) {
      expect(actions).toContain(`tenant.${action}`);
    }
    expect(await get("/audit/verification")).toMatchObject({ verified: true, breaks: [] });
  });

  it("gives the slug back when a draft is deleted, at once and without an operation", async () => {
    const tenantId = await createTenant(service, "short-life");
    const end = { confirmSlug: "short-life", reason: "created by mistake" };
    expect(await run(service, `/tenants/${tenantId}/decommission`, end)).toEqual([]);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "deleted" });
    expect(await createTenant(service, "short-life")).not.toBe(tenantId);
  });
});

describe("deploying", () => {
  it("costs no engine run when nothing has changed, and one when forced", async () => {
    const tenantId = await createTenant(service, "unchanged");
    await run(service, `/tenants/${tenantId}/activate`);
    expect(runsOf(tenantId)).toHaveLength(1);
    const [same] = await run(service, `/tenants/${tenantId}/deploy`);
    expect(same.status).toBe("succeeded");
    expect(runsOf(tenantId)).toHaveLength(1);
    await run(service, `/tenants/${tenantId}/deploy`, { force: true });
    expect(runsOf(tenantId)).toHaveLength(2);
    await service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body: { plan: "business" } });
    await run(service, `/tenants/${tenantId}/deploy`);
    expect(runsOf(tenantId)).toHaveLength(3);
  });

  it("tries again after what may pass, and says so", async () => {
    const tenantId = await createTenant(service, "throttled");
    service.world.failures.push(new EngineError("provider_throttled", "Cannot create x: Rate exceeded"));
    const [operation] = await run(service, `/tenants/${tenantId}/activate`);
    expect(operation.status).toBe("succeeded");
    const deploys = operation.steps.filter((step: { name: string }) => step.name === "deploy");
    expect(deploys).toMatchObject([
      { status: "failed", attempt: 1, message: "Cannot create x: Rate exceeded" },
      { status: "succeeded", attempt: 2 },
    ]);
  });

  it("fails with the reason, blocks no other tenant, and can be asked again", async () => {
    const bad = await createTenant(service, "bad");
    service.world.failures.push(new EngineError("provider_failed", "Cannot create x: LimitExceeded"));
    const [failed] = await run(service, `/tenants/${bad}/activate`);
    expect(failed).toMatchObject({
      status: "failed",
      error: { code: "provider_failed", message: "Cannot create x: LimitExceeded", retryable: false },
    });
    expect(await get(`/tenants/${bad}`)).toMatchObject({ status: "draft", requestedStatus: "draft" });
    expect(await targetOf(bad)).toMatchObject({ deploymentState: "absent", lastOperationStatus: "failed" });

    const good = await createTenant(service, "good");
    expect((await run(service, `/tenants/${good}/activate`))[0].status).toBe("succeeded");
    expect((await run(service, `/tenants/${bad}/activate`))[0].status).toBe("succeeded");
    expect(await targetOf(bad)).toMatchObject({ deploymentState: "ready", generation: 2 });
  });

  it("fails when the services do not become healthy in time", async () => {
    const tenantId = await createTenant(service, "sick");
    const { cloud } = service.world;
    const honest = cloud.serviceHealth.bind(cloud);
    Object.assign(cloud, {
      serviceHealth: async (query: Parameters<typeof honest>[0]) =>
        (await honest(query)).map((one) => ({
          ...one,
          running: 0,
          steady: false,
          healthy: false,
          reason: "exit 1",
        })),
    });
    const [operation] = await run(service, `/tenants/${tenantId}/activate`);
    Object.assign(cloud, { serviceHealth: honest });
    expect(operation).toMatchObject({ status: "failed", error: { code: "not_steady" } });
    expect(operation.error.message).toContain("iam-service: 0 of 1 running (exit 1)");
  });
});

describe("decommissioning", () => {
  it("that failed on one plane leaves that plane out of everything else, until it is named again", async () => {
    const here = service.world.planeOutputs;
    if (here === undefined) throw new Error("the test service must have a plane");
    const tenantId = await createTenant(service, "half-gone");
    await run(service, `/tenants/${tenantId}/activate`);
    const there = { environment: "prod", planeName: `prod-${here.region}` } as const;
    const planes = [there.planeName];
    service.world.planeOutputs = { ...here, ...there };
    await run(service, `/tenants/${tenantId}/deploy`, { planes });
    service.world.failures.push(new EngineError("provider_denied", "Cannot delete: not allowed"));
    const end = { confirmSlug: "half-gone", reason: "moved away", planes };
    expect(await run(service, `/tenants/${tenantId}/decommission`, end)).toMatchObject([
      { status: "failed" },
    ]);

    service.world.planeOutputs = here;
    const elsewhere = [{ planeName: here.planeName, status: "succeeded" }];
    expect(await run(service, `/tenants/${tenantId}/deploy`)).toMatchObject(elsewhere);
    expect(await run(service, `/tenants/${tenantId}/suspend`, { reason: "unpaid" })).toMatchObject(elsewhere);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "suspended" });
    expect(await run(service, `/tenants/${tenantId}/reactivate`)).toMatchObject(elsewhere);

    service.world.planeOutputs = { ...here, ...there };
    expect(await run(service, `/tenants/${tenantId}/deploy`, { planes })).toMatchObject([
      { planeName: there.planeName, status: "succeeded" },
    ]);
    service.world.planeOutputs = here;
    const { items } = await get(`/tenants/${tenantId}/targets`);
    expect(items.map((target: { requestedState: string }) => target.requestedState)).toEqual([
      "present",
      "present",
    ]);
  });

  it("fails when the cloud still has something, and names it", async () => {
    const tenantId = await createTenant(service, "leaves-something");
    await run(service, `/tenants/${tenantId}/activate`);
    const arn = "arn:aws:s3:::left-behind";
    service.world.leftovers = [{ arn, type: "s3:bucket", id: "left-behind", state: "present" }];
    const end = { confirmSlug: "leaves-something", reason: "contract ended" };
    const [failed] = await run(service, `/tenants/${tenantId}/decommission`, end);
    expect(failed).toMatchObject({ status: "failed", error: { code: "orphans_left" } });
    expect(failed.error.message).toContain(arn);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "decommissioning" });

    const deletionAt = "2027-01-01T00:00:00.000Z";
    service.world.leftovers = [
      {
        arn: "arn:aws:secretsmanager:::s",
        type: "secretsmanager:secret",
        id: "s",
        state: "scheduled_for_deletion",
        deletionAt,
      },
    ];
    const [done] = await run(service, `/tenants/${tenantId}/decommission`, end);
    service.world.leftovers = [];
    expect(done.status).toBe("succeeded");
    const { items } = await get(`/audit/events?tenantId=${tenantId}&action=target.deleted`);
    expect(items[0].details.scheduledForDeletion).toMatchObject([{ deletionAt }]);
  });
});

describe("cancelling", () => {
  it("stops a running operation and undoes what it did", async () => {
    const tenantId = await createTenant(service, "stopped");
    let open: () => void = () => undefined;
    service.world.gate = new Promise((resolve) => {
      open = resolve;
    });
    const { body } = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} });
    const { operationId } = body.operations[0];
    await waitFor("the engine run", async () => runsOf(tenantId)[0]);
    const second = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} });
    expect(second).toMatchObject({ status: 409, body: { code: "operation_in_progress", operationId } });
    const cancel = await service.call("POST", `${controlPlane}/operations/${operationId}/cancel`, {
      body: {},
    });
    expect(cancel.status).toBe(202);
    service.world.gate = undefined;
    open();
    expect(await ended(service, operationId)).toMatchObject({ status: "cancelled", error: null });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "draft", requestedStatus: "draft" });
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "absent",
      lastOperationStatus: "cancelled",
    });
    expect([...service.world.stacks.keys()].some((key) => key.includes(tenantId))).toBe(false);
    const again = await service.call("POST", `${controlPlane}/operations/${operationId}/cancel`, {
      body: {},
    });
    expect(again).toMatchObject({ status: 409, body: { code: "operation_finished" } });
  });

  it("takes a queued operation back as if it had never been asked for", async () => {
    const ids = [];
    for (const slug of ["queue-a", "queue-b", "queue-c"]) {
      const tenantId = await createTenant(service, slug);
      await run(service, `/tenants/${tenantId}/activate`);
      ids.push(tenantId);
    }
    let open: () => void = () => undefined;
    service.world.gate = new Promise((resolve) => {
      open = resolve;
    });
    const operations = [];
    for (const tenantId of ids) {
      const { body } = await service.call("POST", `${controlPlane}/tenants/${tenantId}/suspend`, {
        body: {},
      });
      operations.push(body.operations[0].operationId);
    }
    await waitFor("two runs", async () => (service.world.peaks.overall >= 2 ? true : undefined));
    const last = ids[2] ?? "";
    const cancelled = await service.call("POST", `${controlPlane}/operations/${operations[2]}/cancel`, {
      body: {},
    });
    expect(cancelled.body).toMatchObject({ status: "cancelled" });
    open();
    service.world.gate = undefined;
    await Promise.all(operations.map((id) => ended(service, id)));
    expect(await get(`/tenants/${last}`)).toMatchObject({ status: "active", requestedStatus: "active" });
    expect(await targetOf(last)).toMatchObject({ deploymentState: "ready", requestedState: "present" });
    expect(runsOf(last)).toHaveLength(1);
    expect(service.world.peaks).toEqual({ overall: 2, perStack: 1 });
  });
});
