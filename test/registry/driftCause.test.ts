import { expect, it } from "vitest";
import type { Cohort } from "../../contract/cohort.ts";
import type { Target } from "../../contract/target.ts";
import { driftCausesSettle, driftCausesUnsettled } from "../../registry/driftCause.ts";
import { driftCauseGet, driftCauseHistory, driftCauseList } from "../../registry/driftCauseRead.ts";
import {
  driftFindingsNeedPerson,
  driftFindingsReport,
  driftFindingsResolve,
  type SeenDrift,
} from "../../registry/driftFinding.ts";
import {
  driftFindingList,
  driftFindingsOpen,
  driftScanFindingList,
} from "../../registry/driftFindingRead.ts";
import {
  driftIgnoreCreate,
  driftIgnoreEnd,
  driftIgnoreList,
  driftIgnoresExpired,
} from "../../registry/driftIgnore.ts";
import {
  driftScanCreate,
  driftScanFinish,
  driftScanList,
  driftScansPurge,
} from "../../registry/driftScan.ts";
import {
  driftScheduleCreate,
  driftScheduleDelete,
  driftScheduleList,
  driftScheduleRan,
  driftSchedulesDue,
} from "../../registry/driftSchedule.ts";
import { driftPlacesIn } from "../../registry/driftScope.ts";
import { driftSeen } from "../../registry/driftSeen.ts";
import { fleetFigures, unwellTargets } from "../../registry/fleetFigures.ts";
import type { Registry } from "../../registry/registry.ts";
import { targetGet, targetUpdate } from "../../registry/target.ts";
import { addTarget, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const START = "2026-03-01T09:00:00.000Z";
const DAY = 86_400_000;

function seen(logicalName: string, actual: unknown, more: Partial<SeenDrift> = {}): SeenDrift {
  return {
    urn: `urn:pulumi:dev::tenant::aws:sqs/queue:Queue::${logicalName}`,
    ...{ resourceType: "aws:sqs/queue:Queue", logicalName, physicalId: logicalName, kind: "changed" },
    properties: [{ path: "delaySeconds", recorded: 0, actual }],
    ...more,
  };
}

describeDialects("causes of drift", (create) => {
  async function fleet(...slugs: string[]) {
    const clock = settableClock(START);
    const registry = await (await create()).open({ now: clock.now });
    const targets: Target[] = [];
    for (const slug of slugs) targets.push((await addTarget(registry, slug)).target);
    return { clock, registry, targets };
  }

  it("are opened once for many tenants, counted, resolved and opened again, with their history", async () => {
    const { clock, registry, targets } = await fleet("acme", "bolt");
    const [acme, bolt] = targets as [Target, Target];
    await report(registry, acme, [seen("work", 9), seen("dead", 9)]);
    expect(await registry.read(driftCausesUnsettled)).toBe(true);
    const { opened } = await settle(registry);
    expect(opened).toHaveLength(1);
    expect(await registry.read(driftCausesUnsettled)).toBe(false);
    await report(registry, bolt, [seen("work", 9)]);
    expect(await settle(registry)).toEqual({ opened: [], resolved: [] });
    const causeId = opened[0] ?? "";
    const get = () => registry.read((db) => driftCauseGet(db, causeId, clock.now().getTime()));
    expect(await get()).toMatchObject({ status: "open", tenants: 2, findings: 3, openedAt: START });

    clock.advance(DAY);
    await report(registry, acme, []);
    await report(registry, bolt, []);
    expect(await settle(registry)).toEqual({ opened: [], resolved: [causeId] });
    expect(await get()).toMatchObject({ status: "resolved", tenants: 0, timeInDriftMs: DAY });

    clock.advance(DAY);
    await report(registry, bolt, [seen("work", 9)]);
    expect(await settle(registry)).toMatchObject({ opened: [causeId] });
    clock.advance(1_000);
    expect(await get()).toMatchObject({ status: "open", episodes: 2, timeInDriftMs: DAY + 1_000 });
    expect(await registry.read((db) => driftCauseHistory(db, causeId))).toMatchObject([
      { episode: 2, mostTenants: 1, resolvedAt: null },
      { episode: 1, mostTenants: 2, resolvedAt: "2026-03-02T09:00:00.000Z" },
    ]);
    expect(await told(registry)).toEqual([
      "drift.cause_opened",
      "drift.cause_resolved",
      "drift.cause_opened",
    ]);
  });

  it("are ranked by tenants and age, page by page, and found by tenant and plane", async () => {
    const { clock, registry, targets } = await fleet("acme", "bolt");
    const [acme, bolt] = targets as [Target, Target];
    await report(registry, acme, [seen("old", 1)]);
    clock.advance(1_000);
    await report(registry, acme, [seen("old", 1), seen("new", 2), seen("both", 3)]);
    await report(registry, bolt, [seen("both", 3)]);
    await settle(registry);
    const names = async (query: object) => {
      const ask = { limit: 9, status: "open" as const, ...query };
      const page = await registry.read((db) => driftCauseList(db, ask, clock.now().getTime()));
      return { names: page.items.map(({ logicalName }) => logicalName), cursor: page.nextCursor };
    };
    expect((await names({})).names).toEqual(["both", "old", "new"]);
    const first = await names({ limit: 1 });
    const second = await names({ limit: 1, cursor: first.cursor });
    const third = await names({ limit: 1, cursor: second.cursor });
    expect([first, second, third].flatMap((page) => page.names)).toEqual(["both", "old", "new"]);
    expect(third.cursor).toBeNull();
    expect((await names({ tenantId: bolt.tenantId })).names).toEqual(["both"]);
    expect((await names({ plane: "prod-eu-west-1" })).names).toEqual([]);
  });

  it("that are ignored for a cohort leave the drift axis until the ignore ends", async () => {
    const { clock, registry, targets } = await fleet("acme", "bolt");
    const [acme] = targets as [Target, Target];
    for (const target of targets) await report(registry, target, [seen("work", 9)]);
    const causeId = (await settle(registry)).opened[0] ?? "";
    const expiresAt = new Date(clock.now().getTime() + DAY).toISOString();
    const ignore = await ignoreFor(registry, causeId, { tenantIds: [acme.tenantId] }, expiresAt);
    expect(await axes(registry, targets)).toEqual(["clean", "drifted"]);
    expect((await registry.read((db) => driftSeen(db, {}))).targets).toEqual([]);
    // Seen again, it stays ignored; what else is found on the target counts.
    const { counts } = await report(registry, acme, [seen("work", 9)]);
    expect(counts).toEqual({ findings: 0, findingsNew: 0, findingsIgnored: 1, findingsHidden: 0 });
    await report(registry, acme, [seen("work", 9), seen("work-2", 10)]);
    expect(await axes(registry, targets)).toEqual(["drifted", "drifted"]);
    await report(registry, acme, [seen("work", 9)]);
    expect(await axes(registry, targets)).toEqual(["clean", "drifted"]);

    // A second one that lasts longer takes over, and gives back.
    clock.advance(60_000);
    const longer = await ignoreFor(
      registry,
      causeId,
      {},
      new Date(Date.parse(expiresAt) + DAY).toISOString(),
    );
    expect(await axes(registry, targets)).toEqual(["clean", "clean"]);
    // Nobody has looked.
    const { driftCheckedAt } = await registry.read((db) => targetGet(db, acme.targetId));
    expect(driftCheckedAt).toBe(START);
    await registry.change(context, (change) => driftIgnoreEnd(change, longer.ignoreId, "ada", "over"));
    expect(await axes(registry, targets)).toEqual(["clean", "drifted"]);
    clock.advance(DAY - 60_000);
    const now = clock.now().toISOString();
    expect(await registry.read((db) => driftIgnoresExpired(db, now, 9))).toEqual([ignore.ignoreId]);
    await registry.change(context, (change) => driftIgnoreEnd(change, ignore.ignoreId, "expiry", null));
    expect(await axes(registry, targets)).toEqual(["drifted", "drifted"]);
    expect(await registry.read((db) => driftIgnoresExpired(db, now, 9))).toEqual([]);
    const ended = await registry.read((db) => driftIgnoreList(db, { limit: 9, causeId, ended: true }));
    expect(ended.items.map(({ endedBy }) => endedBy)).toEqual(["ada", "expiry"]);
  });

  it("that were ignored before they opened are not told", async () => {
    const { registry, targets } = await fleet("acme");
    const [acme] = targets as [Target];
    await report(registry, acme, [seen("work", 9)]);
    const causeId = (await settle(registry)).opened[0] ?? "";
    await ignoreFor(registry, causeId, {}, "2026-05-01T00:00:00.000Z");
    await report(registry, acme, []);
    await settle(registry);
    await report(registry, acme, [seen("work", 9)]);
    expect((await settle(registry)).opened).toEqual([causeId]);
    expect(await told(registry)).toEqual(["drift.cause_opened", "drift.cause_resolved"]);
  });

  it("are the same for tenants that are reported at the same time, in whatever order", async () => {
    const { registry, targets } = await fleet("acme", "bolt", "core", "dune", "echo", "fern");
    const found = [1, 2, 3, 4, 5].map((value) => seen(`work-${value}`, value));
    await Promise.all(
      targets.map((target, index) => report(registry, target, index % 2 ? found : [...found].reverse())),
    );
    expect((await settle(registry)).opened).toHaveLength(5);
    const query = { limit: 9, status: "open" as const };
    const { items } = await registry.read((db) => driftCauseList(db, query, Date.now()));
    expect(items.map(({ tenants }) => tenants)).toEqual([6, 6, 6, 6, 6]);
  });

  it("are none of what the program hides, which stands beside what counts", async () => {
    const { registry, targets } = await fleet("acme");
    const [acme] = targets as [Target];
    const hidden = seen("work", 3, { kind: "hidden" });
    const { counts } = await report(registry, acme, [hidden, seen("work", 9)]);
    expect(counts).toMatchObject({ findings: 1, findingsHidden: 1 });
    expect((await settle(registry)).opened).toHaveLength(1);
    await registry.change(context, (change) => driftFindingsResolve(change, acme, "repair"));
    expect(await axes(registry, targets)).toEqual(["clean"]);
    const open = await registry.read((db) => driftFindingsOpen(db, acme.targetId));
    expect(open.map(({ kind, causeId }) => [kind, causeId])).toEqual([["hidden", null]]);
    const listed = async (kind?: "hidden") => {
      const query = { limit: 9, status: "open" as const, ...(kind && { kind }) };
      return (await registry.read((db) => driftFindingList(db, query))).items.length;
    };
    expect([await listed(), await listed("hidden")]).toEqual([0, 1]);
  });

  it("leave an object that no state records open when a stack is repaired", async () => {
    const { registry, targets } = await fleet("acme");
    const [acme] = targets as [Target];
    await report(registry, acme, [seen("stray", 0, { kind: "unmanaged", properties: [] }), seen("work", 9)]);
    const resolve = registry.change(context, (change) => driftFindingsResolve(change, acme, "repair"));
    expect(await resolve).toBe(1);
    expect(await axes(registry, targets)).toEqual(["drifted"]);
  });
});

describeDialects("what repairs are bound to", (create) => {
  it("changes with what is open, and covers whole targets of a cause", async () => {
    const registry = await (await create()).open();
    const { target: acme } = await addTarget(registry, "acme");
    const { target: bolt } = await addTarget(registry, "bolt");
    for (const { targetId } of [acme, bolt]) {
      await registry.change(context, (change) =>
        targetUpdate(change, targetId, { deploymentState: "ready", requestedState: "present" }),
      );
    }
    await report(registry, acme, [seen("work", 9), seen("dead", 5)]);
    await report(registry, bolt, [seen("dead", 5)]);
    await settle(registry);
    const [nine] = (
      await registry.read((db) => driftFindingList(db, { limit: 9, status: "open" }))
    ).items.filter(({ logicalName }) => logicalName === "work");
    const causeId = nine?.causeId ?? "";
    const look = (scope: object) => registry.read((db) => driftSeen(db, scope));
    const ofCause = await look({ causeId });
    expect(ofCause.targets).toMatchObject([{ targetId: acme.targetId, findings: 2, deleted: 0 }]);
    const all = await look({});
    expect(all.targets).toHaveLength(2);
    expect((await look({})).findingsDigest).toBe(all.findingsDigest);
    expect((await look({ exclude: { tenantIds: [bolt.tenantId] } })).findingsDigest).toBe(
      ofCause.findingsDigest,
    );
    await report(registry, acme, [seen("work", 10), seen("dead", 5)]);
    expect((await look({})).findingsDigest).not.toBe(all.findingsDigest);
  });

  it("remembers what only a person may repair until something else differs", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    await report(registry, target, [seen("work", 9), seen("gone", 0, { kind: "deleted", properties: [] })]);
    await registry.change(context, (change) => driftFindingsNeedPerson(change, target, "it would replace 1"));
    const reasons = async () =>
      (await registry.read((db) => driftFindingsOpen(db, target.targetId))).map((one) => one.needsPerson);
    expect(await reasons()).toEqual([expect.stringContaining("deleted"), "it would replace 1"]);
    const told = await registry.read((db) => db.selectFrom("outbox").select(["type", "stream"]).execute());
    expect(told).toContainEqual({ type: "drift.needs_person", stream: target.tenantId });
    await report(registry, target, [seen("work", 9)]);
    expect(await reasons()).toEqual(["it would replace 1"]);
    await report(registry, target, [seen("work", 11)]);
    expect(await reasons()).toEqual([null]);
  });
});

