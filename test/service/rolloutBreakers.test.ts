import { afterAll, beforeAll, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import { planeOutputsFixture } from "./fakes.ts";
import { createRelease, plane, startTestService, type TestService } from "./harness.ts";
import { activeTenants, type RolloutClient, rolloutsOf } from "./rollouts.ts";

/** Bulkheads: what fails on one plane, or in one region, stops new starts there and nowhere else. */
const STAGE = "stage-eu-west-1";
const ELSEWHERE = "dev-eu-central-1";
const REGION = "region/eu-west-1";
let service: TestService;
let rollouts: RolloutClient;
let [here, staged, elsewhere]: [string[], string[], string[]] = [[], [], []];
let version = 1;

beforeAll(async () => {
  service = await startTestService(["--gate-poll-ms", "50", "--breaker-cool-down-ms", "600000"]);
  rollouts = rolloutsOf(service);
  await createRelease(service, "1.0.0");
  await addPlane("stage", "stage", ["dev", "stage"]);
  await addPlane("dev", "central", ["eu-west-1", "eu-central-1"]);
  here = await activeTenants(service, ["here-a", "here-b", "here-c"]);
  staged = await activeTenants(service, ["stage-a", "stage-b"], { planes: [STAGE] });
  elsewhere = await activeTenants(service, ["else-a"], { planes: [ELSEWHERE] });
});
afterAll(() => service.stop());

async function addPlane(environment: string, stackName: string, [from, to]: readonly [string, string]) {
  const text = JSON.stringify(planeOutputsFixture()).replaceAll(from, to);
  service.world.otherPlanes.set(stackName, JSON.parse(text));
  const { status, body } = await rollouts.post("/planes", { environment, stackName });
  expect(status, JSON.stringify(body)).toBe(200);
}

async function newRelease() {
  version += 1;
  return { kind: "release", releaseNumber: await createRelease(service, `${version}.0.0`) };
}

/** Each of them fails in turn, and is put back. */
async function failOn(tenantIds: readonly string[]): Promise<void> {
  const bad = new EngineError("provider_failed", "Cannot update: refused by the cloud");
  service.world.failures = tenantIds.flatMap(() => [bad, undefined]);
  const strategy = { waves: [], maxConcurrency: 1, failureTolerance: 10 };
  const rollout = await rollouts.run({ change: await newRelease(), scope: { tenantIds }, ...strategy });
  expect(rollout.counts).toMatchObject({ failed: tenantIds.length });
}

async function begunFor(tenantIds: readonly string[]): Promise<string> {
  const strategy = { waves: [], maxConcurrency: 10 };
  const rollout = await rollouts.previewed({ change: await newRelease(), scope: { tenantIds }, ...strategy });
  await rollouts.start(rollout);
  return rollout.rolloutId;
}

async function openBreakers(): Promise<string[]> {
  const { items } = await rollouts.get("/breakers?state=open");
  return items.map(({ scope }: { scope: string }) => scope);
}

/** Forgets what has failed in the region so far. */
async function reset(): Promise<void> {
  const { status } = await rollouts.post(`/breakers/${encodeURIComponent(REGION)}/reset`, {
    reason: "mended",
  });
  expect(status).toBe(200);
}

/** As if its pause were over; the pause of the rollout wakes whoever drives it. */
async function endPause(scope: string, rolloutId: string): Promise<void> {
  await service.registry().record(async ({ db, now }) => {
    const over = new Date(Date.parse(now) - 1_000).toISOString();
    await db.updateTable("breakers").set({ retryAt: over }).where("scope", "=", scope).execute();
  });
  await rollouts.post(`/rollouts/${rolloutId}/pause`);
  await rollouts.post(`/rollouts/${rolloutId}/resume`);
}

it("an open breaker of a plane holds up that plane alone, lets one through, and closes when it succeeds", async () => {
  await failOn(here);
  expect(await openBreakers()).toEqual([`plane/${plane}`]);
  const rolloutId = await begunFor([...here, ...staged, ...elsewhere]);
  // They bake until the whole wave has ended.
  await rollouts.until(rolloutId, ({ counts }) => counts.baking === 3);
  const waiting = await rollouts.targets(rolloutId, "?status=pending");
  expect(waiting.map(({ planeName }) => planeName)).toEqual([plane, plane, plane]);

  let open = () => {};
  service.world.gate = new Promise((resolve) => {
    open = resolve;
  });
  await endPause(`plane/${plane}`, rolloutId);
  await rollouts.until(rolloutId, ({ counts }) => counts.running > 0);
  // Another look at those that wait: what the first finds is waited for.
  await endPause(`plane/${plane}`, rolloutId);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await rollouts.get(`/rollouts/${rolloutId}`)).toMatchObject({ counts: { running: 1, pending: 2 } });
  service.world.gate = undefined;
  open();
  expect(await rollouts.ended(rolloutId)).toMatchObject({ status: "succeeded", counts: { succeeded: 6 } });
  expect(await openBreakers()).toEqual([]);
});

it("a region's breaker opens when more than one of its planes fail, and holds up all of them and no other region", async () => {
  await reset();
  await failOn([here[0] ?? "", ...staged]);
  expect(await openBreakers()).toEqual([REGION]);
  const rolloutId = await begunFor([...here, ...staged, ...elsewhere]);
  const held = await rollouts.until(rolloutId, ({ counts }) => counts.baking === 1);
  expect(held.counts).toMatchObject({ pending: 5 });
  expect(await rollouts.targets(rolloutId, "?status=baking")).toMatchObject([{ planeName: ELSEWHERE }]);
  await reset();
  expect(await rollouts.ended(rolloutId)).toMatchObject({ status: "succeeded", counts: { succeeded: 6 } });
});
