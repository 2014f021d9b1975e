import { expect, it } from "vitest";
import type { Target } from "../../contract/target.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import { driftFindingsReport, driftFindingsResolve, type SeenDrift } from "../../registry/driftFinding.ts";
import { driftFindingList, driftFindingsOpen } from "../../registry/driftFindingRead.ts";
import { driftToMend } from "../../registry/driftMend.ts";
import {
  driftScanCreate,
  driftScanDetail,
  driftScanFinish,
  driftScanGet,
  driftScanList,
  driftScanStart,
  driftScansUnfinished,
  driftScanTargetSet,
} from "../../registry/driftScan.ts";
import type { Registry } from "../../registry/registry.ts";
import { targetGet } from "../../registry/target.ts";
import { addTarget, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const bucket: SeenDrift = {
  urn: "urn:pulumi:dev::tenant::aws:s3/bucket:Bucket::data",
  resourceType: "aws:s3/bucket:Bucket",
  logicalName: "data",
  physicalId: "data-1",
  kind: "changed",
  properties: [{ path: "tags.owner", recorded: "north", actual: "south" }],
};
const group: SeenDrift = {
  ...bucket,
  urn: `${bucket.urn}-2`,
  logicalName: "logs",
  kind: "deleted",
  properties: [],
};

describeDialects("drift that a run of the stack can mend", (create) => {
  it("is of everything that counts but objects that no state has", async () => {
    const registry = await (await create()).open();
    const kinds = { changed: "acme", deleted: "bolt", registry: "core", unmanaged: "dune", hidden: "east" };
    const toMend: string[] = [];
    const targets: Target[] = [];
    for (const [kind, slug] of Object.entries(kinds)) {
      const { target } = await addTarget(registry, slug);
      const seen = { ...bucket, kind: kind as SeenDrift["kind"] };
      await report(registry, target, [seen, { ...seen, urn: `${seen.urn}-2` }]);
      const after = await registry.read((db) => targetGet(db, target.targetId));
      targets.push(after);
      if (kind !== "unmanaged" && kind !== "hidden") toMend.push(target.targetId);
    }
    expect(targets.map(({ drift }) => drift)).toEqual(["drifted", "drifted", "drifted", "drifted", "clean"]);
    const found = await registry.read((db) => driftToMend(db, targets));
    expect([...found].sort()).toEqual(toMend.sort());
  });
});

describeDialects("drift findings", (create) => {
  it("are opened once, seen again, and resolved when they are gone", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { target } = await addTarget(registry, "acme");
    const first = await report(registry, target, [bucket, group]);
    expect(first).toMatchObject({ stillOpen: 0, resolved: 0 });
    expect(first.opened).toHaveLength(2);
    expect(await driftOf(registry, target)).toBe("drifted");

    clock.advance(60_000);
    expect(await report(registry, target, [bucket])).toMatchObject({ opened: [], stillOpen: 1, resolved: 1 });
    const [open] = await registry.read((db) => driftFindingsOpen(db, target.targetId));
    expect(open).toMatchObject({
      urn: bucket.urn,
      seenCount: 2,
      firstSeenAt: "2026-03-01T09:00:00.000Z",
      lastSeenAt: "2026-03-01T09:01:00.000Z",
      properties: bucket.properties,
    });

    expect(await report(registry, target, [])).toMatchObject({ resolved: 1 });
    expect(await driftOf(registry, target)).toBe("clean");
    const resolved = await registry.read((db) => driftFindingList(db, { limit: 9, status: "resolved" }));
    expect(resolved.items.map((finding) => finding.resolvedBy)).toEqual(["scan", "scan"]);
    expect(await actions(registry, target)).toEqual(["drift.found", "drift.resolved", "drift.resolved"]);
  });

  it("open anew when the same resource drifts again", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    await report(registry, target, [bucket]);
    await report(registry, target, []);
    expect((await report(registry, target, [bucket])).opened).toHaveLength(1);
  });

  it("tell nothing new when nothing is new", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    await report(registry, target, [bucket]);
    await report(registry, target, [bucket]);
    await report(registry, target, [bucket]);
    expect(await actions(registry, target)).toEqual(["drift.found"]);
  });

  it("are resolved by a repair, which is written down", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    await report(registry, target, [bucket, group]);
    const resolve = () =>
      registry.change(context, (change) => driftFindingsResolve(change, target, "repair"));
    expect(await resolve()).toBe(2);
    expect(await resolve()).toBe(0);
    const { items } = await registry.read((db) => driftFindingList(db, { limit: 9, status: "resolved" }));
    expect(items.map((finding) => finding.resolvedBy)).toEqual(["repair", "repair"]);
    expect(await driftOf(registry, target)).toBe("clean");
  });

  it("leave the drift of a decommissioned target unknown", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    await report(registry, target, [bucket]);
    await registry.change(context, (change) => driftFindingsResolve(change, target, "decommission"));
    expect(await driftOf(registry, target)).toBe("unknown");
  });

  it("hold no secret", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    const properties = [
      { path: "policy", recorded: { password: "hunter2" }, actual: "AKIAIOSFODNN7EXAMPLE" },
    ];
    await report(registry, target, [{ ...bucket, properties }]);
    const open = JSON.stringify(await registry.read((db) => driftFindingsOpen(db, target.targetId)));
    expect(open).not.toMatch(/hunter2|AKIA/);
  });

  it("are listed by tenant, target and plane, page by page", async () => {
    const registry = await (await create()).open();
    const acme = await addTarget(registry, "acme");
    const bolt = await addTarget(registry, "bolt", "prod");
    await report(registry, acme.target, [bucket, group]);
    await report(registry, bolt.target, [bucket]);
    const count = async (query: object) =>
      (await registry.read((db) => driftFindingList(db, { limit: 9, status: "open", ...query }))).items
        .length;
    expect(await count({})).toBe(3);
    expect(await count({ tenantId: bolt.tenant.tenantId })).toBe(1);
    expect(await count({ targetId: acme.target.targetId })).toBe(2);
    expect(await count({ plane: "prod-eu-west-1" })).toBe(1);
    const first = await registry.read((db) => driftFindingList(db, { limit: 2, status: "open" }));
    expect(await count({ cursor: first.nextCursor })).toBe(1);
  });
});

