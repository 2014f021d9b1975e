import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { releaseBody, waitFor } from "./harness.ts";
import { bringUpPlane, createRealService } from "./realService.ts";

/**
 * Whatever a run needs dies while the cloud has just done what it was asked: the CLI, the worker that serves its program, the local
 * cloud with its providers, the service. The operation ends by itself, and everything is there once.
 */
const service = createRealService();
const SERVICE_TYPE = "aws:ecs/service:Service";
const plane = "dev-eu-west-1";
let expected = 0;

beforeAll(async () => {
  await service.start();
  await bringUpPlane(service.dataDir);
  await service.call("POST", "/planes", { stackName: "dev" });
  expect((await service.call("POST", "/releases", releaseBody("1.0.0"))).status).toBe(201);
  const { tenantId, operationId } = await activation("unharmed");
  expect(await ended(operationId)).toMatchObject({ status: "succeeded" });
  expected = (await present(tenantId)).length;
  expect(expected).toBeGreaterThan(15);
}, 240_000);
afterAll(() => service.cleanUp(), 60_000);

const victims: Readonly<Record<string, (run: Run) => Promise<void>>> = {
  CLI: async ({ cliPid }) => kill(cliPid),
  worker: async ({ cliPid }) => kill(parentOf(cliPid)),
  "local cloud": async () => kill(readPid(path.join("cloud", "emulator.json"))),
  service: async () => {
    await service.signal("SIGKILL");
    await service.start();
  },
};

it.each(Object.keys(victims))(
  "an activation survives the death of the %s",
  async (victim) => {
    const before = runFolders();
    await armHang();
    const { tenantId, operationId } = await activation(`loses-${victim.replaceAll(" ", "-").toLowerCase()}`);
    await waitFor(
      "the cloud to have made a service",
      async () => ((await hangs()) ? true : undefined),
      60_000,
    );
    const cliPid = await waitFor("the CLI", async () =>
      cliOf(runFolders().filter((name) => !before.includes(name))),
    );
    await victims[victim]?.({ cliPid });
    await service.control("DELETE", "/v1/faults").catch(() => undefined);
    const operation = await ended(operationId);
    expect(operation, `${JSON.stringify(operation.error)}\n${service.troubles()}`).toMatchObject({
      status: "succeeded",
    });
    const things = await present(tenantId);
    expect(things.length).toBe(expected);
    const recorded = recordedIds(tenantId);
    expect(things.filter(({ type, id }) => !recorded.has(`${type} ${id}`))).toEqual([]);
    expect(locks()).toEqual([]);
  },
  240_000,
);

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
  const type = "aws:ecs/taskDefinition:TaskDefinition";
  const refusal = { code: "ClientException", message: "no such image" };
  await service.control("POST", "/v1/faults", {
    type,
    operation: "create",
    kind: "fail",
    count: 100,
    ...refusal,
  });
  const answer = await service.call("POST", `/tenants/${tenantId}/deploy`, { releaseNumber: 2 });
  const { operationId: deployment } = answer.body.operations[0];
  const operation = await ended(deployment);
  await service.control("DELETE", "/v1/faults");
  expect(operation, JSON.stringify(operation)).toMatchObject({
    status: "failed",
    compensation: "succeeded",
  });
  const [target] = (await service.call("GET", `/tenants/${tenantId}/targets`)).body.items;
  expect(target).toMatchObject({ deploymentState: "ready", currentReleaseNumber: 1, targetReleaseNumber: 1 });
  const images = (await present(tenantId))
    .filter((thing) => thing.type === "aws:ecs/taskDefinition:TaskDefinition")
    .map(({ properties }) => JSON.stringify(properties));
  expect(images.length).toBeGreaterThan(0);
  for (const image of images) expect(image).toContain(":1.0.0");
}, 240_000);

interface Run {
  readonly cliPid: number;
}

async function activation(slug: string): Promise<{ tenantId: string; operationId: string }> {
  const body = { slug, displayName: slug, plan: "starter", planes: [plane] };
  const tenant = await service.call("POST", "/tenants", body);
  expect(tenant.status, JSON.stringify(tenant.body)).toBe(201);
  const { tenantId } = tenant.body;
  const answer = await service.call("POST", `/tenants/${tenantId}/activate`, {});
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  return { tenantId, operationId: answer.body.operations[0].operationId };
}

function ended(operationId: string) {
  return waitFor(
    `operation ${operationId}`,
    async () => {
      const { body } = await service.call("GET", `/operations/${operationId}`);
      return body.finishedAt === null ? undefined : body;
    },
    200_000,
  );
}

async function present(tenantId: string) {
  return (await service.listing(tenantId)).filter(({ state }) => state === "present");
}

async function armHang(): Promise<void> {
  const fault = { type: SERVICE_TYPE, operation: "create", kind: "hang", when: "after", count: 1 };
  await service.control("POST", "/v1/faults", fault);
}

async function hangs(): Promise<boolean> {
  const { faults } = (await service.control("GET", "/v1/faults")) as { faults: { hanging: number }[] };
  return faults.some(({ hanging }) => hanging > 0);
}

function runFolders(): string[] {
  return readdirSync(path.join(service.dataDir, "runs")).filter((name) => !name.startsWith("."));
}

function cliOf(folders: readonly string[]): number | undefined {
  for (const folder of folders) {
    try {
      return JSON.parse(readFileSync(path.join(service.dataDir, "runs", folder, "cli.json"), "utf8")).pid;
    } catch {
      // Not begun yet, or ended.
    }
  }
  return undefined;
}

function readPid(file: string): number {
  return JSON.parse(readFileSync(path.join(service.dataDir, file), "utf8")).pid;
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

async function kill(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(1);
  process.kill(pid, "SIGKILL");
}

function recordedIds(tenantId: string): ReadonlySet<string> {
  const folder = path.join(service.dataDir, "state", ".pulumi", "stacks", `tenant-${tenantId}`);
  const { checkpoint } = JSON.parse(readFileSync(path.join(folder, `${plane}-1.json`), "utf8"));
  expect(checkpoint.latest.pending_operations ?? []).toEqual([]);
  return new Set(
    checkpoint.latest.resources.map(({ type, id }: { type: string; id?: string }) => `${type} ${id}`),
  );
}

function locks(): string[] {
  const folder = path.join(service.dataDir, "state", ".pulumi", "locks");
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".json"));
}
