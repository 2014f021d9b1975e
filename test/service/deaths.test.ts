import { readFileSync } from "node:fs";
import path from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { releaseBody } from "./harness.ts";
import { bringUpPlane, createRealService } from "./realService.ts";
import { createScene, isAlive, kill, parentOf } from "./scene.ts";

/**
 * Whatever a run needs dies while the cloud has just done what it was asked: the CLI, the worker that serves its program, the local
 * cloud with its providers, the service. The operation ends by itself, and everything is there once.
 */
const service = createRealService();
const { activation, ask, cliPid, ended, expectSettled, hang, present, untilHanging, ...scene } =
  createScene(service);
const SERVICE_TYPE = "aws:ecs/service:Service";
const SERVICES = 5;
const TASK_TYPE = "aws:ecs/taskDefinition:TaskDefinition";
let expected = 0;
let unharmed = "";

beforeAll(async () => {
  await service.start();
  await bringUpPlane(service.dataDir);
  await service.call("POST", "/planes", { stackName: "dev" });
  expect((await service.call("POST", "/releases", releaseBody("1.0.0"))).status).toBe(201);
  const { tenantId, operationId } = await activation("unharmed");
  unharmed = tenantId;
  expect(await ended(operationId)).toMatchObject({ status: "succeeded" });
  expected = (await present(tenantId)).length;
  expect(expected).toBeGreaterThan(15);
}, 240_000);
afterAll(() => service.cleanUp(), 60_000);

const emulatorFile = path.join(service.dataDir, "cloud", "emulator.json");
const victims = {
  CLI: async (pid: number) => kill(pid),
  worker: async (pid: number) => kill(parentOf(pid)),
  "local cloud": async () => kill(JSON.parse(readFileSync(emulatorFile, "utf8")).pid),
  service: async () => {
    await service.signal("SIGKILL");
    await service.start();
  },
} satisfies Record<string, (cliPid: number) => Promise<void>>;
type Victim = keyof typeof victims;

/** The victim dies while calls hang; the operation as it ends afterwards. */
async function dies(victim: Victim, operationId: string) {
  await untilHanging();
  await victims[victim](await cliPid(operationId));
  await service.control("DELETE", "/v1/faults").catch(() => undefined);
  return ended(operationId);
}

// biome-ignore lint/suspicious/noExplicitAny: shapes are asserted by the tests
const told = (operation: any) => `${JSON.stringify(operation.error)}\n${service.troubles()}`;
const targetOf = async (tenantId: string) =>
  (await service.call("GET", `/tenants/${tenantId}/targets`)).body.items[0];

it.each(Object.keys(victims) as Victim[])(
  "an activation survives the death of the %s",
  async (victim) => {
    await hang(SERVICE_TYPE, "create");
    const { tenantId, operationId } = await activation(`loses-${victim.replaceAll(" ", "-").toLowerCase()}`);
    const operation = await dies(victim, operationId);
    expect(operation, told(operation)).toMatchObject({ status: "succeeded" });
    expect(await expectSettled(tenantId)).toHaveLength(expected);
  },
  240_000,
);

it("a service that is told to stop ends a CLI that hangs in time, and hands its operation over", async () => {
  await service.signal("SIGTERM");
  await service.start(["--drain-ms", "1000", "--kill-time-ms", "4000"]);
  await hang(SERVICE_TYPE, "create");
  const { tenantId, operationId } = await activation("handed-over");
  await untilHanging();
  const cli = await cliPid(operationId);
  const worker = parentOf(cli);
  expect(await service.signal("SIGTERM")).toBe(0);
  expect([cli, worker].filter(isAlive)).toEqual([]);
  expect(scene.locks()).toEqual([]);
  // Nobody has it, and nobody needs to wait for a lease to run out.
  expect(leaseOf(operationId)).toEqual({ leaseOwner: null, finishedAt: null });
  expect(service.troubles()).not.toContain("stopping takes too long");
  await service.control("DELETE", "/v1/faults");
  await service.start();
  const operation = await ended(operationId);
  expect(operation, told(operation)).toMatchObject({ status: "succeeded", attempt: 2 });
  expect(await expectSettled(tenantId)).toHaveLength(expected);
}, 240_000);

it("a first activation that fails for good leaves nothing, and a retry brings the tenant up", async () => {
  const refusal = { code: "AccessDeniedException", message: "not authorized to perform ecs:CreateService" };
  const fault = { type: SERVICE_TYPE, operation: "create", kind: "fail", count: 1, ...refusal };
  await service.control("POST", "/v1/faults", fault);
  const { tenantId, operationId } = await activation("refused");
  const operation = await ended(operationId);
  expect(operation).toMatchObject({
    status: "failed",
    compensation: "succeeded",
    error: { code: "provider_denied", step: "deploy", resource: expect.stringContaining(SERVICE_TYPE) },
  });
  expect(operation.error.providerMessage).toContain("ecs:CreateService");
  expect(await present(tenantId)).toEqual([]);
  expect((await service.call("GET", `/tenants/${tenantId}`)).body).toMatchObject({ status: "draft" });
  const retry = await service.call("POST", `/operations/${operationId}/retry`, {});
  expect(retry.status, JSON.stringify(retry.body)).toBe(202);
  const again = await ended(retry.body.operationId);
  expect(again, JSON.stringify(again.error)).toMatchObject({ status: "succeeded", retryOf: operationId });
  expect(await present(tenantId)).toHaveLength(expected);
}, 240_000);

