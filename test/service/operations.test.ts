import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limits } from "../../service/config/limits.ts";
import { EngineError } from "../../service/engine/errors.ts";
import { stepRetry } from "../../service/operations/retry.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";
import { interfere, stateOf, wrapSteps } from "./sagaMatrix.ts";

let service: TestService;

beforeAll(async () => {
  wrapSteps();
  service = await startTestService(["--concurrency", "4"]);
  await createRelease(service, "1.0.0");
  await createRelease(service, "2.0.0");
});
afterAll(() => service.stop());

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
const post = (at: string, body: object = {}, headers: Record<string, string> = {}) =>
  service.call("POST", `${controlPlane}${at}`, { body, headers });
const targetOf = async (tenantId: string) => (await get(`/tenants/${tenantId}/targets`)).items[0];
const runsOf = (tenantId: string) => service.world.runs.filter((entry) => entry.includes(tenantId));

async function active(slug: string): Promise<string> {
  const tenantId = await createTenant(service, slug);
  await run(service, `/tenants/${tenantId}/activate`, { releaseNumber: 1 });
  return tenantId;
}

async function begun(at: string, body: object): Promise<string> {
  const answer = await post(at, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  return (answer.body.operations?.[0] ?? answer.body).operationId;
}

async function journalOf(operationId: string): Promise<string[]> {
  const rows = await service
    .registry()
    .read((db) =>
      db
        .selectFrom("operationJournal")
        .select(["type", "step"])
        .where("operationId", "=", operationId)
        .where("type", "<>", "progress")
        .orderBy("sequence")
        .execute(),
    );
  return rows.map(({ type, step }) => (step === null ? type : `${type} ${step}`));
}

/** Until the promise is let go, engine runs wait. */
function gate(): () => void {
  let open = () => {};
  service.world.gate = new Promise((resolve) => {
    open = () => {
      service.world.gate = undefined;
      resolve();
    };
  });
  return open;
}

describe("an operation that fails", () => {
  it("is undone, and says in plain words what failed, where, and what the provider said", async () => {
    const tenantId = await active("undone");
    const resource = {
      urn: "urn:pulumi:s::p::aws:ecs/service:Service::iam",
      resourceType: "aws:ecs/service:Service",
      logicalName: "iam",
    };
    const details = { resource, providerMessage: "InvalidParameterException: no such image" };
    service.world.failures.push(new EngineError("provider_failed", "Cannot update: no such image", details));
    const operation = await ended(service, await begun(`/tenants/${tenantId}/deploy`, { releaseNumber: 2 }));
    expect(operation).toMatchObject({
      status: "failed",
      onFailure: "compensate",
      compensation: "succeeded",
      error: {
        code: "provider_failed",
        step: "deploy",
        resource: resource.urn,
        providerMessage: details.providerMessage,
      },
    });
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "ready",
      currentReleaseNumber: 1,
      targetReleaseNumber: 1,
      lastOperationStatus: "failed",
    });
    const journal = await journalOf(operation.operationId);
    expect(journal.slice(-4)).toEqual([
      "compensating",
      "undo_started deploy",
      "undo_succeeded deploy",
      "failed",
    ]);
    expect(operation.steps.at(-1)).toMatchObject({ name: "deploy", direction: "undo", status: "succeeded" });
  });

  it("as a first activation leaves nothing, and the next one begins a new generation", async () => {
    const tenantId = await createTenant(service, "never-was");
    service.world.failures.push(new EngineError("provider_denied", "Cannot create: not allowed"));
    const [operation] = await run(service, `/tenants/${tenantId}/activate`);
    expect(operation).toMatchObject({ status: "failed", compensation: "succeeded" });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "draft", requestedStatus: "draft" });
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "absent", generation: 2 });
    expect([...service.world.stacks.keys()].filter((key) => key.includes(tenantId))).toEqual([]);
    const [again] = await run(service, `/tenants/${tenantId}/activate`);
    expect(again.status).toBe("succeeded");
    expect([...service.world.stacks.keys()].filter((key) => key.includes(tenantId))).toEqual([
      expect.stringMatching(/-2$/),
    ]);
  });

  it("keeps what it made when it is asked to, and a retry goes on from the failed step", async () => {
    const tenantId = await active("kept");
    interfere.plan(tenantId, {
      ...{ kind: "tenant_deploy", step: "wait_until_steady", direction: "do", when: "before" },
      ...{ how: "fail", left: 1 },
    });
    const before = runsOf(tenantId).length;
    const body = { releaseNumber: 2, onFailure: "keep" };
    const operation = await ended(service, await begun(`/tenants/${tenantId}/deploy`, body));
    expect(operation).toMatchObject({ status: "failed", onFailure: "keep", compensation: null });
    expect(operation.error.message).toMatch(
      /as was asked \(onFailure keep\).*deploy.* is there\. Retry this operation/,
    );
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "failed",
      lastOperationStatus: "failed",
    });
    const answer = await post(`/operations/${operation.operationId}/retry`);
    expect(answer).toMatchObject({
      status: 202,
      body: { retryOf: operation.operationId, onFailure: "keep" },
    });
    const again = await ended(service, answer.body.operationId);
    expect(again.status).toBe("succeeded");
    expect(runsOf(tenantId).length - before).toBe(1);
    expect(again.steps.map(({ name }: { name: string }) => name)).not.toContain("deploy");
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", currentReleaseNumber: 2 });
  });

  it("holds nobody else up", async () => {
    const [failing, other] = [await active("failing"), await active("unharmed")];
    interfere.plan(failing, {
      ...{ kind: "tenant_deploy", step: "deploy", direction: "do", when: "after", how: "transient", left: 3 },
    });
    const slow = await begun(`/tenants/${failing}/deploy`, { releaseNumber: 2 });
    const [operation] = await run(service, `/tenants/${other}/deploy`, { releaseNumber: 2 });
    expect(operation.status).toBe("succeeded");
    expect((await ended(service, slow)).status).toBe("succeeded");
  });
});

