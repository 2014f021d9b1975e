import { expect, it } from "vitest";
import { migrations } from "../../registry/migrations/index.ts";
import type { Registry } from "../../registry/registry.ts";
import { rolloutRollback } from "../../registry/rolloutControl.ts";
import { rolloutFinish } from "../../registry/rolloutDrive.ts";
import {
  rolloutCaughtUp,
  rolloutPassBy,
  rolloutsCaughtUp,
  rolloutsPassedBy,
} from "../../registry/rolloutPassedBy.ts";
import { rolloutTargetList } from "../../registry/rolloutTarget.ts";
import { targetGet } from "../../registry/target.ts";
import { insertBare } from "./bareRow.ts";
import { settableClock } from "./fixtures.ts";
import { type Begun, beginRollout, changeBy } from "./rolloutFixtures.ts";
import { describeDialects } from "./support.ts";

const had = (releaseNumber: number | null) => ({ releaseNumber, specDigest: null });
const reason = "it is suspended, and catches up when it is reactivated";

/** Another rollout of the first one's targets, which passes all of them by. */
async function passingBy(registry: Registry, { targetIds }: Begun, goal: number): Promise<string> {
  const targets = [];
  for (const targetId of targetIds) {
    const { tenantId, planeName } = await registry.read((db) => targetGet(db, targetId));
    const skip = { status: "skipped", reason } as const;
    targets.push({
      ...{ targetId, tenantId, planeName, wave: 1 },
      before: had(1),
      skip,
      passedBy: had(goal),
    });
  }
  return (await beginRollout(registry, [1], { targets })).rollout.rolloutId;
}

const succeed = (registry: Registry, rolloutId: string) =>
  changeBy(registry, (change) => rolloutFinish(change, rolloutId, "succeeded", null));

async function passed(registry: Registry, targetId: string | undefined, limit = 10): Promise<string[]> {
  const found = await registry.read((db) => rolloutsPassedBy(db, targetId ?? "", limit));
  return found.map(({ rollout }) => rollout.rolloutId);
}

describeDialects("rollouts that passed a resting target by", (create) => {
  it("are those that have succeeded, the last one first, each with what the target had", async () => {
    const clock = settableClock();
    const registry = await (await create()).open(clock);
    const begun = await beginRollout(registry, [1, 1]);
    const [targetId, other] = begun.targetIds;
    const first = begun.rollout.rolloutId;
    await registry.record((record) =>
      rolloutPassBy(record, first, { targetId: targetId ?? "", reason, had: had(7) }),
    );
    const [second, third, failed] = [
      await passingBy(registry, begun, 8),
      await passingBy(registry, begun, 9),
      await passingBy(registry, begun, 10),
    ];
    expect(await passed(registry, targetId)).toEqual([]);
    for (const rolloutId of [second, first, third]) {
      clock.advance(1_000);
      await succeed(registry, rolloutId);
    }
    await changeBy(registry, (change) => rolloutFinish(change, failed, "failed", null));
    expect(await passed(registry, targetId)).toEqual([third, first, second]);
    expect(await passed(registry, targetId, 1)).toEqual([third]);
    expect(await passed(registry, other)).toEqual([third, second]);
    const [newest, oldest] = await registry.read((db) => rolloutsPassedBy(db, targetId ?? "", 2));
    expect(newest).toMatchObject({
      had: had(9),
      rollout: { change: { kind: "release", releaseNumber: 1 }, createdBy: "key-of-ada", reason: null },
    });
    expect(oldest?.had).toEqual(had(7));
    const { items } = await registry.read((db) =>
      rolloutTargetList(db, first, { limit: 9, status: "skipped" }),
    );
    expect(items).toMatchObject([{ targetId, reason }]);
    expect(Object.keys(items[0] ?? {}).filter((name) => name.startsWith("passed"))).toEqual([]);
  });

  it("end for a target that runs again, but for those that go on, or began, after it was asked for", async () => {
    const clock = settableClock();
    const registry = await (await create()).open(clock);
    const begun = await beginRollout(registry, [1, 1]);
    const [targetId = "", other] = begun.targetIds;
    const before = await passingBy(registry, begun, 1);
    const longer = await passingBy(registry, begun, 1);
    await succeed(registry, before);
    const until = clock.now().toISOString();
    clock.advance(1_000);
    const after = await passingBy(registry, begun, 1);
    for (const rolloutId of [longer, after]) await succeed(registry, rolloutId);
    await registry.record((record) => rolloutsCaughtUp(record, targetId, until));
    expect((await passed(registry, targetId)).sort()).toEqual([longer, after].sort());
    expect((await passed(registry, other)).sort()).toEqual([before, longer, after].sort());
  });

  it("end for all targets of a tenant whose record has it, and for those that are rolled back", async () => {
    const registry = await (await create()).open();
    const begun = await beginRollout(registry, [1, 1]);
    const [targetId = "", other = ""] = begun.targetIds;
    const [record, part] = [await passingBy(registry, begun, 1), await passingBy(registry, begun, 1)];
    for (const rolloutId of [record, part]) await succeed(registry, rolloutId);
    const { tenantId } = await registry.read((db) => targetGet(db, targetId));
    await registry.record((bookkeeping) => rolloutCaughtUp(bookkeeping, record, tenantId));
    expect(await passed(registry, targetId)).toEqual([part]);
    const taken = { scope: { kind: "targets" as const, targetIds: [targetId] } };
    await changeBy(registry, (change) => rolloutRollback(change, part, taken));
    await succeed(registry, part);
    expect(await passed(registry, targetId)).toEqual([]);
    expect((await passed(registry, other)).sort()).toEqual([record, part].sort());
  });
});

