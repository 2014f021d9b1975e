import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plane, releaseBody, waitFor } from "./harness.ts";
import { bringUpPlane, type CloudThing, createRealService } from "./realService.ts";
import { createRolloutClient } from "./rollouts.ts";

/** The main job on the real engine and the local cloud. The steps build on each other, in order. */
const service = createRealService();
const { call, listing, control } = service;

beforeAll(async () => {
  await bringUpPlane(service.dataDir);
  await service.start();
}, 300_000);
afterAll(() => service.cleanUp());

const tenants: Record<string, string> = {};
const idOf = (slug: string) => tenants[slug] ?? "";
const finished = (at: string) =>
  waitFor(
    at,
    async () => {
      const { body } = await call("GET", at);
      return body.finishedAt === null ? undefined : body;
    },
    120_000,
  );

async function create(slug: string): Promise<string> {
  const { body } = await call("POST", "/tenants", {
    slug,
    displayName: slug,
    plan: "starter",
    planes: [plane],
  });
  tenants[slug] = body.tenantId;
  return body.tenantId;
}

async function run(at: string, body: object = {}) {
  const answer = await call("POST", at, body);
  expect(answer).toMatchObject({ status: 202 });
  const ids = answer.body.operations.map((operation: { operationId: string }) => operation.operationId);
  const ended = await Promise.all(ids.map((id: string) => finished(`/operations/${id}`)));
  const unforeseen = ended.filter((operation) => operation.error?.code === "internal");
  expect(unforeseen, service.troubles()).toEqual([]);
  return ended;
}

/** What makes a thing of the cloud the same thing: two of these would be a duplicate. */
const identity = ({ type, name, region }: CloudThing) => `${region} ${type} ${name}`;
const present = (things: CloudThing[]) => things.filter((thing) => thing.state === "present");
const names = (things: CloudThing[]) => present(things).map(identity).sort();

async function scan() {
  const { body } = await call("POST", "/drift/scans", {});
  return finished(`/drift/scans/${body.scanId}`);
}

async function servicesOf(slug: string) {
  const query = `tag.tenantry:tenant-id=${idOf(slug)}`;
  const answer = (await control("GET", `/v1/ecs/services?${query}`)) as {
    services: { desiredCount: number; runningCount: number; images: string[] }[];
  };
  return answer.services;
}