describe("an operation that was interrupted", () => {
  it("deploys what is recorded by then, though that is what the last one had deployed", async () => {
    const tenantId = await active("to-and-fro");
    const set = async (LOG_LEVEL: string) => {
      const body = { config: { settings: { LOG_LEVEL }, secretRefs: {} } };
      const { status } = await service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body });
      expect(status).toBe(200);
    };
    await set("info");
    await run(service, `/tenants/${tenantId}/deploy`, {});
    await set("debug");
    interfere.plan(tenantId, {
      ...{ kind: "tenant_deploy", step: "wait_until_steady", direction: "do", when: "before" },
      ...{ how: "crash", left: 1 },
    });
    const open = gate();
    const before = runsOf(tenantId).length;
    const operationId = await begun(`/tenants/${tenantId}/deploy`, {});
    await waitFor("the deployment", async () => runsOf(tenantId)[before]);
    await set("info");
    open();
    expect(await ended(service, operationId)).toMatchObject({ status: "succeeded" });
    const stacks = [...service.world.stacks.values()];
    const stack = stacks.find(({ spec }) => spec.tenant.tenantId === tenantId);
    expect(stack?.spec.config.settings).toEqual({ LOG_LEVEL: "info" });
  });
});

describe("an operation that ends its process whenever it is taken up", () => {
  const crashes = { kind: "tenant_deploy", step: "deploy", how: "crash", left: 1_000 } as const;

  it("ends after a while, says what a person must do, and can be retried", async () => {
    const tenantId = await active("poisoned");
    interfere.plan(tenantId, { ...crashes, direction: "do", when: "before" });
    const operation = await ended(service, await begun(`/tenants/${tenantId}/deploy`, { releaseNumber: 2 }));
    expect(operation).toMatchObject({ status: "failed", compensation: null });
    expect(operation.attempt).toBe(limits.takeUpsWithoutProgress + 1);
    expect(operation.error).toMatchObject({
      code: "interrupted_too_often",
      step: "deploy",
      retryable: false,
    });
    expect(operation.error.message).toMatch(
      /20 times in a row .* at step deploy .* then retry this operation/,
    );
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "failed" });
    interfere.plan(tenantId);
    const answer = await post(`/operations/${operation.operationId}/retry`);
    expect((await ended(service, answer.body.operationId)).status).toBe("succeeded");
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", currentReleaseNumber: 2 });
  });

  it("does not count as undone when it was being undone", async () => {
    const tenantId = await active("poisoned-back");
    interfere.plan(
      tenantId,
      { ...crashes, direction: "do", when: "after", how: "fail", left: 1 },
      { ...crashes, direction: "undo", when: "before" },
    );
    const operation = await ended(service, await begun(`/tenants/${tenantId}/deploy`, { releaseNumber: 2 }));
    expect(operation).toMatchObject({ status: "failed", compensation: "failed" });
    expect(operation.error.code).toBe("interrupted_too_often");
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "failed" });
  });
});

