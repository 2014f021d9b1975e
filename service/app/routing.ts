import type { Page } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import {
  ROUTING_LIMITS,
  type RoutingDiff,
  type RoutingDiffQuery,
  type RoutingOutcome,
  type RoutingRelease,
  type RoutingRollback,
  type RoutingStatus,
  type RoutingVersion,
  type RoutingVersionListQuery,
} from "../../contract/routing.ts";
import type { RoutingSnapshot } from "../../contract/routingSnapshot.ts";
import { planeGet } from "../../registry/plane.ts";
import type { Change } from "../../registry/registry.ts";
import * as registry from "../../registry/routing.ts";
import { routeDifferences } from "../../registry/routingContent.ts";
import { headOf, holdOf, routedPlanes, routingVersion } from "../../registry/routingHead.ts";
import * as snapshots from "../../registry/routingSnapshot.ts";
import { routingMaking } from "../routing/making.ts";
import { publishSnapshot, storeOf } from "../routing/publish.ts";
import { waitPast } from "../routing/waits.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext, type ServiceContext } from "./context.ts";

/** The ETags that the caller has, and for how long it would wait for another. */
export interface RoutingAsked {
  readonly known: readonly string[];
  readonly waitMs: number;
  readonly gone: AbortSignal;
  isStopping(): boolean;
}

/** The newest snapshot with its ETag; without it when the caller has it. */
export async function routingLatest(
  context: RequestContext,
  planeName: string,
  { known, waitMs, ...until }: RoutingAsked,
): Promise<{ readonly etag: string; readonly snapshot?: RoutingSnapshot }> {
  await authorize(context, "routingLatest", undefined, { planes: [planeName] });
  let newest = await newestOf(context, planeName);
  if (waitMs > 0 && known.includes(etagOf(newest))) {
    await waitPast(context, { planeName, version: newest.version, waitMs, ...until });
    newest = await newestOf(context, planeName);
  }
  const etag = etagOf(newest);
  if (known.includes(etag)) return { etag };
  const { version } = newest;
  return {
    etag,
    snapshot: await context.registry.read((db) => snapshots.snapshotGet(db, planeName, version)),
  };
}

function newestOf({ registry: books }: RequestContext, planeName: string): Promise<RoutingVersion> {
  return books.read(async (db) => {
    await planeGet(db, planeName);
    const version = await routingVersion(db, planeName);
    return snapshots.routingVersionGet(db, planeName, Math.max(version, 1));
  });
}

/** With the text's digest: a registry that was restored may number another text the same. */
function etagOf({ version, checksum }: RoutingVersion): string {
  return `"${version}-${checksum.slice(0, 16)}"`;
}

export async function routingStatus(context: RequestContext, planeName: string): Promise<RoutingStatus> {
  await authorize(context, "routingStatus", undefined, { planes: [planeName] });
  const head = await context.registry.read(async (db) => {
    await planeGet(db, planeName);
    return headOf(db, planeName);
  });
  const newest =
    head && (await context.registry.read((db) => snapshots.routingVersionFind(db, planeName, head.version)));
  return {
    planeName,
    newest: newest ?? null,
    hold: holdOf(head),
    store: await storeState(context, planeName),
  };
}

async function storeState(context: RequestContext, planeName: string): Promise<RoutingStatus["store"]> {
  try {
    const stored = await (await storeOf(context, planeName)).latest();
    return { version: stored?.version ?? null, checksum: stored?.checksum ?? null, problem: null };
  } catch (thrown) {
    context.log.warn({ err: thrown, planeName }, "cannot read the plane's routing store");
    return { version: null, checksum: null, problem: "it cannot be read; the service's log says why" };
  }
}

export async function routingVersionList(
  context: RequestContext,
  planeName: string,
  query: RoutingVersionListQuery,
): Promise<Page<RoutingVersion>> {
  await authorize(context, "routingVersionList", undefined, { planes: [planeName] });
  return context.registry.read(async (db) => {
    await planeGet(db, planeName);
    return snapshots.routingVersionList(db, planeName, query);
  });
}

export async function routingVersionGet(
  context: RequestContext,
  { planeName, version }: { readonly planeName: string; readonly version: number },
): Promise<RoutingSnapshot> {
  await authorize(context, "routingVersionGet", undefined, { planes: [planeName] });
  return context.registry.read(async (db) => {
    await planeGet(db, planeName);
    return snapshots.snapshotGet(db, planeName, version);
  });
}

export async function routingDiff(
  context: RequestContext,
  planeName: string,
  { from, to }: RoutingDiffQuery,
): Promise<RoutingDiff> {
  await authorize(context, "routingDiff", undefined, { planes: [planeName] });
  return context.registry.read(async (db) => {
    await planeGet(db, planeName);
    const newest = to ?? (await routingVersion(db, planeName));
    const before = await snapshots.snapshotGet(db, planeName, from);
    return differences(before, await snapshots.snapshotGet(db, planeName, newest));
  });
}

