import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limits } from "../../service/config/limits.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";
import { type RolloutClient, rolloutsOf } from "./rollouts.ts";

/** A wave of more targets than are looked up at once, of which the first may not begin. */
const FROZEN = limits.rolloutStartsAtOnce + 10;
const HELD = limits.rolloutStartsAtOnce;
const FREE = 5;
const WORKERS = 8;

let service: TestService;
let rollouts: RolloutClient;

beforeAll(async () => {
  service = await startTestService(["--concurrency", `${WORKERS}`, "--plane-concurrency", `${WORKERS}`]);
  rollouts = rolloutsOf(service);
  await createRelease(service, "1.0.0");
  const slugs = Array.from({ length: FROZEN + HELD + FREE }, (_, index) => `large-${index}`);
  await Promise.all(
    slugs.map(async (slug) => run(service, `/tenants/${await createTenant(service, slug)}/activate`)),
  );
});
afterAll(() => service.stop());

describe("a large wave", () => {
  it("goes past all that are frozen or pinned, and comes back to those when they are free", async () => {
    const releaseNumber = await createRelease(service, "2.0.0");
    const change = { kind: "release", releaseNumber };
    const rollout = await rollouts.previewed({ change, waves: [], maxConcurrency: 4 });
    const targets = await rollouts.targets(rollout.rolloutId, "?limit=100");
    expect(targets).toHaveLength(FROZEN + HELD + FREE);
    const windows = await Promise.all(targets.slice(0, FROZEN).map(({ tenantId }) => freeze(tenantId)));
    for (const { tenantId } of targets.slice(FROZEN, FROZEN + HELD)) {
      expect(await rollouts.post("/pins", { tenantId, reason: "kept" })).toMatchObject({ status: 201 });
    }

    await rollouts.start(rollout);
    const { rolloutId } = rollout;
    await rollouts.until(rolloutId, ({ counts }) => counts.held === HELD && counts.baking === FREE);
    expect(await rollouts.get(`/rollouts/${rolloutId}`)).toMatchObject({
      status: "running",
      counts: { pending: FROZEN, held: HELD, baking: FREE },
    });

    for (const windowId of windows) {
      const ended = await service.call("DELETE", `${controlPlane}/windows/${windowId}?reason=over`);
      expect(ended.status).toBeLessThan(300);
    }
    expect(await rollouts.ended(rolloutId)).toMatchObject({
      status: "succeeded",
      counts: { succeeded: FROZEN + FREE, held: HELD },
    });
  });
});

describe("a rollout that may change more at once than there are workers", () => {
  it("has few operations waiting, so that a pause keeps all others from beginning", async () => {
    const releaseNumber = await createRelease(service, "3.0.0");
    const change = { kind: "release", releaseNumber };
    const rollout = await rollouts.previewed({ change, waves: [], maxConcurrency: FROZEN });
    const { rolloutId } = rollout;
    let open = () => {};
    service.world.gate = new Promise((resolve) => {
      open = resolve;
    });
    await rollouts.start(rollout);
    const begun = WORKERS + limits.rolloutQueuedAhead;
    await rollouts.until(rolloutId, ({ counts }) => counts.running >= begun);
    expect(await rollouts.post(`/rollouts/${rolloutId}/pause`, { reason: "let me look" })).toMatchObject({
      status: 202,
    });
    service.world.gate = undefined;
    open();
    const rested = await rollouts.until(rolloutId, ({ counts }) => counts.running === 0);
    expect(rested).toMatchObject({
      status: "paused",
      counts: { baking: begun, pending: FROZEN + FREE - begun, held: HELD },
    });
    await rollouts.post(`/rollouts/${rolloutId}/resume`, {});
    expect(await rollouts.ended(rolloutId)).toMatchObject({
      status: "succeeded",
      counts: { succeeded: FROZEN + FREE, held: HELD },
    });
  });
});

async function freeze(tenantId: string): Promise<string> {
  const from = new Date(Date.now() - 60_000).toISOString();
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const window = { effect: "deny", tenantId, fromAt: from, untilAt: until, reason: "year end" };
  const { status, body } = await rollouts.post("/windows", window);
  if (status !== 201) throw new Error(`cannot freeze ${tenantId}: ${JSON.stringify(body)}`);
  return body.windowId;
}
