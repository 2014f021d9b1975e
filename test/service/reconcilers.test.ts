import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { type Manifest, manifestSchema } from "../../contract/manifest.ts";
import { journalAppend } from "../../registry/journal.ts";
import { manifestKeep } from "../../registry/manifest.ts";
import { operationList } from "../../registry/operation.ts";
import { planeRecord } from "../../registry/plane.ts";
import {
  leaderGet,
  leaderRelease,
  leaderTake,
  leads,
  type ReconcileFinding,
  reconcileList,
  reconcileNote,
} from "../../registry/reconcile.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantCreate, tenantGet } from "../../registry/tenant.ts";
import { tenantList } from "../../registry/tenantList.ts";
import type { ServiceContext } from "../../service/app/context.ts";
import { createPlaneReads } from "../../service/app/planeReads.ts";
import { limits } from "../../service/config/limits.ts";
import { readSettings } from "../../service/config.ts";
import { createLog } from "../../service/log.ts";
import { createOf } from "../../service/manifest/compare.ts";
import { digestOf } from "../../service/manifest/parse.ts";
import { createMetrics } from "../../service/metrics.ts";
import { createNudges } from "../../service/nudges.ts";
import { createPolicyKeeper } from "../../service/policy/keeper.ts";
import { act, StaleFacts } from "../../service/reconcile/act.ts";
import { decide } from "../../service/reconcile/decide.ts";
import { createFactsReader } from "../../service/reconcile/readFacts.ts";
import { createReconciler } from "../../service/reconcile/reconciler.ts";
import { noTracing } from "../../service/tracing/tracing.ts";
import { addRelease, addTenant, context, settableClock } from "../registry/fixtures.ts";
import { describeDialects } from "../registry/support.ts";
import { createFakeImages } from "./fakeImages.ts";
import { createFakeWorld, planeOutputsFixture } from "./fakes.ts";
import { waitFor } from "./harness.ts";

/** What one of several processes on a registry has; nothing runs the operations, so that what was asked for stays to be counted. */
function processOn(registry: Registry, processId: string): ServiceContext {
  const settings = readSettings(
    ["--data-dir", tmpdir(), "--log-level", "silent", "--reconcile-every-ms", "3600000"],
    {},
  );
  const { engine, cloud, databases } = createFakeWorld();
  const metrics = createMetrics();
  return {
    ...{ settings, registry, engine, cloud, databases, log: createLog(settings) },
    images: createFakeImages(),
    ...{
      metrics: createMetrics(),
      tracing: noTracing,
      nudges: createNudges(),
      planeReads: createPlaneReads(),
    },
    process: {
      ...{ processId, alone: false, mayWork: () => true },
      ...{ beat: async () => undefined, gone: async () => [], stop: async () => undefined },
    },
    // Without a set it denies everybody; the loop acts for those who declared and is not asked.
    policy: createPolicyKeeper({ settings, registry, metrics, log: createLog(settings) }),
    storage: { problem: () => undefined, notice: () => undefined, stop: () => undefined },
    cancelOperation: () => undefined,
  };
}

function manifestFor(slug: string): Manifest {
  const spec = { displayName: slug, plan: "starter", state: "active", planes: ["dev-eu-west-1"] };
  return manifestSchema.parse({ apiVersion: "tenantry.dev/v1", kind: "Tenant", metadata: { slug }, spec });
}

async function declare(registry: Registry, slugs: readonly string[]): Promise<void> {
  const outputs = planeOutputsFixture();
  await addRelease(registry);
  await registry.change(context, async (change) => {
    const place = {
      name: "dev-eu-west-1",
      environment: "dev",
      region: "eu-west-1",
      accountId: "123456789012",
    } as const;
    await planeRecord(change, { ...place, stackName: "dev", outputs });
    for (const slug of slugs) {
      const manifest = manifestFor(slug);
      const tenant = await tenantCreate(change, createOf(manifest, ""), { managedBy: "manifest" });
      await manifestKeep(change, tenant, { manifest, digest: digestOf(manifest), file: null });
    }
  });
}

const requested = (registry: Registry) =>
  registry.read(async (db) => (await operationList(db, { limit: 200 })).items);

/** The one tenant's facts, and what is to be done first. */
async function decisionOn(registry: Registry, service: ServiceContext) {
  const { items } = await registry.read((db) => tenantList(db, { limit: 10 }));
  const reader = createFactsReader(service.settings, new Map());
  const [facts] = await registry.read((db) => reader.read(db, items, Date.now()));
  if (facts === undefined) throw new Error("the tenant must be there");
  const [action] = decide(facts).actions;
  if (action === undefined) throw new Error("there must be something to ask for");
  return { facts, action };
}

