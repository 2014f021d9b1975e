import { expect, it } from "vitest";
import type { RolloutChange } from "../../contract/rolloutChange.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import type { Registry } from "../../registry/registry.ts";
import { rolloutGet, rolloutList, rolloutsUnderWay, rolloutsUnfinished } from "../../registry/rollout.ts";
import { rolloutActivate, rolloutStart } from "../../registry/rolloutControl.ts";
import { rolloutDetail } from "../../registry/rolloutDetail.ts";
import {
  rolloutFinish,
  rolloutHalt,
  rolloutStuck,
  rolloutUnstuck,
  rolloutView,
} from "../../registry/rolloutDrive.ts";
import { rolloutPreviewed, rolloutTargetPreviewFailed } from "../../registry/rolloutPreview.ts";
import {
  rolloutTargetList,
  rolloutTargetsAhead,
  rolloutTargetsBegin,
  rolloutTargetsSet,
} from "../../registry/rolloutTarget.ts";
import {
  rolloutWaveAwaitApproval,
  rolloutWaveBake,
  rolloutWaveEnd,
  rolloutWaveStart,
} from "../../registry/rolloutWave.ts";
import { addPlane, addTarget, newTarget } from "./fixtures.ts";
import { beginRollout, changeBy } from "./rolloutFixtures.ts";
import { describeDialects } from "./support.ts";

const operationId = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";

