import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import {
  controlPlane,
  createRelease,
  plane,
  releaseBody,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";
import { activeTenants, type RolloutClient, rolloutsOf } from "./rollouts.ts";

/** What a rollout may bring besides a release, how it is taken back, and what keeps a target from beginning. */
let service: TestService;
let rollouts: RolloutClient;
let tenants: string[];

beforeAll(async () => {
  service = await startTestService(["--gate-poll-ms", "50", "--breaker-cool-down-ms", "60000"]);
  rollouts = rolloutsOf(service);
  await createRelease(service, "1.0.0");
  tenants = await activeTenants(service, ["chg-a", "chg-b", "chg-c"]);
});
afterAll(() => service.stop());

const tenant = (tenantId: string | undefined) => rollouts.get(`/tenants/${tenantId}`);
const specOf = (tenantId: string | undefined) =>
  [...service.world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId)?.spec;
const all = { waves: [], maxConcurrency: 3 };

describe("a change of the record", () => {
  it("comes with each target's operation, and is taken back exactly and held", async () => {
    const [tenantId = ""] = tenants;
    const edit = { body: { displayName: "renamed meanwhile" } };
    const rollout = await rollouts.run({ change: { kind: "plan", plan: "business" }, ...all });
    expect(rollout).toMatchObject({ status: "succeeded", counts: { succeeded: 3 } });
    for (const id of tenants) {
      expect(await tenant(id)).toMatchObject({ plan: "business" });
      expect(specOf(id)?.plan.key).toBe("business");
    }
    await service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, edit);
    const target = (await rollouts.targets(rollout.rolloutId)).find((one) => one.tenantId === tenantId);
    const scope = { kind: "targets", targetIds: [target.targetId] };
    await rollouts.post(`/rollouts/${rollout.rolloutId}/rollback`, { scope, reason: "too dear" });
    await rollouts.until(rollout.rolloutId, ({ counts }) => counts.rolled_back === 1);
    expect(await tenant(tenantId)).toMatchObject({ plan: "starter", displayName: "renamed meanwhile" });
    expect(specOf(tenantId)?.plan.key).toBe("starter");
    await rollouts.ended(rollout.rolloutId);

    const again = await rollouts.run({ change: { kind: "plan", plan: "business" }, ...all });
    expect(again).toMatchObject({ status: "succeeded", counts: { held: 1, unchanged: 2 } });
    const [held] = await rollouts.targets(again.rolloutId, "?status=held");
    expect(held.reason).toContain("too dear");
    const { items } = await rollouts.get(`/pins?tenantId=${tenantId}`);
    for (const { pinId } of items) await rollouts.post(`/pins/${pinId}/release`, { reason: "agreed" });
    const last = await rollouts.run({ change: { kind: "plan", plan: "business" }, ...all });
    expect(last.counts).toMatchObject({ succeeded: 1, unchanged: 2 });
  });

  it("is not left behind by an operation that failed and was undone", async () => {
    service.world.failures.push(new EngineError("provider_failed", "Cannot update: no"));
    const change = { kind: "field", field: "settings.LOG_LEVEL", value: "debug" };
    const rollout = await rollouts.previewed({ change, waves: [], maxConcurrency: 1 });
    await rollouts.start(rollout);
    await rollouts.until(rollout.rolloutId, ({ status }) => status === "halted");
    const [failed] = await rollouts.targets(rollout.rolloutId, "?status=failed");
    expect((await tenant(failed.tenantId)).config.settings).toEqual({});
    await rollouts.post(`/rollouts/${rollout.rolloutId}/retry`);
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({ status: "succeeded" });
    for (const id of tenants) expect((await tenant(id)).config.settings).toEqual({ LOG_LEVEL: "debug" });
    await rollouts.post(`/rollouts/${rollout.rolloutId}/rollback`, { scope: { kind: "all" } });
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({ status: "rolled_back" });
    for (const id of tenants) expect((await tenant(id)).config.settings).toEqual({});
    await releasePins();
  });

  it("is taken back to what somebody has set after the rollout was made, and never to what was there before that", async () => {
    const [tenantId = "", other = "", third = ""] = tenants;
    const change = { kind: "field", field: "settings.LOG_LEVEL", value: "debug" };
    const rollout = await rollouts.previewed({ change, ...all });
    const set = (id: string, LOG_LEVEL: string, more: object = {}) =>
      service.call("PATCH", `${controlPlane}/tenants/${id}`, {
        body: { config: { settings: { LOG_LEVEL, ...more } } },
      });
    expect(await set(tenantId, "warn")).toMatchObject({ status: 200 });
    await rollouts.start(rollout);
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({ status: "succeeded" });
    expect((await tenant(tenantId)).config.settings).toEqual({ LOG_LEVEL: "debug" });
    expect(await set(other, "error")).toMatchObject({ status: 200 });
    expect(await set(third, "debug", { FONT: "large" })).toMatchObject({ status: 200 });
    await rollouts.post(`/rollouts/${rollout.rolloutId}/rollback`, { scope: { kind: "all" } });
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({ status: "rolled_back" });
    expect((await tenant(tenantId)).config.settings).toEqual({ LOG_LEVEL: "warn" });
    expect((await tenant(other)).config.settings).toEqual({ LOG_LEVEL: "error" });
    expect((await tenant(third)).config.settings).toEqual({ FONT: "large" });
    await releasePins();
    const clear = { kind: "field", field: "settings.LOG_LEVEL", value: null };
    await rollouts.run({ change: clear, ...all });
  });

  it("that is no part of the spec, or a flag, costs no engine run", async () => {
    const flag = { flagKey: "new-search", description: "the new search" };
    expect((await rollouts.post("/flags", flag)).status).toBe(201);
    const runs = service.world.runs.length;
    const change = { kind: "flag", flagKey: "new-search", enabled: true };
    const done = await rollouts.run({ change, ...all });
    expect(done).toMatchObject({ status: "succeeded", counts: { succeeded: 3 } });
    const suspension = { kind: "field", field: "suspensionMode", value: "access" };
    expect(await rollouts.run({ change: suspension, ...all })).toMatchObject({ counts: { succeeded: 3 } });
    for (const id of tenants) expect(await tenant(id)).toMatchObject({ suspensionMode: "access" });
    expect(service.world.runs).toHaveLength(runs);
    const on = await rollouts.get("/flags/new-search/overrides");
    expect(on.items.map(({ enabled }: { enabled: boolean }) => enabled)).toEqual([true, true, true]);
    await rollouts.post(`/rollouts/${done.rolloutId}/rollback`, { scope: { kind: "all" } });
    expect(await rollouts.ended(done.rolloutId)).toMatchObject({ status: "rolled_back" });
    expect((await rollouts.get("/flags/new-search/overrides")).items).toEqual([]);
    await releasePins();
  });
});