describeDialects("drift scans", (create) => {
  it("count their targets and end succeeded when all were scanned", async () => {
    const registry = await (await create()).open();
    const { scanId, targets } = await scan(registry);
    expect(await registry.read(driftScansUnfinished)).toHaveLength(1);
    await registry.record((record) => driftScanStart(record, scanId));
    const [acme, bolt] = targets;
    await set(registry, scanId, acme, { status: "drifted", findings: 2 });
    expect(await registry.read((db) => driftScanGet(db, scanId))).toMatchObject({
      status: "running",
      targetsDone: 1,
      findingsOpen: 2,
    });
    await set(registry, scanId, bolt, { status: "clean" });
    const finished = await registry.change(context, (change) => driftScanFinish(change, scanId));
    expect(finished).toMatchObject({
      status: "succeeded",
      targetsTotal: 2,
      targetsDone: 2,
      targetsFailed: 0,
    });
    expect(await registry.change(context, (change) => driftScanFinish(change, scanId))).toEqual(finished);
    expect(await registry.read(driftScansUnfinished)).toEqual([]);
  });

  it("end failed when a target failed or was not scanned, saying which", async () => {
    const registry = await (await create()).open();
    const { scanId, targets } = await scan(registry);
    await set(registry, scanId, targets[0], { status: "failed", error: "the state is locked" });
    const finished = await registry.change(context, (change) => driftScanFinish(change, scanId));
    expect(finished).toMatchObject({ status: "failed", targetsFailed: 1 });
    const detail = await registry.read((db) => driftScanDetail(db, scanId));
    expect(detail.targets.map((target) => [target.status, target.error]).sort()).toEqual([
      ["failed", "the state is locked"],
      ["pending", null],
    ]);
  });

  it("are listed newest first, and a missing one is a problem", async () => {
    const registry = await (await create()).open();
    const first = await scan(registry);
    const second = await registry.change(context, (change) =>
      driftScanCreate(change, { scope: { planes: ["dev-eu-west-1"] }, targets: [] }),
    );
    const page = await registry.read((db) => driftScanList(db, { limit: 1 }));
    const rest = await registry.read((db) => driftScanList(db, { limit: 1, cursor: page.nextCursor ?? "" }));
    expect([...page.items, ...rest.items].map((item) => item.scanId)).toEqual([second.scanId, first.scanId]);
    expect(page.items[0]?.scope).toEqual({ planes: ["dev-eu-west-1"] });
    const missing = registry.read((db) => driftScanGet(db, "none"));
    await expect(missing).rejects.toMatchObject({ code: "drift_scan_not_found" });
  });
});

async function scan(registry: Registry): Promise<{ scanId: string; targets: Target[] }> {
  const targets = [(await addTarget(registry, "acme")).target, (await addTarget(registry, "bolt")).target];
  const { scanId } = await registry.change(context, (change) =>
    driftScanCreate(change, {
      scope: {},
      targets: targets.map(({ targetId, tenantId }) => ({ targetId, tenantId })),
    }),
  );
  return { scanId, targets };
}

function set(
  registry: Registry,
  scanId: string,
  target: Target | undefined,
  result: Parameters<typeof driftScanTargetSet>[3],
) {
  return registry.record((record) => driftScanTargetSet(record, scanId, target?.targetId ?? "", result));
}

function report(registry: Registry, target: Target, seen: readonly SeenDrift[]) {
  return registry.change(context, (change) => driftFindingsReport(change, target, null, seen));
}

async function driftOf(registry: Registry, target: Target): Promise<string> {
  return (await registry.read((db) => targetGet(db, target.targetId))).drift;
}

async function actions(registry: Registry, target: Target): Promise<string[]> {
  const page = await registry.read((db) => auditEventList(db, { limit: 50, chain: target.tenantId }));
  return page.items.map((event) => event.action).filter((action) => action.startsWith("drift."));
}