function differences(before: RoutingSnapshot, after: RoutingSnapshot): RoutingDiff {
  const { added, removed, changed, same } = routeDifferences(before.routes, after.routes);
  const some = <T>(all: readonly T[]) => all.slice(0, ROUTING_LIMITS.diffRoutes);
  return {
    ...{ planeName: after.planeName, from: before.version, to: after.version },
    counts: { added: added.length, removed: removed.length, changed: changed.length, same },
    ...{ added: some(added), removed: some(removed), changed: some(changed) },
    sharedHost: { before: before.sharedHost, after: after.sharedHost },
    services: {
      added: after.services.filter((name) => !before.services.includes(name)),
      removed: before.services.filter((name) => !after.services.includes(name)),
    },
  };
}

/** Puts the newest version into the store when nothing differs, too. A hold stays. */
export async function routingPublish(
  context: RequestContext,
  planeName: string,
  reason: string | undefined,
): Promise<RoutingOutcome> {
  await authorize(context, "routingPublish", undefined, { planes: [planeName] });
  return published(context, planeName, (change, making) =>
    registry.routingPublish(change, planeName, making, { reason: reason ?? null }),
  );
}

export async function routingRollback(
  context: RequestContext,
  planeName: string,
  { toVersion, reason }: RoutingRollback,
  expectedVersion: number | undefined,
): Promise<RoutingOutcome> {
  await authorize(context, "routingRollback", undefined, { planes: [planeName] });
  return published(context, planeName, async (change, making) => {
    await refuseOther(change, planeName, expectedVersion);
    return registry.routingRollback(change, planeName, toVersion, reason, making);
  });
}

export async function routingRelease(
  context: RequestContext,
  planeName: string,
  { reason }: RoutingRelease,
  expectedVersion: number | undefined,
): Promise<RoutingOutcome> {
  await authorize(context, "routingRelease", undefined, { planes: [planeName] });
  return published(context, planeName, async (change, making) => {
    await refuseOther(change, planeName, expectedVersion);
    return registry.routingRelease(change, planeName, reason, making);
  });
}

/** A plane's routing has versions of its own; one that was published meanwhile may be what the caller would not undo. */
async function refuseOther(change: Change, planeName: string, expected: number | undefined): Promise<void> {
  if (expected === undefined) return;
  const version = await routingVersion(change.db, planeName);
  if (version === expected) return;
  throw new ProblemError("version_conflict", {
    detail: `Cannot change the routing of ${planeName}: its newest version must be ${expected}, and is ${version}.`,
    hint: `See GET /v1/control-plane/planes/${planeName}/routing/diff?from=${expected} for what has changed, then send ${version} as If-Match.`,
    errors: [{ path: "header.if-match", message: `is not ${version}`, value: expected }],
  });
}

type Making = Awaited<ReturnType<typeof routingMaking>>;

async function published(
  context: RequestContext,
  planeName: string,
  work: (change: Change, making: Making) => Promise<registry.RoutingChange>,
): Promise<RoutingOutcome> {
  const making = await routingMaking(context, planeName);
  const made: { snapshot?: RoutingSnapshot } = {};
  const outcome = await changeAs(context, async (change): Promise<RoutingOutcome> => {
    await planeGet(change.db, planeName);
    const { snapshot, changed, hold, leftOut } = await work(change, making);
    made.snapshot = snapshot;
    const newest = await snapshots.routingVersionGet(change.db, planeName, snapshot.version);
    return { planeName, newest, changed, hold, leftOut: leftOut.slice(0, ROUTING_LIMITS.diffRoutes) };
  });
  if (made.snapshot !== undefined) await putOrSay(context, made.snapshot);
  return outcome;
}

/** The version is there whether or not the store takes it: the store is looked at again and again (publishBehind). */
async function putOrSay(context: RequestContext, snapshot: RoutingSnapshot): Promise<void> {
  try {
    await publishSnapshot(context, snapshot);
  } catch (thrown) {
    const { planeName, version } = snapshot;
    context.metrics.routingStoreFailures.inc({ plane: planeName });
    context.log.error({ err: thrown, planeName, version }, "cannot put the routing into the plane's store");
    throw new ProblemError("routing_store_unavailable", {
      detail:
        `Cannot bring version ${version} of the routing of ${planeName} to its routers: the plane's store does not take it. ` +
        "The version is kept, and goes there by itself once the store is back.",
      hint: `Look with GET /v1/control-plane/planes/${planeName}/routing/status whether it has arrived.`,
      cause: thrown,
    });
  }
}

/** For /metrics: what it shows is read when it is asked for. */
export async function observeRouting({ registry: books, metrics, log }: ServiceContext): Promise<void> {
  try {
    const planes = await books.read(routedPlanes);
    metrics.routingVersion.reset();
    metrics.routingHeld.reset();
    for (const { planeName: plane, version, held } of planes) {
      metrics.routingVersion.set({ plane }, version);
      metrics.routingHeld.set({ plane }, held ? 1 : 0);
    }
  } catch (thrown) {
    log.warn({ err: thrown }, "cannot read the planes' routing for /metrics");
  }
}
