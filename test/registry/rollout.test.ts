import { expect, it } from "vitest";
import { auditEventList } from "../../registry/audit.ts";
import type { Registry } from "../../registry/registry.ts";
import {
  rolloutCreate,
  rolloutDetail,
  rolloutGet,
  rolloutList,
  rolloutsUnfinished,
  rolloutTargetSet,
  rolloutUpdate,
} from "../../registry/rollout.ts";
import { addRelease, addTarget, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("rollouts", (create) => {
  it("begin queued with their targets by wave", async () => {
    const registry = await (await create()).open();
    const { rollout, acme, bolt } = await begin(registry);
    expect(rollout).toMatchObject({ status: "queued", currentWave: 0, waveCount: 2, releaseNumber: 1 });
    expect(rollout.targets.map((target) => [target.wave, target.targetId, target.status])).toEqual([
      [1, bolt, "pending"],
      [2, acme, "pending"],
    ]);
    expect(await registry.read((db) => rolloutDetail(db, rollout.rolloutId))).toEqual(rollout);
  });

  it("are driven on with each step audited on the fleet's chain", async () => {
    const registry = await (await create()).open();
    const { rolloutId } = (await begin(registry)).rollout;
    const update = (patch: Parameters<typeof rolloutUpdate>[2]) =>
      registry.change(context, (change) => rolloutUpdate(change, rolloutId, patch));
    const running = await update({ status: "running", currentWave: 1 });
    expect(running.startedAt).not.toBeNull();
    await update({ currentWave: 2 });
    expect(await update({ currentWave: 2 })).toMatchObject({ currentWave: 2 });
    expect(await registry.read(rolloutsUnfinished)).toHaveLength(1);
    const ended = await update({ status: "failed", haltReason: "bolt failed" });
    expect(ended).toMatchObject({
      status: "failed",
      haltReason: "bolt failed",
      startedAt: running.startedAt,
    });
    expect(ended.finishedAt).not.toBeNull();
    expect(await registry.read(rolloutsUnfinished)).toEqual([]);
    const { items } = await registry.read((db) => auditEventList(db, { limit: 50, chain: "fleet" }));
    expect(items.map((event) => event.action).filter((action) => action.startsWith("rollout."))).toEqual([
      "rollout.created",
      "rollout.running",
      "rollout.wave_started",
      "rollout.failed",
    ]);
  });

  it("keep what became of each target", async () => {
    const registry = await (await create()).open();
    const { rollout, acme } = await begin(registry);
    const { rolloutId } = rollout;
    const set = (patch: Parameters<typeof rolloutTargetSet>[3]) =>
      registry.record((record) => rolloutTargetSet(record, rolloutId, acme, patch));
    await set({ status: "running", operationId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11" });
    await set({ status: "failed", error: "cannot reach postgres://a:hunter2@db/x" });
    const { targets } = await registry.read((db) => rolloutDetail(db, rolloutId));
    expect(targets.find((target) => target.targetId === acme)).toMatchObject({
      status: "failed",
      operationId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11",
      error: "cannot reach [redacted]",
    });
  });

  it("are listed newest first by status, and a missing one is a problem", async () => {
    const registry = await (await create()).open();
    const { rollout } = await begin(registry);
    const facts = { release: { releaseId: await releaseId(registry), number: 1 }, waveCount: 0, targets: [] };
    const second = await registry.change(context, (change) =>
      rolloutCreate(change, { ...facts, strategy: { waves: [], maxConcurrency: 1 } }),
    );
    const first = await registry.read((db) => rolloutList(db, { limit: 1 }));
    const rest = await registry.read((db) => rolloutList(db, { limit: 1, cursor: first.nextCursor ?? "" }));
    expect([...first.items, ...rest.items].map((item) => item.rolloutId)).toEqual([
      second.rolloutId,
      rollout.rolloutId,
    ]);
    expect((await registry.read((db) => rolloutList(db, { limit: 9, status: "running" }))).items).toEqual([]);
    const missing = registry.read((db) => rolloutGet(db, "none"));
    await expect(missing).rejects.toMatchObject({ code: "rollout_not_found" });
  });
});

async function begin(registry: Registry) {
  const release = await addRelease(registry);
  const acme = (await addTarget(registry, "acme")).target;
  const bolt = (await addTarget(registry, "bolt")).target;
  const inWave = (target: typeof acme, wave: number) => {
    const { targetId, tenantId, planeName } = target;
    return { targetId, tenantId, planeName, wave, fromReleaseNumber: null };
  };
  const rollout = await registry.change(context, (change) =>
    rolloutCreate(change, {
      release,
      strategy: { waves: [{ tenantIds: [bolt.tenantId] }], maxConcurrency: 2 },
      waveCount: 2,
      targets: [inWave(acme, 2), inWave(bolt, 1)],
    }),
  );
  return { rollout, acme: acme.targetId, bolt: bolt.targetId };
}

async function releaseId(registry: Registry): Promise<string> {
  return (await addRelease(registry)).releaseId;
}