describeDialects("rollouts", (create) => {
  it("begin as documents that are being previewed", async () => {
    const registry = await (await create()).open();
    const { rollout } = await beginRollout(registry, [1, 2, 2]);
    expect(rollout).toMatchObject({
      status: "previewing",
      change: { kind: "release", releaseNumber: 1 },
      planes: ["dev-eu-west-1"],
      waveCount: 2,
      currentWave: 0,
      targetCount: 3,
      counts: { pending: 3, running: 0 },
      allowedActions: ["cancel", "skip"],
    });
    expect(
      rollout.waves.map(({ wave, size, status, counts }) => [wave, size, status, counts.pending]),
    ).toEqual([
      [1, 1, "pending", 1],
      [2, 2, "pending", 2],
    ]);
    expect(await registry.read((db) => rolloutDetail(db, rollout.rolloutId))).toEqual(rollout);
  });

  it("are driven wave by wave, each step audited on the fleet's chain", async () => {
    const registry = await (await create()).open();
    const { rolloutId } = (await beginRollout(registry, [1, 2])).rollout;
    await changeBy(registry, async (change) => {
      await rolloutPreviewed(change, rolloutId, "digest");
      await rolloutStart(change, rolloutId, { queue: true, reason: "go on" });
      await rolloutActivate(change, rolloutId);
      await rolloutWaveStart(change, rolloutId, 1);
      await rolloutWaveBake(change, rolloutId, 1, "2026-03-01T10:00:00.000Z");
      await rolloutWaveEnd(change, rolloutId, 1);
      await rolloutWaveAwaitApproval(change, rolloutId, 2);
    });
    const running = await registry.read((db) => rolloutDetail(db, rolloutId));
    expect(running).toMatchObject({ status: "running", currentWave: 1, previewDigest: "digest" });
    expect(running.waves.map(({ status }) => status)).toEqual(["ended", "awaiting_approval"]);
    await changeBy(registry, (change) => rolloutHalt(change, rolloutId, "postgres://a:hunter2@db/x is gone"));
    expect(await registry.read(rolloutsUnfinished)).toHaveLength(1);
    await changeBy(registry, (change) => rolloutFinish(change, rolloutId, "failed", null));
    const ended = await registry.read((db) => rolloutGet(db, rolloutId));
    expect(ended).toMatchObject({ status: "failed", statusReason: "[redacted] is gone" });
    expect(ended.finishedAt).not.toBeNull();
    expect(await registry.read(rolloutsUnfinished)).toEqual([]);
    expect(await actions(registry)).toEqual([
      ...[
        "rollout.created",
        "rollout.previewed",
        "rollout.queued",
        "rollout.started",
        "rollout.wave_started",
      ],
      ...["rollout.wave_baking", "rollout.wave_ended", "rollout.approval_asked"],
      ...["rollout.halted", "rollout.failed"],
    ]);
  });

  it("say that they are stuck until they move again", async () => {
    const registry = await (await create()).open();
    const { rollout, targetIds } = await beginRollout(registry, [1]);
    const { rolloutId, progressAt } = rollout;
    const reason = "nothing has moved for an hour";
    await changeBy(registry, (change) => rolloutStuck(change, rolloutId, { targetIds, reason }));
    const stuck = await registry.read((db) => rolloutGet(db, rolloutId));
    expect(stuck).toMatchObject({ stuckReason: reason, progressAt });
    await changeBy(registry, (change) => rolloutUnstuck(change, rolloutId));
    expect(await registry.read((db) => rolloutGet(db, rolloutId))).toMatchObject({ stuckSince: null });
  });

  it("count a preview as progress while they are previewed", async () => {
    const registry = await (await create()).open();
    const { rollout, targetIds } = await beginRollout(registry, [1, 1]);
    const { rolloutId, progressAt } = rollout;
    const progressOf = async () =>
      (await registry.read((db) => rolloutView(db, rolloutId))).rollout.progressAt ?? "";
    expect(await progressOf()).toBe(progressAt);
    const now = await registry.record(async (record) => {
      const later = { ...record, now: new Date(Date.parse(progressAt ?? "") + 60_000).toISOString() };
      await rolloutTargetPreviewFailed(later, rolloutId, targetIds[0] ?? "", "the engine is gone");
      return later.now;
    });
    expect(await progressOf()).toBe(now);
    await changeBy(registry, (change) => rolloutPreviewed(change, rolloutId, "digest"));
    expect((await progressOf()) < now).toBe(true);
  });

  it("tell what a decision needs: targets that have not ended for good, with their operations", async () => {
    const registry = await (await create()).open();
    const { rollout, targetIds } = await beginRollout(registry, [1, 1, 2]);
    const { rolloutId } = rollout;
    const [first = "", second = "", third = ""] = targetIds;
    // Nothing of it may begin yet, so there is nothing to decide about its targets.
    expect((await registry.read((db) => rolloutView(db, rolloutId))).targets).toEqual([]);
    await changeBy(registry, (change) => rolloutPreviewed(change, rolloutId, "digest"));
    await changeBy(registry, (change) => rolloutStart(change, rolloutId, { queue: false }));
    await registry.record(async (record) => {
      const rows = [first, second].map((targetId) => ({
        targetId,
        operationId: `${operationId}-${targetId}`,
      }));
      await rolloutTargetsBegin(record, rolloutId, "running", rows);
      await rolloutTargetsSet(record, rolloutId, [second], { status: "succeeded" });
    });
    const view = await registry.read((db) => rolloutView(db, rolloutId));
    expect(view.targets.map(({ targetId, status }) => [targetId, status])).toEqual([
      [first, "running"],
      [third, "pending"],
    ]);
    expect(view.targets[0]).toMatchObject({ operationId: `${operationId}-${first}`, operation: null });
    await registry.record((record) =>
      rolloutTargetsSet(record, rolloutId, [second], { rollbackRequestedAt: record.now }),
    );
    expect((await registry.read((db) => rolloutView(db, rolloutId))).targets).toHaveLength(3);
  });

  it("name the targets that one under way is still to bring what it has written on their tenants", async () => {
    const registry = await (await create()).open();
    const change = { kind: "field", field: "settings.THEME", value: "dark" } as const;
    const { tenant, plane, target } = await addTarget(registry, "two-planes");
    const prod = await addPlane(registry, "prod");
    const other = await changeBy(registry, (change) => newTarget(change, tenant, prod));
    const { tenantId } = tenant;
    const before = { releaseNumber: null, specDigest: null };
    const both = [
      { targetId: target.targetId, tenantId, planeName: plane.name, wave: 1, before },
      { targetId: other.targetId, tenantId, planeName: prod.name, wave: 2, before },
    ];
    const rolloutOf = async (what: RolloutChange) => {
      const { rollout } = await beginRollout(registry, [1, 2], { change: what, targets: both });
      return rollout.rolloutId;
    };
    const rolloutId = await rolloutOf(change);
    const flagged = await rolloutOf({ kind: "flag", flagKey: "dark-mode", enabled: true });
    const ahead = (of = [tenantId]) => registry.read((db) => rolloutTargetsAhead(db, of));
    const begin = (id: string, targetId: string) =>
      registry.record((record) =>
        rolloutTargetsBegin(record, id, "running", [{ targetId, operationId: null }]),
      );
    await changeBy(registry, async (change) => {
      for (const id of [rolloutId, flagged]) {
        await rolloutPreviewed(change, id, "digest");
        await rolloutStart(change, id, { queue: false });
      }
    });
    // Nothing is written on a tenant before the first of its targets begins, and a flag is no part of a spec.
    await begin(flagged, target.targetId);
    expect(await ahead()).toEqual(new Map());
    await begin(rolloutId, target.targetId);
    const bringing = { rolloutId, status: "running" };
    expect(await ahead()).toEqual(
      new Map([
        [target.targetId, bringing],
        [other.targetId, bringing],
      ]),
    );
    expect(await ahead([])).toEqual(new Map());
    const done = { status: "succeeded" } as const;
    await registry.record((record) => rolloutTargetsSet(record, rolloutId, [target.targetId], done));
    expect(await ahead()).toEqual(new Map([[other.targetId, bringing]]));
    await changeBy(registry, (change) => rolloutFinish(change, rolloutId, "cancelled", null));
    expect(await ahead()).toEqual(new Map());
  });

  it("page their targets wave by wave, and by status", async () => {
    const registry = await (await create()).open();
    const { rollout, targetIds } = await beginRollout(registry, [1, 2, 2, 2]);
    const { rolloutId } = rollout;
    const failed = targetIds[3] ?? "";
    const reason = "cannot reach postgres://a:hunter2@db/x";
    await registry.record((record) =>
      rolloutTargetsSet(record, rolloutId, [failed], { status: "failed", reason }),
    );
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: 2, ...(cursor && { cursor }) };
      const page = await registry.read((db) => rolloutTargetList(db, rolloutId, query));
      seen.push(...page.items.map(({ targetId }) => targetId));
      cursor = page.nextCursor ?? undefined;
    } while (cursor);
    expect(seen[0]).toBe(targetIds[0]);
    expect([...seen].sort()).toEqual([...targetIds].sort());
    const query = { limit: 9, status: "failed" } as const;
    const { items } = await registry.read((db) => rolloutTargetList(db, rolloutId, query));
    expect(items).toMatchObject([{ targetId: failed, status: "failed", reason: "cannot reach [redacted]" }]);
    expect((await registry.read((db) => rolloutDetail(db, rolloutId))).counts).toMatchObject({
      pending: 3,
      failed: 1,
    });
  });

  it("have their planes to themselves while they are under way", async () => {
    const registry = await (await create()).open();
    const { rolloutId } = (await beginRollout(registry, [1])).rollout;
    expect(await registry.read((db) => rolloutsUnderWay(db, ["dev-eu-west-1"]))).toEqual([]);
    await changeBy(registry, async (change) => {
      await rolloutPreviewed(change, rolloutId, "digest");
      await rolloutStart(change, rolloutId, { queue: false });
    });
    const there = await registry.read((db) => rolloutsUnderWay(db, ["dev-eu-west-1", "x"]));
    expect(there.map((rollout) => rollout.rolloutId)).toEqual([rolloutId]);
    expect(await registry.read((db) => rolloutsUnderWay(db, ["prod-eu-west-1"]))).toEqual([]);
    await changeBy(registry, (change) => rolloutFinish(change, rolloutId, "succeeded", null));
    expect(await registry.read((db) => rolloutsUnderWay(db))).toEqual([]);
  });

  it("are listed newest first by status, and a missing one is a problem", async () => {
    const registry = await (await create()).open();
    const first = (await beginRollout(registry, [1])).rollout;
    const second = (await beginRollout(registry, [1])).rollout;
    const page = await registry.read((db) => rolloutList(db, { limit: 1 }));
    const rest = await registry.read((db) => rolloutList(db, { limit: 1, cursor: page.nextCursor ?? "" }));
    expect([...page.items, ...rest.items].map((item) => item.rolloutId)).toEqual([
      second.rolloutId,
      first.rolloutId,
    ]);
    expect((await registry.read((db) => rolloutList(db, { limit: 9, status: "running" }))).items).toEqual([]);
    const missing = registry.read((db) => rolloutGet(db, "none"));
    await expect(missing).rejects.toMatchObject({ code: "rollout_not_found" });
  });
});

async function actions(registry: Registry): Promise<string[]> {
  const { items } = await registry.read((db) => auditEventList(db, { limit: 50, chain: "fleet" }));
  return items.map((event) => event.action).filter((action) => action.startsWith("rollout."));
}