describe("a retry", () => {
  it("is refused for what succeeded, for what something came after, and the second time with one key is the first", async () => {
    const tenantId = await active("retried");
    const [good] = await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: 2 });
    const refused = await post(`/operations/${good.operationId}/retry`);
    expect(refused).toMatchObject({ status: 409, body: { code: "operation_not_retryable" } });

    service.world.failures.push(new EngineError("provider_failed", "Cannot update: no"));
    const [failed] = await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: 1 });
    const headers = { "idempotency-key": "retry-once" };
    const first = await post(`/operations/${failed.operationId}/retry`, {}, headers);
    const second = await post(`/operations/${failed.operationId}/retry`, {}, headers);
    expect(second.body.operationId).toBe(first.body.operationId);
    expect((await ended(service, first.body.operationId)).status).toBe("succeeded");
    expect(await targetOf(tenantId)).toMatchObject({ currentReleaseNumber: 1, targetReleaseNumber: 1 });
    const late = await post(`/operations/${failed.operationId}/retry`);
    expect(late).toMatchObject({
      status: 409,
      body: { code: "operation_not_retryable", operationId: first.body.operationId },
    });
    expect(late.body.detail).toContain(first.body.operationId);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active", requestedStatus: "active" });
  });

  it("that fails and is undone brings back what was before the first attempt", async () => {
    const tenantId = await active("kept-then-undone");
    const before = await stateOf(service, tenantId);
    const fails = { kind: "tenant_suspend", step: "wait_until_steady", direction: "do" } as const;
    interfere.plan(tenantId, { ...fails, when: "before", how: "fail", left: 3 });
    const body = { reason: "unpaid", onFailure: "keep" };
    const kept = await ended(service, await begun(`/tenants/${tenantId}/suspend`, body));
    const keptAgain = await ended(service, await begun(`/operations/${kept.operationId}/retry`, {}));
    expect(keptAgain).toMatchObject({ status: "failed", compensation: null });
    const { operationId } = keptAgain;
    const undone = await ended(
      service,
      await begun(`/operations/${operationId}/retry`, { onFailure: "compensate" }),
    );
    expect(undone).toMatchObject({ status: "failed", compensation: "succeeded" });
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", requestedState: "present" });
    const { tenant: _asked, ...now } = (await stateOf(service, tenantId)) as { tenant: object };
    expect(before).toMatchObject(now);
  });

  it("asks again for what the tenant as a whole was to become", async () => {
    const tenantId = await active("suspended-again");
    service.world.failures.push(new EngineError("provider_failed", "Cannot update: no"));
    const [failed] = await run(service, `/tenants/${tenantId}/suspend`, { reason: "unpaid" });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active", requestedStatus: "active" });
    const { body } = await post(`/operations/${failed.operationId}/retry`);
    expect((await ended(service, body.operationId)).status).toBe("succeeded");
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "suspended" });
  });
});

