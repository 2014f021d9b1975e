import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import { createRelease, startTestService, type TestService } from "./harness.ts";
import { activeTenants, type RolloutClient, rolloutsOf } from "./rollouts.ts";

let service: TestService;
let rollouts: RolloutClient;
let tenants: string[];

beforeAll(async () => {
  service = await startTestService(["--gate-poll-ms", "50"]);
  rollouts = rolloutsOf(service);
  await createRelease(service, "1.0.0");
  tenants = await activeTenants(service, ["roll-a", "roll-b", "roll-c", "roll-d"]);
});
afterAll(() => service.stop());

const releaseOf = (tenantId: string | undefined) =>
  [...service.world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId)?.spec.release
    .number;

describe("a rollout", () => {
  it("is previewed first, by groups, and changes nothing until it is started", async () => {
    const releaseNumber = await createRelease(service, "2.0.0");
    const runs = service.world.runs.length;
    const rollout = await rollouts.previewed({ change: { kind: "release", releaseNumber } });
    expect(rollout).toMatchObject({ status: "previewed", targetCount: 4, currentWave: 0 });
    const preview = await rollouts.get(`/rollouts/${rollout.rolloutId}/preview`);
    expect(preview).toMatchObject({
      previewDigest: rollout.previewDigest,
      progress: { targets: 4, previewed: 4, failed: 0 },
    });
    expect(preview.items).toHaveLength(1);
    expect(preview.items[0]).toMatchObject({ tenantCount: 4, replaces: 0, deletes: 0 });
    expect(service.world.runs.slice(runs).every((run) => run.startsWith("preview "))).toBe(true);
    expect(service.world.runs.slice(runs)).toHaveLength(4);
    for (const tenantId of tenants) expect(releaseOf(tenantId)).toBe(1);

    await rollouts.start(rollout);
    const done = await rollouts.ended(rollout.rolloutId);
    expect(done).toMatchObject({ status: "succeeded", counts: { succeeded: 4 } });
    expect(done.waves.map(({ size }: { size: number }) => size)).toEqual([1, 1, 2]);
    for (const tenantId of tenants) expect(releaseOf(tenantId)).toBe(releaseNumber);

    const again = await rollouts.run({ change: { kind: "release", releaseNumber } });
    expect(again.counts).toMatchObject({ unchanged: 4, succeeded: 0 });
    const { items } = await rollouts.get(`/rollouts/${again.rolloutId}/preview`);
    expect(items).toMatchObject([{ changes: [], tenantCount: 4 }]);
  });

  it("halts in the canary wave, says who failed and why, and rolls back by itself when asked to", async () => {
    const before = releaseOf(tenants[0]);
    const releaseNumber = await createRelease(service, "3.0.0");
    service.world.failures.push(undefined, new EngineError("provider_failed", "Cannot update: bad image"));
    const halted = await rollouts.run({
      change: { kind: "release", releaseNumber },
      waves: [{ name: "canary", cohort: { tenantIds: [tenants[0], tenants[1]] }, maxConcurrency: 1 }],
      onExceeded: "rollback",
    });
    expect(halted).toMatchObject({ status: "rolled_back", counts: { rolled_back: 2, skipped: 2 } });
    expect(halted.statusReason).toContain(`tenant `);
    expect(halted.statusReason).toContain("Cannot update: bad image");
    for (const tenantId of tenants) expect(releaseOf(tenantId)).toBe(before);
  });
});