describeDialects("scans of drift", (create) => {
  it("keep what they found, whether it was new and whether it was ignored", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    const scan = async (...found: SeenDrift[]) => {
      const { scanId } = await registry.change(context, (change) =>
        driftScanCreate(change, { scope: {}, targets: [target] }),
      );
      await registry.change(context, (change) => driftFindingsReport(change, target, scanId, found));
      return scanId;
    };
    const first = await scan(seen("work", 9));
    const causeId = (await settle(registry)).opened[0] ?? "";
    await ignoreFor(registry, causeId, {}, new Date(Date.now() + DAY).toISOString());
    const second = await scan(seen("work", 9), seen("dead", 5));
    const found = async (scanId: string, limit = 9, cursor?: string | null) =>
      registry.read((db) => driftScanFindingList(db, scanId, { limit, ...(cursor && { cursor }) }));
    const shown = ({ items }: Awaited<ReturnType<typeof found>>) =>
      items.map(({ logicalName, isNew, ignored }) => [logicalName, isNew, ignored]);
    expect(shown(await found(first))).toEqual([["work", true, false]]);
    const page = await found(second, 1);
    const rest = await found(second, 1, page.nextCursor);
    expect([...shown(page), ...shown(rest)]).toEqual([
      ["work", false, true],
      ["dead", true, false],
    ]);
  });

  it("are forgotten after a time, and their findings are not", async () => {
    const clock = settableClock(START);
    const registry = await (await create()).open({ now: clock.now });
    const { target } = await addTarget(registry, "acme");
    const ended = async () => {
      const { scanId } = await registry.change(context, (change) =>
        driftScanCreate(change, { scope: {}, targets: [target] }),
      );
      await registry.change(context, (change) =>
        driftFindingsReport(change, target, scanId, [seen("work", 9)]),
      );
      await registry.change(context, (change) => driftScanFinish(change, scanId));
      clock.advance(DAY);
    };
    await ended();
    await ended();
    const purge = (before: string) => registry.record((record) => driftScansPurge(record, before, 9));
    expect(await purge(START)).toBe(0);
    expect(await purge(new Date(Date.parse(START) + DAY).toISOString())).toBe(1);
    const left = await registry.read((db) => driftScanList(db, { limit: 9 }));
    expect(left.items).toHaveLength(1);
    expect(await registry.read((db) => driftFindingsOpen(db, target.targetId))).toMatchObject([
      { seenCount: 2 },
    ]);
  });

  it("are of whom a cohort selects", async () => {
    const registry = await (await create()).open();
    const { target: acme } = await addTarget(registry, "acme");
    const { target: bolt } = await addTarget(registry, "bolt", "prod");
    const places = async (scope: Cohort) =>
      (await registry.read((db) => driftPlacesIn(db, scope))).map(({ targetId }) => targetId);
    expect(await places({})).toHaveLength(2);
    expect(await places({ planes: ["prod-eu-west-1"] })).toEqual([bolt.targetId]);
    expect(await places({ exclude: { planes: ["prod-eu-west-1"] } })).toEqual([acme.targetId]);
    expect(await places({ plans: ["enterprise"] })).toEqual([]);
    expect(await places({ labels: { tier: "gold" } })).toEqual([]);
    expect(await places({ states: ["draft"], regions: ["eu-west-1"] })).toHaveLength(2);
  });
});