describeDialects("several reconcile loops on one registry", (create) => {
  it("ask for each thing once, however often all of them are woken", async () => {
    const database = await create();
    const registry = await database.open();
    const slugs = Array.from({ length: 12 }, (_, index) => `many-${index}`);
    await declare(registry, slugs);
    const loops = ["a", "b", "c", "d"].map((name) => createReconciler(processOn(registry, name)));
    for (let round = 0; round < 3; round += 1) {
      for (const loop of loops) loop.wake();
      await waitFor("every tenant's operation", async () =>
        (await requested(registry)).length >= slugs.length ? true : undefined,
      );
    }
    await Promise.all(loops.map((loop) => loop.stop()));
    const operations = await requested(registry);
    expect(new Set(operations.map(({ tenantId }) => tenantId)).size).toBe(slugs.length);
    expect(operations).toHaveLength(slugs.length);
    await registry.close();
  });

  it("stop at once while they rest, and when the registry is away", async () => {
    const registry = await (await create()).open();
    const loop = createReconciler(processOn(registry, "a"));
    loop.wake();
    await waitFor("a pass", async () => (await registry.read(leaderGet))?.lastPass ?? undefined);
    const pauses = limits as { reconcilePauseMs: number };
    const usual = pauses.reconcilePauseMs;
    pauses.reconcilePauseMs = 3_600_000;
    try {
      loop.wake();
      await registry.close();
      await loop.stop();
    } finally {
      pauses.reconcilePauseMs = usual;
    }
  });

  it("refuse the action of one that leads no more, and what was decided on older facts", async () => {
    const database = await create();
    const clock = settableClock();
    const registry = await database.open({ now: clock.now });
    await declare(registry, ["contested"]);
    const [first, second] = [processOn(registry, "a"), processOn(registry, "b")];
    const take = (holder: string) => registry.record((record) => leaderTake(record, holder, 10_000));
    const read = () => decisionOn(registry, first);
    const old = await read();
    const stale = await take("a");
    expect(await take("b")).toBeUndefined();
    clock.advance(10_001);
    const leading = await take("b");
    if (stale === undefined || leading === undefined) throw new Error("both must have led");
    await expect(act(first, stale, old.facts, old.action)).rejects.toThrow(StaleFacts);
    expect(await requested(registry)).toEqual([]);
    await act(second, leading, old.facts, old.action);
    const [operation] = await requested(registry);
    expect(operation).toMatchObject({ kind: "tenant_activate", requestedBy: "reconciler", status: "queued" });
    // It ends before the other has looked again: only the facts can tell that its decision is about the past.
    await registry.record((record) =>
      journalAppend(record, operation?.operationId ?? "", [
        { type: "cancel_requested" },
        { type: "cancelled" },
      ]),
    );
    await expect(act(second, leading, old.facts, old.action)).rejects.toThrow(StaleFacts);
    expect(await requested(registry)).toHaveLength(1);
    await registry.close();
  });

  it("refuse what was decided on a manifest that has been replaced since, though the record is the same", async () => {
    const registry = await (await create()).open();
    await declare(registry, ["redeclared"]);
    const service = processOn(registry, "a");
    const { facts, action } = await decisionOn(registry, service);
    const leading = await registry.record((record) => leaderTake(record, "a", 10_000));
    if (leading === undefined) throw new Error("it must lead");
    const draft = manifestFor("redeclared");
    const manifest: Manifest = { ...draft, spec: { ...draft.spec, state: "draft" } };
    await registry.change(context, async (change) => {
      const tenant = await tenantGet(change.db, facts.tenant.tenantId);
      await manifestKeep(change, tenant, { manifest, digest: digestOf(manifest), file: null });
    });
    await expect(act(service, leading, facts, action)).rejects.toThrow(StaleFacts);
    expect(await requested(registry)).toEqual([]);
  });

  it("hand the lead on at once when one stops, and never keep the token of a broken lease", async () => {
    const database = await create();
    const clock = settableClock();
    const registry = await database.open({ now: clock.now });
    const take = (holder: string, alone = false) =>
      registry.record((record) => leaderTake(record, holder, 10_000, { alone }));
    expect(await take("a")).toEqual({ holder: "a", token: 1 });
    clock.advance(5_000);
    expect(await take("a")).toEqual({ holder: "a", token: 1 });
    expect(await take("b")).toBeUndefined();
    await registry.record((record) => leaderRelease(record, { holder: "a", token: 1 }));
    expect(await take("b")).toEqual({ holder: "b", token: 2 });
    expect(await registry.read((db) => leads(db, { holder: "a", token: 1 }))).toBe(false);
    clock.advance(10_001);
    expect(await take("b")).toEqual({ holder: "b", token: 3 });
    expect(await take("c", true)).toEqual({ holder: "c", token: 4 });
    await registry.close();
  });

  it("note what is not as declared with the time since when, page by page, oldest first", async () => {
    const database = await create();
    const clock = settableClock();
    const registry = await database.open({ now: clock.now });
    const finding = (tenantId: string, planeName: string, reason: string): ReconcileFinding => ({
      ...{ tenantId, planeName, targetId: null, verdict: "waiting", action: "deploy", reason },
      ...{ desired: "a", observed: "b", attempts: 0, nextAttemptAt: null },
    });
    const tenants = [];
    for (const slug of ["one", "two", "three"]) {
      const tenant = await addTenant(registry, slug);
      tenants.push(tenant);
      const found = [finding(tenant.tenantId, "p", "x"), finding(tenant.tenantId, "q", "x")];
      await registry.record((record) => reconcileNote(record, tenant.tenantId, found));
      clock.advance(1_000);
    }
    const [one] = tenants;
    if (one === undefined) throw new Error("there must be a tenant");
    await registry.record((record) => reconcileNote(record, one.tenantId, [finding(one.tenantId, "q", "y")]));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: 2, cursor };
      const page = await registry.read((db) => reconcileList(db, query));
      seen.push(...page.items.map(({ slug, planeName, reason }) => `${slug}/${planeName} ${reason}`));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(["one/q y", "two/p x", "two/q x", "three/p x", "three/q x"]);
    const { items } = await registry.read((db) => reconcileList(db, { limit: 1 }));
    expect(items[0]).toMatchObject({
      since: "2026-03-01T09:00:00.000Z",
      updatedAt: "2026-03-01T09:00:03.000Z",
    });
    await registry.close();
  });
});