it("a deployment that fails for good is undone", async () => {
  const { tenantId, operationId } = await activation("goes-back");
  expect(await ended(operationId)).toMatchObject({ status: "succeeded" });
  expect((await service.call("POST", "/releases", releaseBody("2.0.0"))).status).toBe(201);
  const refusal = { code: "ClientException", message: "no such image" };
  await service.control("POST", "/v1/faults", {
    type: TASK_TYPE,
    operation: "create",
    kind: "fail",
    count: 100,
    ...refusal,
  });
  const deployment = await ask(tenantId, "deploy", { releaseNumber: 2 });
  const operation = await ended(deployment);
  await service.control("DELETE", "/v1/faults");
  expect(operation, JSON.stringify(operation)).toMatchObject({
    status: "failed",
    compensation: "succeeded",
  });
  expect(await targetOf(tenantId)).toMatchObject({
    ...{ deploymentState: "ready", currentReleaseNumber: 1, targetReleaseNumber: 1 },
  });
  await expectRelease(tenantId, "1.0.0");

  // Once more, and now the way back is cut off as well, when the services would already have been changed.
  const denied = { code: "AccessDeniedException", message: "not authorized to perform ecs:UpdateService" };
  const held = await hang(SERVICE_TYPE, "update", { when: "before", count: SERVICES });
  const fails = { type: SERVICE_TYPE, operation: "update", kind: "fail", count: SERVICES, ...denied };
  await service.control("POST", "/v1/faults", fails);
  const again = await ask(tenantId, "deploy", { releaseNumber: 2 });
  await untilHanging(SERVICES);
  await hang(TASK_TYPE, "create");
  await service.control("POST", `/v1/faults/${held}/release`);
  const undone = await dies("CLI", again);
  expect(undone, told(undone)).toMatchObject({ status: "failed", compensation: "succeeded" });
  expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", currentReleaseNumber: 1 });
  expect(await expectSettled(tenantId)).toHaveLength(expected);
  await expectRelease(tenantId, "1.0.0");
}, 240_000);

it("a deployment, a suspension and a decommission survive a death in the middle", async () => {
  const { number: releaseNumber } = (await service.call("POST", "/releases", releaseBody("3.0.0"))).body;
  await hang(SERVICE_TYPE, "update");
  const deployment = await dies("service", await ask(unharmed, "deploy", { releaseNumber }));
  expect(deployment, told(deployment)).toMatchObject({ status: "succeeded", kind: "tenant_deploy" });
  expect(await targetOf(unharmed)).toMatchObject({
    deploymentState: "ready",
    currentReleaseNumber: releaseNumber,
  });
  expect(await expectSettled(unharmed)).toHaveLength(expected);
  await expectRelease(unharmed, "3.0.0");

  await hang(SERVICE_TYPE, "update");
  const suspension = await dies("CLI", await ask(unharmed, "suspend", { reason: "unpaid" }));
  expect(suspension, told(suspension)).toMatchObject({ status: "succeeded", kind: "tenant_suspend" });
  expect(await targetOf(unharmed)).toMatchObject({ deploymentState: "suspended" });
  expect((await service.call("GET", `/tenants/${unharmed}`)).body).toMatchObject({ status: "suspended" });
  const services = (await expectSettled(unharmed)).filter(({ type }) => type === SERVICE_TYPE);
  expect(services.map(({ properties }) => properties.desiredCount)).toEqual(Array(SERVICES).fill(0));

  await hang("aws:sqs/queue:Queue", "delete");
  const end = { confirmSlug: "unharmed", reason: "contract ended", immediately: true };
  const decommission = await dies("service", await ask(unharmed, "decommission", end));
  expect(decommission, told(decommission)).toMatchObject({
    status: "succeeded",
    kind: "tenant_decommission",
  });
  expect((await service.call("GET", `/tenants/${unharmed}`)).body).toMatchObject({ status: "deleted" });
  expect(await expectSettled(unharmed)).toEqual([]);
  expect(scene.stateOf(unharmed)).toBeUndefined();
  expect((await service.call("GET", `/tenants/${unharmed}/deletion-certificate`)).status).toBe(200);
}, 240_000);

/** As the registry has it while no service runs. */
function leaseOf(operationId: string): unknown {
  const registry = new Database(path.join(service.dataDir, "registry.sqlite"), { readonly: true });
  try {
    return registry
      .prepare(
        "select lease_owner as leaseOwner, finished_at as finishedAt from operations where operation_id = ?",
      )
      .get(operationId);
  } finally {
    registry.close();
  }
}

async function expectRelease(tenantId: string, version: string): Promise<void> {
  const definitions = (await present(tenantId)).filter(({ type }) => type === TASK_TYPE);
  const images = definitions.map(({ properties }) => JSON.stringify(properties));
  expect(images).toHaveLength(SERVICES);
  for (const image of images) expect(image).toContain(`:${version}`);
}
