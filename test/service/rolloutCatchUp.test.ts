import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import {
  controlPlane,
  createRelease,
  plane,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";
import { activeTenants, type RolloutClient, rolloutsOf } from "./rollouts.ts";

/** What tenants that rested get, when they are wanted again, of the rollouts that passed them by. */
let service: TestService;
let rollouts: RolloutClient;
/** Runs all the time, as a rollout of which nobody can be changed is refused. */
let awake: string;

beforeAll(async () => {
  service = await startTestService(["--gate-poll-ms", "50"]);
  rollouts = rolloutsOf(service);
  await createRelease(service, "1.0.0");
  [awake = ""] = await activeTenants(service, ["awake"]);
});
afterAll(() => service.stop());

const tenant = (tenantId: string) => rollouts.get(`/tenants/${tenantId}`);
const targetOf = async (tenantId: string) => (await rollouts.get(`/tenants/${tenantId}/targets`)).items[0];
const releaseOf = async (tenantId: string) => (await targetOf(tenantId)).currentReleaseNumber;
const reactivate = (tenantId: string, body: object = {}) =>
  run(service, `/tenants/${tenantId}/reactivate`, body);
const edit = (tenantId: string, body: object) =>
  service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body });
const eventsOf = async (tenantId: string, action: string) =>
  (await rollouts.get(`/audit/events?tenantId=${tenantId}&action=${action}`)).items;

async function resting(...slugs: string[]): Promise<string[]> {
  const tenants = await activeTenants(service, slugs);
  for (const tenantId of tenants) await run(service, `/tenants/${tenantId}/suspend`);
  return tenants;
}

/** A rollout to the tenant that runs and to those named. */
async function rollOut(change: object, others: readonly string[]) {
  const scope = { tenantIds: [awake, ...others] };
  const rollout = await rollouts.run({ change, scope, waves: [], maxConcurrency: 9 });
  expect(rollout).toMatchObject({ status: "succeeded", counts: { skipped: others.length } });
  return rollout;
}

async function newRelease(version: string): Promise<{ kind: "release"; releaseNumber: number }> {
  return { kind: "release", releaseNumber: await createRelease(service, version) };
}

describe("a tenant that is reactivated", () => {
  it("gets the release of the rollout that passed it by, and nothing of one that was for others", async () => {
    const [meant = "", other = ""] = await resting("meant", "other");
    const change = await newRelease("2.0.0");
    const { rolloutId } = await rollOut(change, [meant]);
    const before = await releaseOf(other);
    await reactivate(meant);
    await reactivate(other);
    expect(await releaseOf(meant)).toBe(change.releaseNumber);
    expect(await releaseOf(other)).toBe(before);
    const [event] = await eventsOf(meant, "target.caught_up");
    expect(event.details).toMatchObject({ brought: [rolloutId], leftOut: [] });
    expect(await eventsOf(other, "target.caught_up")).toEqual([]);
  });

  it("gets it though its target was worked on meanwhile, and once", async () => {
    const [tenantId = ""] = await resting("worked-on");
    const change = await newRelease("3.0.0");
    const own = await releaseOf(tenantId);
    await rollOut(change, [tenantId]);
    await run(service, `/tenants/${tenantId}/deploy`, { force: true });
    await run(service, `/tenants/${tenantId}/rotate-credentials`);
    expect(await releaseOf(tenantId)).toBe(own);
    await reactivate(tenantId);
    expect(await releaseOf(tenantId)).toBe(change.releaseNumber);
    await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: own });
    await run(service, `/tenants/${tenantId}/suspend`);
    await reactivate(tenantId);
    expect(await releaseOf(tenantId)).toBe(own);
  });

  it("gets it at the next attempt when the first has failed and was undone", async () => {
    const [tenantId = ""] = await resting("second-attempt");
    const change = await newRelease("4.0.0");
    await rollOut(change, [tenantId]);
    service.world.failures = [new EngineError("provider_denied", "Cannot update: not allowed")];
    const [failed] = await reactivate(tenantId);
    expect(failed).toMatchObject({ status: "failed", compensation: "succeeded" });
    await reactivate(tenantId);
    expect(await releaseOf(tenantId)).toBe(change.releaseNumber);
  });

  it("gets what passed it by when it was its turn", async () => {
    const [tenantId = ""] = await activeTenants(service, ["in-turn"]);
    const change = await newRelease("5.0.0");
    const scope = { tenantIds: [awake, tenantId] };
    const waves = [{ cohort: { tenantIds: [awake] } }, { approval: true }];
    const rollout = await rollouts.previewed({ change, scope, waves });
    await rollouts.start(rollout);
    await rollouts.until(rollout.rolloutId, (seen) => seen.waves[1].status === "awaiting_approval");
    await run(service, `/tenants/${tenantId}/suspend`);
    await rollouts.post(`/rollouts/${rollout.rolloutId}/approve`, { wave: 2 });
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({
      ...{ status: "succeeded", counts: { succeeded: 1, skipped: 1 } },
    });
    await reactivate(tenantId);
    expect(await releaseOf(tenantId)).toBe(change.releaseNumber);
  });

  it("gets nothing of a rollout that was taken back, and stays where somebody has deployed it since", async () => {
    const [one = "", two = ""] = await resting("after-rollback", "deployed-since");
    const own = await releaseOf(one);
    const change = await newRelease("6.0.0");
    const rollout = await rollOut(change, [one, two]);
    const chosen = await newRelease("6.1.0");
    await run(service, `/tenants/${two}/deploy`, { releaseNumber: chosen.releaseNumber });
    await reactivate(two);
    expect(await releaseOf(two)).toBe(chosen.releaseNumber);
    const [event] = await eventsOf(two, "target.caught_up");
    expect(event.details.leftOut).toEqual([
      { rolloutId: rollout.rolloutId, reason: "somebody has set something else since" },
    ]);
    await rollouts.post(`/rollouts/${rollout.rolloutId}/rollback`, { scope: { kind: "all" } });
    await rollouts.ended(rollout.rolloutId);
    await releasePins();
    await reactivate(one);
    expect(await releaseOf(one)).toBe(own);
  });
});