describe("a flag", () => {
  it("is put back as each tenant had it, with reason and expiry, and outlasts what expires", async () => {
    const [off, brief, none] = tenants;
    await rollouts.post("/flags", { flagKey: "new-cart" });
    const expiresAt = "2999-01-01T00:00:00.000Z";
    const override = (tenantId: string | undefined, enabled: boolean) => {
      const body = { enabled, expiresAt, reason: "ticket 4711" };
      return service.call("PUT", `${controlPlane}/flags/new-cart/overrides/${tenantId}`, { body });
    };
    expect(await override(off, false)).toMatchObject({ status: 200 });
    expect(await override(brief, true)).toMatchObject({ status: 200 });
    const overrides = async () => {
      const { items } = await rollouts.get("/flags/new-cart/overrides");
      return new Map(items.map((one: { tenantId: string }) => [one.tenantId, one]));
    };
    const change = { kind: "flag", flagKey: "new-cart", enabled: true };
    const done = await rollouts.run({ change, ...all });
    expect(done).toMatchObject({ status: "succeeded", counts: { succeeded: 3 } });
    const now = await overrides();
    for (const id of tenants) expect(now.get(id)).toMatchObject({ enabled: true, expiresAt: null });
    await rollouts.post(`/rollouts/${done.rolloutId}/rollback`, { scope: { kind: "all" } });
    expect(await rollouts.ended(done.rolloutId)).toMatchObject({ status: "rolled_back" });
    const then = await overrides();
    expect(then.get(off)).toMatchObject({ enabled: false, reason: "ticket 4711", expiresAt });
    expect(then.get(brief)).toMatchObject({ enabled: true, reason: "ticket 4711", expiresAt });
    expect(then.has(none)).toBe(false);
    await releasePins();
  });
});

async function releasePins(): Promise<void> {
  const { items } = await rollouts.get("/pins");
  for (const { pinId } of items) await rollouts.post(`/pins/${pinId}/release`, { reason: "agreed" });
}

