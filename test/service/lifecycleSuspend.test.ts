import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
import { rolloutsOf } from "./rollouts.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
const post = (at: string, body: object = {}) => service.call("POST", `${controlPlane}${at}`, { body });
const targetsOf = async (tenantId: string) => (await get(`/tenants/${tenantId}/targets`)).items;
const specOf = (tenantId: string) =>
  [...service.world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId)?.spec;
const runsOf = (tenantId: string) => service.world.runs.filter((entry) => entry.includes(tenantId));
const routeOf = async (tenantId: string) =>
  (
    await service
      .registry()
      .read((db) =>
        db.selectFrom("routes").select("state").where("tenantId", "=", tenantId).executeTakeFirst(),
      )
  )?.state;

async function active(slug: string, more: object = {}): Promise<string> {
  const tenantId = await createTenant(service, slug, more);
  await run(service, `/tenants/${tenantId}/activate`);
  return tenantId;
}

describe("suspending", () => {
  it("stops the workloads unless the request or the record says access alone", async () => {
    const stopped = await active("stopped-workloads");
    await run(service, `/tenants/${stopped}/suspend`);
    expect(specOf(stopped)?.workload).toBe("suspended");
    expect((await targetsOf(stopped))[0]).toMatchObject({ suspensionMode: "workloads", health: "unknown" });

    const blocked = await active("blocked-by-record", { suspensionMode: "access" });
    const before = runsOf(blocked).length;
    await run(service, `/tenants/${blocked}/suspend`);
    expect(runsOf(blocked)).toHaveLength(before);
    expect(specOf(blocked)?.workload).toBe("running");
    expect(await routeOf(blocked)).toBe("suspended");
    expect((await targetsOf(blocked))[0]).toMatchObject({
      deploymentState: "suspended",
      suspensionMode: "access",
      health: "healthy",
    });

    const asked = await active("blocked-by-request");
    await run(service, `/tenants/${asked}/suspend`, { mode: "access" });
    expect(specOf(asked)?.workload).toBe("running");
    await run(service, `/tenants/${asked}/deploy`, { force: true });
    expect(specOf(asked)?.workload).toBe("running");
    expect(await routeOf(asked)).toBe("suspended");
  });

  it("shuts users out before it stops anything, and lets them in after health", async () => {
    const tenantId = await active("in-order");
    const [suspension] = await run(service, `/tenants/${tenantId}/suspend`);
    const stepsOf = (operation: { steps: { name: string }[] }) => operation.steps.map(({ name }) => name);
    expect(stepsOf(suspension)).toEqual(["publish_routing", "resolve_spec", "deploy", "wait_until_steady"]);
    expect(service.world.data.databases.get(tenantId)).toMatchObject({ login: true });
    const [reactivation] = await run(service, `/tenants/${tenantId}/reactivate`);
    expect(stepsOf(reactivation).slice(-2)).toEqual(["wait_until_steady", "publish_routing"]);
    expect(await routeOf(tenantId)).toBe("live");
  });

  it("that fails lets users in again and leaves the tenant active", async () => {
    const tenantId = await active("cannot-stop");
    service.world.failures.push(new EngineError("provider_denied", "Cannot update: not allowed"));
    const [failed] = await run(service, `/tenants/${tenantId}/suspend`);
    expect(failed).toMatchObject({ status: "failed", compensation: "succeeded" });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active", requestedStatus: "active" });
    expect((await targetsOf(tenantId))[0]).toMatchObject({
      ...{ deploymentState: "ready", requestedState: "present", suspensionMode: null },
    });
    expect(await routeOf(tenantId)).toBe("live");
  });
});