describe("a tenant that is restored", () => {
  it("gets what rollouts brought while it was suspended and while it was archived", async () => {
    const [tenantId = ""] = await resting("from-archive");
    const field = { kind: "field", field: "settings.LOG_LEVEL", value: "debug" };
    await rollOut(field, [tenantId]);
    await run(service, `/tenants/${tenantId}/archive`, { reason: "paused for long" });
    const change = await newRelease("7.0.0");
    await rollOut(change, [tenantId]);
    await run(service, `/tenants/${tenantId}/restore`);
    expect(await releaseOf(tenantId)).toBe(change.releaseNumber);
    expect((await tenant(tenantId)).config.settings).toEqual({ LOG_LEVEL: "debug" });
  });
});

describe("the record of a tenant that is wanted again", () => {
  it("gets plan, field and flag as the last rollouts of each left them, audited with the rollout", async () => {
    const [tenantId = ""] = await resting("whole-record");
    await rollouts.post("/flags", { flagKey: "new-menu" });
    const plan = await rollOut({ kind: "plan", plan: "business" }, [tenantId]);
    const field = { kind: "field", field: "settings.THEME" };
    await rollOut({ ...field, value: "light" }, [tenantId]);
    const last = await rollOut({ ...field, value: "dark" }, [tenantId]);
    await rollOut({ kind: "flag", flagKey: "new-menu", enabled: true }, [tenantId]);
    await reactivate(tenantId);
    const after = await tenant(tenantId);
    expect(after).toMatchObject({ plan: "business", config: { settings: { THEME: "dark" } } });
    const stacks = [...service.world.stacks.values()];
    const stack = stacks.find(({ spec }) => spec.tenant.tenantId === tenantId);
    expect(stack?.spec).toMatchObject({ plan: { key: "business" }, config: { settings: { THEME: "dark" } } });
    const { items: flags } = await rollouts.get("/flags/new-menu/overrides");
    expect(flags).toContainEqual(expect.objectContaining({ tenantId, enabled: true, expiresAt: null }));
    const reasons = (await eventsOf(tenantId, "tenant.updated")).map(
      (event: { reason: string }) => event.reason,
    );
    expect(reasons).toEqual(
      [last, plan].map(({ rolloutId }) => `rollout ${rolloutId}, which had passed it by`),
    );
  });

  it("stays as somebody has set it since", async () => {
    const [tenantId = ""] = await resting("set-since");
    await rollOut({ kind: "field", field: "settings.THEME", value: "blue" }, [tenantId]);
    await rollOut({ kind: "field", field: "settings.FONT", value: "large" }, [tenantId]);
    expect(await edit(tenantId, { config: { settings: { THEME: "green" } } })).toMatchObject({ status: 200 });
    await reactivate(tenantId);
    expect((await tenant(tenantId)).config.settings).toEqual({ THEME: "green", FONT: "large" });
  });

  it("stays as its manifest declares it", async () => {
    const [declared = ""] = await resting("declared");
    await declare("declared", "suspended");
    const said = await rollouts.run({
      ...{ change: { kind: "field", field: "settings.THEME", value: "loud" }, waves: [] },
      maxConcurrency: 9,
    });
    const unsaid = await rollouts.run({
      ...{ change: { kind: "field", field: "settings.FONT", value: "small" }, waves: [] },
      maxConcurrency: 9,
    });
    await declare("declared", "active");
    await waitFor("the reactivation", async () =>
      (await tenant(declared)).status === "active" ? true : undefined,
    );
    expect((await tenant(declared)).config.settings).toEqual({ THEME: "plain", FONT: "small" });
    const [event] = await eventsOf(declared, "target.caught_up");
    expect(event.details).toMatchObject({
      brought: [unsaid.rolloutId],
      leftOut: [{ rolloutId: said.rolloutId, reason: "its manifest declares settings.THEME" }],
    });
  });

  it("stays as a pin or a policy would have kept it in the rollout", async () => {
    const [held = "", large = ""] = await resting("held-back", "large");
    const [small = ""] = await activeTenants(service, ["small"]);
    await edit(large, { plan: "enterprise" });
    const smaller = await rollouts.run({
      ...{ change: { kind: "plan", plan: "starter" }, scope: { tenantIds: [small, large] }, waves: [] },
    });
    expect(smaller).toMatchObject({ status: "succeeded", counts: { unchanged: 1, skipped: 1 } });
    expect(await rollouts.post("/pins", { tenantId: held, reason: "a fair" })).toMatchObject({ status: 201 });
    const own = await releaseOf(held);
    await rollOut(await newRelease("8.0.0"), [held]);
    await reactivate(held);
    await reactivate(large);
    expect(await releaseOf(held)).toBe(own);
    expect(await tenant(large)).toMatchObject({ plan: "enterprise" });
    const [event] = await eventsOf(large, "target.caught_up");
    expect(event.details.leftOut).toEqual([
      { rolloutId: smaller.rolloutId, reason: expect.stringContaining("(downgrade-reason)") },
    ]);
    const [denied] = await eventsOf(large, "access.denied");
    expect(denied.details).toMatchObject({ code: "policy_denied", rolloutId: smaller.rolloutId });
    await releasePins();
  });
});