describe("a target does not begin", () => {
  it("in a freeze, unless it is an emergency", async () => {
    const untilAt = new Date(Date.now() + 3_600_000).toISOString();
    const freeze = { effect: "deny", planeName: plane, untilAt, reason: "year end" };
    const made = await rollouts.post("/windows", freeze);
    expect(made).toMatchObject({ status: 201 });
    const releaseNumber = await createRelease(service, "2.0.0");
    const change = { kind: "release", releaseNumber };
    const rollout = await rollouts.previewed({ change, ...all });
    await rollouts.start(rollout);
    await rollouts.until(rollout.rolloutId, ({ waves }) => waves[0].startedAt !== null);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await rollouts.get(`/rollouts/${rollout.rolloutId}`)).toMatchObject({ counts: { pending: 3 } });
    await rollouts.post(`/rollouts/${rollout.rolloutId}/cancel`);
    await rollouts.ended(rollout.rolloutId);
    const emergency = { reason: "security fix" };
    const done = await rollouts.run({ change, ...all, emergency });
    expect(done).toMatchObject({ status: "succeeded", counts: { succeeded: 3 } });
    for (const tenantId of tenants) {
      const { items } = await rollouts.get(`/audit/events?tenantId=${tenantId}&action=window.bypassed`);
      expect(items).toMatchObject([
        {
          reason: emergency.reason,
          details: {
            planeName: plane,
            rolloutId: done.rolloutId,
            closedBecause: expect.stringContaining("year end"),
          },
        },
      ]);
    }
    await service.call("DELETE", `${controlPlane}/windows/${made.body.windowId}?reason=over`);
  });

  it("where engine and cloud keep failing, until the breaker closes", async () => {
    const releaseNumber = await createRelease(service, "3.0.0");
    const bad = new EngineError("provider_failed", "Cannot update: refused by the cloud");
    service.world.failures = [bad, undefined, bad, undefined, bad, undefined];
    const change = { kind: "release", releaseNumber };
    const rollout = await rollouts.previewed({ change, waves: [], maxConcurrency: 1, failureTolerance: 3 });
    await rollouts.start(rollout);
    await rollouts.until(rollout.rolloutId, ({ counts }) => counts.failed === 3);
    const scope = `plane/${plane}`;
    const open = await waitFor("the breaker", async () => {
      const { items } = await rollouts.get("/breakers?state=open");
      return items.find((one: { scope: string }) => one.scope === scope);
    });
    expect(open).toMatchObject({ state: "open", failures: 3, openings: 1 });
    expect(open.reason).toContain("refused by the cloud");
    expect(String((await service.call("GET", "/metrics")).body)).toContain(
      `tenantry_breaker_open{scope="${scope}"} 1`,
    );
    await rollouts.post(`/rollouts/${rollout.rolloutId}/retry`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await rollouts.get(`/rollouts/${rollout.rolloutId}`)).toMatchObject({ counts: { pending: 3 } });
    const reset = await rollouts.post(`/breakers/${encodeURIComponent(scope)}/reset`, { reason: "mended" });
    expect(reset).toMatchObject({ status: 200, body: { state: "closed" } });
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({
      status: "succeeded",
      counts: { succeeded: 3 },
    });
    expect(await rollouts.post("/breakers/plane%2Fnone/reset")).toMatchObject({ status: 404 });
  });
});

describe("a rollback", () => {
  it("goes on past an open breaker, as what it takes back may have opened it", async () => {
    const before = (await rollouts.get(`/tenants/${tenants[0]}/targets`)).items[0].currentReleaseNumber;
    const change = { kind: "release", releaseNumber: await createRelease(service, "4.0.0") };
    const done = await rollouts.run({ change, ...all });
    expect(done).toMatchObject({ status: "succeeded", counts: { succeeded: 3 } });
    const bad = new EngineError("provider_failed", "Cannot update: refused by the cloud");
    service.world.failures = [bad, undefined, bad, undefined, bad, undefined];
    for (const id of tenants) {
      const [operation] = await run(service, `/tenants/${id}/deploy`, { force: true });
      expect(operation).toMatchObject({ status: "failed", compensation: "succeeded" });
    }
    const scope = `plane/${plane}`;
    const { items } = await rollouts.get("/breakers?state=open");
    expect(items.map((one: { scope: string }) => one.scope)).toContain(scope);
    await rollouts.post(`/rollouts/${done.rolloutId}/rollback`, { scope: { kind: "all" } });
    expect(await rollouts.ended(done.rolloutId)).toMatchObject({
      ...{ status: "rolled_back", counts: { rolled_back: 3 } },
    });
    for (const id of tenants) {
      const [target] = (await rollouts.get(`/tenants/${id}/targets`)).items;
      expect(target).toMatchObject({ currentReleaseNumber: before, deploymentState: "ready" });
    }
    await rollouts.post(`/breakers/${encodeURIComponent(scope)}/reset`, { reason: "mended" });
    await releasePins();
  });

  it("keeps a target where it is when the release before does not know its schema", async () => {
    const releaseOf = async (schemaVersion: number, from: number) => {
      const compatibleSchemas = { from, to: schemaVersion };
      const body = { ...releaseBody(`5.${schemaVersion}.0`), schemaVersion, compatibleSchemas };
      return (await rollouts.post("/releases", body)).body.number as number;
    };
    const five = await releaseOf(5, 5);
    const six = await releaseOf(6, 5);
    const to = (releaseNumber: number) => ({ change: { kind: "release", releaseNumber }, ...all });
    expect(await rollouts.run(to(five))).toMatchObject({ status: "succeeded" });
    const done = await rollouts.run(to(six));
    expect(done).toMatchObject({ status: "succeeded", counts: { succeeded: 3 } });
    const runs = service.world.runs.length;
    await rollouts.post(`/rollouts/${done.rolloutId}/rollback`, { scope: { kind: "all" } });
    expect(await rollouts.ended(done.rolloutId)).toMatchObject({ counts: { held: 3, rolled_back: 0 } });
    const [held] = await rollouts.targets(done.rolloutId, "?status=held");
    expect(held.reason).toContain(
      `release ${five} can run with schema 5, and release ${six} has brought schema 6`,
    );
    expect(service.world.runs).toHaveLength(runs);
    const { items } = await rollouts.get(`/tenants/${tenants[0]}/targets`);
    expect(items[0]).toMatchObject({ currentReleaseNumber: six, deploymentState: "ready" });
  });
});