describe("reactivating", () => {
  it("catches up with the rollout that passed the suspended tenant by, and no further", async () => {
    const runs = await active("runs-on");
    const rests = await active("rests");
    await run(service, `/tenants/${rests}/suspend`);
    const release = await createRelease(service, "2.0.0");
    const change = { kind: "release", releaseNumber: release };
    const done = await rolloutsOf(service).run({ change, waves: [], maxConcurrency: 2 });
    expect(done.status).toBe("succeeded");
    const passedBy = await rolloutsOf(service).targets(done.rolloutId, "?status=skipped");
    const isSuspended = { tenantId: rests, reason: expect.stringContaining("it is suspended") };
    expect(passedBy).toContainEqual(expect.objectContaining(isSuspended));
    await createRelease(service, "3.0.0");
    expect((await targetsOf(runs))[0]).toMatchObject({ currentReleaseNumber: release });
    expect((await targetsOf(rests))[0]).toMatchObject({ currentReleaseNumber: 1 });
    await run(service, `/tenants/${rests}/reactivate`);
    expect((await targetsOf(rests))[0]).toMatchObject({
      ...{ currentReleaseNumber: release, targetReleaseNumber: release, version: "current" },
    });
  });

  it("takes the release that the request names", async () => {
    const tenantId = await active("named-release");
    await run(service, `/tenants/${tenantId}/suspend`);
    await run(service, `/tenants/${tenantId}/reactivate`, { releaseNumber: 1 });
    expect((await targetsOf(tenantId))[0]).toMatchObject({ currentReleaseNumber: 1 });
    await run(service, `/tenants/${tenantId}/suspend`);
    const unknown = await post(`/tenants/${tenantId}/reactivate`, { releaseNumber: 999 });
    expect(unknown).toMatchObject({ status: 404, body: { code: "release_not_found" } });
  });
});

describe("a failure on one of several targets", () => {
  it("leaves each target as it is, the tenant's status honest, and the rest to be asked for again", async () => {
    const here = service.world.planeOutputs;
    if (here === undefined) throw new Error("the test service must have a plane");
    const tenantId = await active("two-planes");
    const there = { environment: "prod", planeName: `prod-${here.region}` } as const;
    service.world.planeOutputs = { ...here, ...there };
    await run(service, `/tenants/${tenantId}/deploy`, { planes: [there.planeName] });
    service.world.planeOutputs = here;

    service.world.failures.push(new EngineError("provider_denied", "Cannot update: not allowed"));
    const operations = await run(service, `/tenants/${tenantId}/suspend`);
    const outcomes = operations.map(({ status }: { status: string }) => status).sort();
    expect(outcomes).toEqual(["failed", "succeeded"]);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active", requestedStatus: "active" });
    const states = (await targetsOf(tenantId)).map((one: { deploymentState: string }) => one.deploymentState);
    expect(states.sort()).toEqual(["ready", "suspended"]);

    await run(service, `/tenants/${tenantId}/suspend`);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "suspended" });
    await run(service, `/tenants/${tenantId}/reactivate`);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active" });
  });
});

describe("reconfiguring", () => {
  it("changes the record and its targets in one request, and only the record of a draft", async () => {
    const change = { config: { settings: { LOG_LEVEL: "debug" } } };
    const tenantId = await active("reconfigured");
    const [operation] = await run(service, `/tenants/${tenantId}/reconfigure`, { change, reason: "a fault" });
    expect(operation).toMatchObject({ kind: "tenant_deploy", status: "succeeded", reason: "a fault" });
    expect(specOf(tenantId)?.config.settings).toEqual({ LOG_LEVEL: "debug" });
    expect(await run(service, `/tenants/${tenantId}/reconfigure`, { change })).toEqual([]);

    const draft = await createTenant(service, "reconfigured-draft");
    expect(await run(service, `/tenants/${draft}/reconfigure`, { change })).toEqual([]);
    expect(await get(`/tenants/${draft}`)).toMatchObject({ status: "draft", config: change.config });
  });

  it("changes nothing when an operation is in the way, or when the record was changed meanwhile", async () => {
    const tenantId = await active("in-the-way");
    const { recordVersion } = await get(`/tenants/${tenantId}`);
    let open: () => void = () => undefined;
    service.world.gate = new Promise((resolve) => {
      open = resolve;
    });
    const { body } = await post(`/tenants/${tenantId}/deploy`, { force: true });
    const change = { displayName: "Another" };
    const refused = await post(`/tenants/${tenantId}/reconfigure`, { change });
    expect(refused).toMatchObject({ status: 409, body: { code: "operation_in_progress" } });
    service.world.gate = undefined;
    open();
    await waitFor("the deployment", async () => {
      const { finishedAt } = await get(`/operations/${body.operations[0].operationId}`);
      return finishedAt === null ? undefined : true;
    });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ recordVersion, displayName: "in-the-way" });
    const at = `${controlPlane}/tenants/${tenantId}/reconfigure`;
    const stale = await service.call("POST", at, { body: { change }, headers: { "if-match": '"99"' } });
    expect(stale).toMatchObject({ status: 412, body: { code: "version_conflict" } });
  });
});