/** Applies a manifest that names a setting, and no version of its plan. */
async function declare(slug: string, state: string): Promise<void> {
  const manifest = `apiVersion: tenantry.dev/v1
kind: Tenant
metadata: { slug: ${slug} }
spec:
  displayName: ${slug}
  plan: starter
  state: ${state}
  planes: [${plane}]
  config: { settings: { THEME: plain } }
`;
  const { status } = await rollouts.post("/manifests/apply", { documents: [manifest] });
  expect(status).toBe(200);
}

describe("a rollout to a tenant that has a manifest", () => {
  it("brings what the manifest does not declare, and is refused or passes it by for what it does", async () => {
    const [managed = ""] = await activeTenants(service, ["managed"]);
    await declare("managed", "active");
    const whole = { waves: [], maxConcurrency: 9 };
    const font = { kind: "field", field: "settings.FONT", value: "huge" };
    const done = await rollouts.run({ change: font, scope: { tenantIds: [managed] }, ...whole });
    expect(done).toMatchObject({ status: "succeeded", counts: { succeeded: 1 } });
    expect((await tenant(managed)).config.settings).toEqual({ THEME: "plain", FONT: "huge" });
    const theme = { kind: "field", field: "settings.THEME", value: "loud" };
    const named = await rollouts.post("/rollouts", { change: theme, scope: { tenantIds: [managed] } });
    expect(named).toMatchObject({ status: 409, body: { code: "managed_by_manifest" } });
    expect(named.body.detail).toContain("its manifest declares settings.THEME");
    const plan = { kind: "plan", plan: "business" };
    const passing = await rollouts.previewed({ change: plan, ...whole });
    const skipped = await rollouts.targets(passing.rolloutId, "?status=skipped");
    const reason = "its manifest names another plan";
    expect(skipped).toContainEqual(expect.objectContaining({ tenantId: managed, reason }));
    await rollouts.post(`/rollouts/${passing.rolloutId}/cancel`);
  });
});

async function releasePins(): Promise<void> {
  const { items } = await rollouts.get("/pins");
  for (const { pinId } of items) await rollouts.post(`/pins/${pinId}/release`, { reason: "agreed" });
}