describe("the main job", () => {
  it("records the plane by itself and puts two tenants on it at once", async () => {
    await call("POST", "/releases", releaseBody("1.0.0"));
    await create("alpha");
    await create("beta");
    const ended = await Promise.all(["alpha", "beta"].map((slug) => run(`/tenants/${idOf(slug)}/activate`)));
    expect(ended.flat().map((operation) => [operation.status, operation.error])).toEqual([
      ["succeeded", null],
      ["succeeded", null],
    ]);
    const [alpha, beta] = [await listing(idOf("alpha")), await listing(idOf("beta"))];
    expect(alpha.length).toBeGreaterThan(20);
    expect(beta).toHaveLength(alpha.length);
    expect(new Set(names(alpha)).size).toBe(alpha.length);
    expect(await servicesOf("alpha")).toHaveLength(5);
    const { body } = await call("GET", "/health/tenants?fresh=true");
    expect(body.items.map((item: { health: string }) => item.health)).toEqual(["healthy", "healthy"]);
    expect((await call("GET", `/planes/${plane}`)).body).toMatchObject({
      environment: "dev",
      stackName: "dev",
    });
  });

  it("refuses a second service on the same data folder", async () => {
    const { code, output } = await service.startSecond();
    expect(code).toBe(1);
    expect(output).toContain("in use by another control service");
  });

  it("runs no engine when nothing has changed", async () => {
    const [operation] = await run(`/tenants/${idOf("alpha")}/deploy`);
    expect(operation.status).toBe("succeeded");
    const entries = operation.steps.map((step: { name: string }) => step.name);
    expect(entries).toContain("deploy");
    const ms = Date.parse(operation.finishedAt) - Date.parse(operation.startedAt);
    expect(ms).toBeLessThan(1_000);
  });

  it("finds what was changed and deleted behind its back, and puts it right", async () => {
    const before = { alpha: names(await listing(idOf("alpha"))), beta: names(await listing(idOf("beta"))) };
    const queue = (await listing(idOf("alpha"))).find(({ type }) => type === "aws:sqs/queue:Queue");
    const group = (await listing(idOf("beta"))).find(
      ({ type }) => type === "aws:cloudwatch/logGroup:LogGroup",
    );
    await control("PATCH", one(queue), { properties: { visibilityTimeoutSeconds: 999 } });
    await control("DELETE", one(group));

    expect(await scan()).toMatchObject({ status: "succeeded", findingsOpen: 2 });
    const { items } = (await call("GET", "/drift")).body;
    const changed = items.find((finding: { kind: string }) => finding.kind === "changed");
    expect(changed).toMatchObject({ tenantId: idOf("alpha"), resourceType: "aws:sqs/queue:Queue" });
    expect(changed.properties).toMatchObject([{ path: "visibilityTimeoutSeconds", actual: 999 }]);
    const deleted = items.find((finding: { kind: string }) => finding.kind === "deleted");
    expect(deleted).toMatchObject({
      tenantId: idOf("beta"),
      resourceType: "aws:cloudwatch/logGroup:LogGroup",
    });

    const repairs = await run("/drift/repairs", { reason: "put it right" });
    expect(repairs.map((repair) => [repair.status, repair.error])).toEqual([
      ["succeeded", null],
      ["succeeded", null],
    ]);
    expect((await call("GET", "/drift")).body.items).toEqual([]);
    expect(await scan()).toMatchObject({ status: "succeeded", findingsOpen: 0 });
    expect(names(await listing(idOf("alpha")))).toEqual(before.alpha);
    expect(names(await listing(idOf("beta")))).toEqual(before.beta);
    const repaired = (await listing(idOf("alpha"))).find(({ id }) => id === queue?.id);
    expect(repaired?.properties.visibilityTimeoutSeconds).toBe(queue?.properties.visibilityTimeoutSeconds);
  });

  it("brings a release to the fleet in two waves", async () => {
    await call("POST", "/releases", releaseBody("2.0.0"));
    const waves = [{ cohort: { tenantIds: [idOf("beta")] } }];
    const done = await createRolloutClient(call, 120_000).run({
      ...{ change: { kind: "release", releaseNumber: 2 }, waves, maxConcurrency: 1 },
    });
    expect(done).toMatchObject({ status: "succeeded", waveCount: 2, statusReason: null });
    for (const slug of ["alpha", "beta"]) {
      for (const { images } of await servicesOf(slug)) expect(images[0]).toContain(":2.0.0");
    }
  });

  it("suspends and reactivates, and touches nobody else", async () => {
    await run(`/tenants/${idOf("alpha")}/suspend`, { reason: "invoice overdue" });
    expect((await servicesOf("alpha")).map((one) => one.desiredCount)).toEqual([0, 0, 0, 0, 0]);
    expect((await servicesOf("beta")).every((one) => one.desiredCount > 0)).toBe(true);
    expect((await call("GET", `/tenants/${idOf("alpha")}`)).body.status).toBe("suspended");
    await run(`/tenants/${idOf("alpha")}/reactivate`);
    expect((await servicesOf("alpha")).every((one) => one.runningCount > 0)).toBe(true);
    expect((await call("GET", `/tenants/${idOf("alpha")}`)).body.status).toBe("active");
  });

  it("decommissions and leaves nothing behind", async () => {
    const alpha = names(await listing(idOf("alpha")));
    const end = { confirmSlug: "beta", reason: "contract ended", immediately: true };
    const [operation] = await run(`/tenants/${idOf("beta")}/decommission`, end);
    expect([operation.status, operation.error]).toEqual(["succeeded", null]);
    expect(names(await listing(idOf("beta")))).toEqual([]);
    expect(names(await listing(idOf("alpha")))).toEqual(alpha);
    expect((await call("GET", `/tenants/${idOf("beta")}`)).body.status).toBe("deleted");
  });

  it("comes back from a kill in the middle of an activation, without duplicates", async () => {
    const tenantId = await create("gamma");
    await control("PUT", "/v1/profile", { latencyMs: 150 });
    const { body } = await call("POST", `/tenants/${tenantId}/activate`, {});
    await waitFor(
      "some resources",
      async () => ((await listing(tenantId)).length >= 3 ? true : undefined),
      60_000,
    );
    await service.signal("SIGKILL");
    await control("PUT", "/v1/profile", { latencyMs: 0 });
    await service.start();
    const operation = await finished(`/operations/${body.operations[0].operationId}`);
    expect(["succeeded", "failed"]).toContain(operation.status);
    expect(operation.attempt).toBe(2);
    if (operation.status === "failed") expect(operation.error.message).toMatch(/^Cannot .+/);
    else expect((await call("GET", `/tenants/${tenantId}`)).body.status).toBe("active");
    const things = names(await listing(tenantId));
    expect(new Set(things).size).toBe(things.length);
    expect((await call("GET", "/audit/verification")).body).toMatchObject({ verified: true, breaks: [] });
  });

  it("ends in order when told to, and takes its address away", async () => {
    await service.signal("SIGTERM");
    await service.start();
    expect((await call("GET", "/audit/verification")).body).toMatchObject({ verified: true });
  });
});

function one(thing: CloudThing | undefined): string {
  if (thing === undefined) throw new Error("the tenant has no such resource");
  const query = new URLSearchParams({ type: thing.type, id: thing.id, region: thing.region });
  return `/v1/resources/one?${query}`;
}