describeDialects("rollouts from before it was noted whom they passed by", (create, dialect) => {
  it("are caught up with by targets that rest since", async () => {
    const database = await create({ empty: true });
    await database.migrate(migrations.filter(({ number }) => number < 25));
    const insert = (table: string, known: Readonly<Record<string, string | number>>) =>
      insertBare(database, dialect, table, known);
    const day = (number: number) => `2026-01-0${number}T00:00:00.000Z`;
    await insert("planes", { plane_id: "p" });
    await insert("releases", { release_id: "four", number: 4 });
    await insert("tenants", { tenant_id: "t" });
    const rollout = { status: "succeeded", finished_at: day(9), created_by: "ada" };
    const change = (of: object) => ({ ...rollout, change: JSON.stringify(of) });
    await insert("rollouts", { rollout_id: "old", ...change({ kind: "release", releaseNumber: 5 }) });
    await insert("rollouts", { rollout_id: "new", ...change({ kind: "release", releaseNumber: 6 }) });
    await insert("rollouts", { rollout_id: "plan", ...change({ kind: "plan", plan: "business" }) });
    const ofTenant = { tenant_id: "t", plane_id: "p", target_release_number: 4 };
    for (const [generation, [target_id, requested_state]] of [
      ["rests", "suspended"],
      ["runs", "present"],
    ].entries()) {
      const names = { target_id: target_id ?? "", requested_state: requested_state ?? "", generation };
      await insert("targets", { ...ofTenant, ...names, stack_name: generation });
    }
    const ran = { kind: "tenant_reactivate", status: "succeeded", created_at: day(3), finished_at: day(3) };
    await insert("operations", { operation_id: "o", target_id: "rests", ...ran });
    const before = '{"releaseNumber":3,"specDigest":null,"plan":"starter"}';
    const row = { tenant_id: "t", status: "skipped", reason, before, attempt: 0 };
    const released = { ...row, to_release_number: 6 };
    for (const target_id of ["rests", "runs"]) {
      await insert("rollout_targets", { ...released, rollout_id: "old", target_id, updated_at: day(2) });
      await insert("rollout_targets", { ...released, rollout_id: "new", target_id, updated_at: day(4) });
    }
    await insert("rollout_targets", { ...row, rollout_id: "plan", target_id: "rests", updated_at: day(5) });
    const registry = await database.open();
    const found = await registry.read((db) => rolloutsPassedBy(db, "rests", 9));
    expect(Object.fromEntries(found.map((one) => [one.rollout.rolloutId, one.had]))).toEqual({
      new: had(4),
      plan: { ...had(3), plan: "starter" },
    });
    expect(await passed(registry, "runs")).toEqual([]);
  });
});