describeDialects("drift schedules", (create) => {
  it("fall due, run and are deleted", async () => {
    const clock = settableClock(START);
    const registry = await (await create()).open({ now: clock.now });
    const input = { cron: "0 3 * * *", timeZone: "UTC", scope: { planes: ["dev-eu-west-1"] } };
    const made = await registry.change(context, (change) =>
      driftScheduleCreate(change, input, "2026-03-02T03:00:00.000Z"),
    );
    const due = (now: string) => registry.read((db) => driftSchedulesDue(db, now, 9));
    expect(await due(START)).toEqual([]);
    expect(await due("2026-03-02T03:00:00.000Z")).toEqual([made]);
    const nextRunAt = "2026-03-03T03:00:00.000Z";
    const ran = { scanId: "s", nextRunAt };
    await registry.change(context, (change) => driftScheduleRan(change, made, ran));
    const { items } = await registry.read((db) => driftScheduleList(db, { limit: 9 }));
    expect(items).toMatchObject([{ lastScanId: "s", lastRunAt: START, nextRunAt, skippedRuns: 0 }]);
    await registry.change(context, (change) => driftScheduleDelete(change, made.scheduleId));
    const again = registry.change(context, (change) => driftScheduleDelete(change, made.scheduleId));
    await expect(again).rejects.toMatchObject({ code: "drift_schedule_not_found" });
  });
});

