import { expect, it } from "vitest";
import type { PreviewChange } from "../../contract/rollout.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import { migrations } from "../../registry/migrations/index.ts";
import type { Registry } from "../../registry/registry.ts";
import { rolloutsUnderWay } from "../../registry/rollout.ts";
import {
  rolloutApprove,
  rolloutCancel,
  rolloutPause,
  rolloutResume,
  rolloutRetarget,
  rolloutRetry,
  rolloutRollback,
  rolloutSkip,
  rolloutStart,
} from "../../registry/rolloutControl.ts";
import { rolloutDetail } from "../../registry/rolloutDetail.ts";
import { rolloutFinish } from "../../registry/rolloutDrive.ts";
import {
  rolloutPreviewed,
  rolloutPreviewGet,
  rolloutTargetPreviewed,
  rolloutTargetPreviewFailed,
  rolloutTargetsToPreview,
} from "../../registry/rolloutPreview.ts";
import {
  rolloutTargetList,
  rolloutTargetsBegin,
  rolloutTargetsSet,
  rolloutTargetsSetEach,
} from "../../registry/rolloutTarget.ts";
import { rolloutWaveEnd, rolloutWaveStart, setWave } from "../../registry/rolloutWave.ts";
import { beginRollout, changeBy } from "./rolloutFixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("a rollout under control", (create) => {
  async function started(waves: readonly number[]) {
    const registry = await (await create()).open();
    const { rollout, targetIds } = await beginRollout(registry, waves);
    const { rolloutId } = rollout;
    await changeBy(registry, async (change) => {
      await rolloutPreviewed(change, rolloutId, "digest");
      await rolloutStart(change, rolloutId, { queue: false });
      for (const wave of new Set(waves)) await rolloutWaveStart(change, rolloutId, wave);
      const rows = targetIds.map((targetId) => ({ targetId, operationId: null }));
      await rolloutTargetsBegin(change, rolloutId, "running", rows);
    });
    return { registry, rolloutId, targetIds };
  }
  const detail = (registry: Registry, rolloutId: string) =>
    registry.read((db) => rolloutDetail(db, rolloutId));
  const statuses = async (registry: Registry, rolloutId: string) => {
    const { items } = await registry.read((db) => rolloutTargetList(db, rolloutId, { limit: 50 }));
    return new Map(items.map(({ targetId, status }) => [targetId, status]));
  };

  it("pauses, resumes and is cancelled with the reason on record, and refuses what its status does not allow", async () => {
    const { registry, rolloutId } = await started([1]);
    await changeBy(registry, (change) => rolloutPause(change, rolloutId, "too many alarms"));
    expect(await detail(registry, rolloutId)).toMatchObject({
      status: "paused",
      statusReason: "too many alarms",
    });
    const again = changeBy(registry, (change) => rolloutPause(change, rolloutId, undefined));
    await expect(again).rejects.toMatchObject({ code: "rollout_status" });
    await changeBy(registry, (change) => rolloutResume(change, rolloutId, "quiet again"));
    await changeBy(registry, (change) => rolloutCancel(change, rolloutId, "not needed"));
    const resumed = changeBy(registry, (change) => rolloutPause(change, rolloutId, undefined));
    await expect(resumed).rejects.toMatchObject({ code: "rollout_status" });
    await changeBy(registry, (change) => rolloutFinish(change, rolloutId, "cancelled", null));
    const ended = changeBy(registry, (change) => rolloutResume(change, rolloutId, undefined));
    await expect(ended).rejects.toMatchObject({ code: "rollout_finished" });
    const { items } = await registry.read((db) => auditEventList(db, { limit: 50, chain: "fleet" }));
    const told = items.map(({ action, reason }) => [action, reason]);
    expect(told).toContainEqual(["rollout.paused", "too many alarms"]);
    expect(told).toContainEqual(["rollout.resumed", "quiet again"]);
    expect(told).toContainEqual(["rollout.cancel_asked", "not needed"]);
  });

  it("retries only what failed, within its wave, which is open again", async () => {
    const { registry, rolloutId, targetIds } = await started([1, 1, 2]);
    const [first = "", second = "", third = ""] = targetIds;
    await changeBy(registry, async (change) => {
      await rolloutTargetsSetEach(change, rolloutId, [
        { targetId: first, status: "failed", reason: "no image" },
        { targetId: second, status: "succeeded" },
        { targetId: third, status: "succeeded" },
      ]);
      for (const wave of [1, 2]) await rolloutWaveEnd(change, rolloutId, wave);
      await rolloutFinish(change, rolloutId, "failed", "1 of 2 failed");
    });
    expect(await changeBy(registry, (change) => rolloutRetry(change, rolloutId, {}))).toBe(1);
    const after = await detail(registry, rolloutId);
    expect(after).toMatchObject({ status: "running", finishedAt: null, statusReason: null });
    expect(after.waves.map(({ status }) => status)).toEqual(["running", "ended"]);
    expect(await statuses(registry, rolloutId)).toEqual(
      new Map([
        [first, "pending"],
        [second, "succeeded"],
        [third, "succeeded"],
      ]),
    );
    const wrong = changeBy(registry, (change) => rolloutRetry(change, rolloutId, { targetIds: [second] }));
    await expect(wrong).rejects.toMatchObject({ code: "target_missing" });
    const nothing = changeBy(registry, (change) => rolloutRetry(change, rolloutId, {}));
    await expect(nothing).rejects.toMatchObject({ code: "target_missing" });
  });

  it("keeps its planes and forgets approvals while it is previewed anew", async () => {
    const { registry, rolloutId, targetIds } = await started([1, 1]);
    const [first = ""] = targetIds;
    await changeBy(registry, async (change) => {
      await setWave(change, rolloutId, 1, { startedAt: null, approvedBy: "me", approvedAt: change.now });
      await rolloutTargetsSet(change, rolloutId, [first], { status: "failed", previewGroup: "group" });
      await rolloutPause(change, rolloutId, undefined);
    });
    await changeBy(registry, (change) => rolloutRetarget(change, rolloutId, 1, undefined));
    const after = await detail(registry, rolloutId);
    expect(after).toMatchObject({ status: "previewing", waves: [{ approvedAt: null }] });
    const underWay = await registry.read((db) => rolloutsUnderWay(db, after.planes));
    expect(underWay.map((one) => one.rolloutId)).toEqual([rolloutId]);
    expect(after.counts).toMatchObject({ pending: 1, running: 1 });
    await changeBy(registry, (change) => rolloutCancel(change, rolloutId, undefined));
    expect((await detail(registry, rolloutId)).allowedActions).toEqual([]);
  });

  it("skips what has failed or not begun, and nothing else", async () => {
    const { registry, rolloutId, targetIds } = await started([1, 1]);
    const [first = "", second = ""] = targetIds;
    await registry.record((record) => rolloutTargetsSet(record, rolloutId, [first], { status: "failed" }));
    await changeBy(registry, (change) => rolloutSkip(change, rolloutId, [first], "known to be broken"));
    expect((await statuses(registry, rolloutId)).get(first)).toBe("skipped");
    const running = changeBy(registry, (change) => rolloutSkip(change, rolloutId, [second], undefined));
    await expect(running).rejects.toMatchObject({ code: "target_missing" });
  });

  it("rolls back the whole, a wave or targets: marks what has begun and skips what has not", async () => {
    const { registry, rolloutId, targetIds } = await started([1, 1, 2]);
    const [first = "", second = "", third = ""] = targetIds;
    await registry.record(async (record) => {
      await rolloutTargetsSet(record, rolloutId, [first], { status: "succeeded" });
      await rolloutTargetsSet(record, rolloutId, [second], { status: "unchanged" });
    });
    const one = { scope: { kind: "targets" as const, targetIds: [first] }, reason: "slow" };
    const marked = await changeBy(registry, (change) => rolloutRollback(change, rolloutId, one));
    expect(marked.map(({ targetId }) => targetId)).toEqual([first]);
    expect((await detail(registry, rolloutId)).status).toBe("running");
    await changeBy(registry, (change) => rolloutFinish(change, rolloutId, "succeeded", null));
    const wave = { scope: { kind: "wave" as const, wave: 2 } };
    await changeBy(registry, (change) => rolloutRollback(change, rolloutId, wave));
    expect(await detail(registry, rolloutId)).toMatchObject({ status: "rolling_back", endedAs: "succeeded" });
    const all = { scope: { kind: "all" as const } };
    const whole = await changeBy(registry, (change) => rolloutRollback(change, rolloutId, all));
    expect(whole.map(({ targetId }) => targetId).sort()).toEqual([first, third].sort());
    expect(await detail(registry, rolloutId)).toMatchObject({ status: "rolling_back", endedAs: null });
  });

  it("is retargeted: what is left is previewed anew for another release", async () => {
    const { registry, rolloutId, targetIds } = await started([1, 1]);
    const [first = "", second = ""] = targetIds;
    await registry.record(async (record) => {
      await rolloutTargetsSet(record, rolloutId, [first], { status: "succeeded" });
      await rolloutTargetsSet(record, rolloutId, [second], { status: "failed", planDigest: "old" });
    });
    await changeBy(registry, (change) => rolloutRetarget(change, rolloutId, 7, "a fix is out"));
    const after = await detail(registry, rolloutId);
    expect(after).toMatchObject({
      status: "previewing",
      previewDigest: null,
      change: { kind: "release", releaseNumber: 7 },
    });
    const toPreview = await registry.read((db) => rolloutTargetsToPreview(db, rolloutId, 10));
    expect(toPreview).toMatchObject([{ targetId: second, toReleaseNumber: 7 }]);
  });

  it("takes an approval before the wave is reached, and none for a wave that is not there", async () => {
    const { registry, rolloutId } = await started([1]);
    await changeBy(registry, (change) => rolloutApprove(change, rolloutId, 1, "looks good"));
    const [wave] = (await detail(registry, rolloutId)).waves;
    expect(wave?.approvedBy).toBe("key-of-ada");
    const none = changeBy(registry, (change) => rolloutApprove(change, rolloutId, 2, undefined));
    await expect(none).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("groups previews: what replaces or deletes first, then what most tenants share", async () => {
    const registry = await (await create()).open();
    const { rollout, targetIds } = await beginRollout(registry, [1, 1, 1, 1, 1]);
    const { rolloutId } = rollout;
    // As it was written before values were kept.
    const old = { op: "update", resourceType: "t", logicalName: "l", properties: [], replaceProperties: [] };
    const changes = [old as unknown as PreviewChange];
    const group = (groupKey: string, deletes = 0) => ({
      ...{ groupKey, changes, operations: { update: 1 }, replaces: 0, deletes },
    });
    await registry.record(async (record) => {
      const groups = [group("few"), group("many"), group("many"), group("deletes", 1)];
      for (const [place, one] of groups.entries()) {
        const targetId = targetIds[place] ?? "";
        const found = { targetId, specDigest: "s", planDigest: "p", group: one };
        await rolloutTargetPreviewed(record, rolloutId, found);
      }
      await rolloutTargetPreviewFailed(
        record,
        rolloutId,
        targetIds[4] ?? "",
        "postgres://a:hunter2@db is gone",
      );
    });
    await changeBy(registry, (change) => rolloutPreviewed(change, rolloutId, "whole"));
    const first = await registry.read((db) => rolloutPreviewGet(db, rolloutId, { limit: 2 }));
    expect(first).toMatchObject({
      status: "previewed",
      previewDigest: "whole",
      progress: { targets: 5, previewed: 5, failed: 1 },
    });
    const cursor = first.nextCursor ?? "";
    const rest = await registry.read((db) => rolloutPreviewGet(db, rolloutId, { limit: 2, cursor }));
    expect(rest.nextCursor).toBeNull();
    const shown = [...first.items, ...rest.items];
    expect(shown[0]?.changes).toEqual([{ ...old, values: [] }]);
    expect(shown.map(({ groupKey, targetCount }) => [groupKey, targetCount])).toEqual([
      ["deletes", 1],
      ["many", 2],
      ["few", 1],
    ]);
    expect(shown[1]?.targets.map(({ targetId }) => targetId).sort()).toEqual(
      [targetIds[1], targetIds[2]].sort(),
    );
  });
});

describeDialects("rollouts from before there were documents", (create) => {
  it("keep what they did, and those under way are cancelled", async () => {
    const database = await create({ empty: true });
    await database.migrate(migrations.slice(0, 9));
    const at = "'2026-01-01T00:00:00.000Z'";
    await database.raw(
      `insert into releases (release_id, number, description, services, digest, created_by, created_at)
       values ('rel', 3, '', '{}', 'd', 'ada', ${at})`,
      ...["running", "succeeded"].map(
        (status) => `insert into rollouts
          (rollout_id, release_id, release_number, status, strategy, wave_count, current_wave, created_by, request_id,
           correlation_id, created_at, updated_at, finished_at)
          values ('${status}', 'rel', 3, '${status}', '{}', 1, 1, 'ada', 'r', 'c', ${at}, ${at},
           ${status === "running" ? "null" : at})`,
      ),
    );
    const registry = await database.open();
    expect(await registry.read((db) => rolloutDetail(db, "running"))).toMatchObject({
      status: "cancelled",
      change: { kind: "release", releaseNumber: 3 },
    });
    expect(await registry.read((db) => rolloutDetail(db, "succeeded"))).toMatchObject({
      status: "succeeded",
    });
  });
});