describe("cancelling", () => {
  it("under way undoes what was done", async () => {
    const tenantId = await active("cancelled");
    const open = gate();
    const operationId = await begun(`/tenants/${tenantId}/deploy`, { releaseNumber: 2 });
    await waitFor("the run", async () => (runsOf(tenantId).length > 1 ? true : undefined));
    const taken = await post(`/operations/${operationId}/cancel`);
    expect(taken).toMatchObject({ status: 202, body: { cancelRequestedAt: expect.any(String) } });
    await waitFor("the undoing", async () => {
      const { compensation } = await get(`/operations/${operationId}`);
      return compensation === "running" ? true : undefined;
    });
    const late = await post(`/operations/${operationId}/cancel`);
    expect(late).toMatchObject({ status: 409, body: { code: "operation_compensating" } });
    open();
    expect(await ended(service, operationId)).toMatchObject({
      status: "cancelled",
      compensation: "succeeded",
      cancelRequestedAt: taken.body.cancelRequestedAt,
    });
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", currentReleaseNumber: 1 });
  });

  it("in the pause before a step is tried again does not wait for the pause", async () => {
    const tenantId = await active("pausing");
    const { backoffMs, backoffMaxMs } = stepRetry;
    Object.assign(stepRetry, { backoffMs: 600_000, backoffMaxMs: 600_000 });
    try {
      service.world.failures.push(new EngineError("provider_throttled", "Cannot update: slow down"));
      const operationId = await begun(`/tenants/${tenantId}/deploy`, { releaseNumber: 2 });
      await waitFor("the pause", async () =>
        (await journalOf(operationId)).includes("step_failed deploy") ? true : undefined,
      );
      expect((await post(`/operations/${operationId}/cancel`)).status).toBe(202);
      expect(await ended(service, operationId)).toMatchObject({ status: "cancelled" });
    } finally {
      Object.assign(stepRetry, { backoffMs, backoffMaxMs });
    }
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", currentReleaseNumber: 1 });
  });
});

describe("a deadline", () => {
  it("cancels and undoes what is still under way when it passes", async () => {
    const tenantId = await active("late");
    const open = gate();
    const body = { releaseNumber: 2, deadlineMs: 1_000 };
    const operationId = await begun(`/tenants/${tenantId}/deploy`, body);
    await waitFor("the undoing", async () => {
      const { compensation } = await get(`/operations/${operationId}`);
      return compensation === "running" ? true : undefined;
    });
    open();
    const operation = await ended(service, operationId);
    expect(operation).toMatchObject({
      status: "cancelled",
      compensation: "succeeded",
      error: { code: "deadline_exceeded", step: "deploy" },
    });
    expect(Date.parse(operation.deadlineAt) - Date.parse(operation.startedAt)).toBe(1_000);
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", currentReleaseNumber: 1 });
  });
});

describe("the events of an operation that is undone", () => {
  it("can be taken up after any of them", async () => {
    const tenantId = await active("followed");
    service.world.failures.push(new EngineError("provider_failed", "Cannot update: no"));
    const operationId = await begun(`/tenants/${tenantId}/deploy`, { releaseNumber: 2 });
    await ended(service, operationId);
    const read = async (after: number) => {
      const response = await fetch(`${service.url()}${controlPlane}/operations/${operationId}/events`, {
        headers: { authorization: `Bearer ${service.adminKey}`, "last-event-id": String(after) },
      });
      return (await response.text()).split("\n").flatMap((line) => line.match(/^id: (\d+)$/)?.[1] ?? []);
    };
    const all = await read(0);
    expect(all.map(Number)).toEqual(all.map((_, place) => place + 1));
    for (const after of [1, 5, all.length - 1]) expect(await read(after)).toEqual(all.slice(after));
  });
});