describeDialects("the fleet's figures", (create) => {
  it("count targets by all axes, tenants by status, and open causes; and name the tenants that are not well", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    await addTarget(registry, "bolt");
    await report(registry, target, [seen("work", 9), seen("work", 1, { kind: "hidden" })]);
    await settle(registry);
    const figures = await registry.read(fleetFigures);
    const alike = { region: target.region, health: "unknown", version: "unknown", state: "absent", count: 1 };
    expect(figures.targets).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...alike, drift: "drifted" }),
        expect.objectContaining({ ...alike, drift: "unknown" }),
      ]),
    );
    expect(figures).toMatchObject({ tenants: [{ status: "draft", count: 2 }], causesOpen: 1 });
    expect(figures.oldestDriftAt).toMatch(/^20/);
    const { tenantId, environment, region } = target;
    const unwell = await registry.read((db) => unwellTargets(db, 10));
    expect(unwell).toEqual([{ tenantId, environment, region, what: "drifted" }]);
    expect(await registry.read((db) => unwellTargets(db, 0))).toEqual([]);
  });
});

function report(registry: Registry, target: Target, found: readonly SeenDrift[]) {
  return registry.change(context, (change) => driftFindingsReport(change, target, null, found), {
    tenantId: target.tenantId,
  });
}

function settle(registry: Registry) {
  return registry.change(context, driftCausesSettle);
}

function ignoreFor(registry: Registry, causeId: string, scope: Cohort, expiresAt: string) {
  const facts = { causeId, scope, expiresAt, reason: "known" };
  return registry.change(context, (change) => driftIgnoreCreate(change, facts));
}

async function axes(registry: Registry, targets: readonly Target[]): Promise<string[]> {
  const found = targets.map(({ targetId }) => registry.read((db) => targetGet(db, targetId)));
  return (await Promise.all(found)).map(({ drift }) => drift);
}

/** The fleet's events about causes, oldest first. */
async function told(registry: Registry): Promise<string[]> {
  const rows = await registry.read((db) =>
    db
      .selectFrom("outbox")
      .select("type")
      .where("stream", "=", "fleet")
      .where("type", "like", "drift.cause%")
      .orderBy("sequence")
      .execute(),
  );
  return rows.map(({ type }) => type);
}
