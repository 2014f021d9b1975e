import { createHash } from "node:crypto";
import type { Selectable } from "kysely";
import {
  type RouteState,
  type RoutingBody,
  type RoutingEntry,
  type RoutingSnapshot,
  routingText,
} from "../contract/routing.ts";
import type { Target } from "../contract/target.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import type { Change, Reader } from "./registry.ts";
import type { RouteTable } from "./schema.ts";

/**
 * What routers are to answer, target by target, and the version of it plane by plane. Routes are kept apart from the
 * targets because they say what was published, not what was deployed: a tenant that is being suspended stops being
 * answered for before its tasks stop, and one that is being activated starts only after its tasks run.
 */
export interface RouteWish {
  readonly host: string;
  readonly routingTarget: string;
  readonly state: RouteState;
}

export interface RoutingChange {
  readonly snapshot: RoutingSnapshot;
  readonly changed: boolean;
}

/**
 * Sets the target's route, or takes it away, and gives the plane's snapshot as it is then. A version is born only when something
 * has changed, so repeating this is harmless. Audits `routing.changed`.
 */
export async function routeSet(
  change: Change,
  target: Pick<Target, "targetId" | "tenantId" | "planeName" | "generation">,
  wish: RouteWish | undefined,
  services: readonly string[],
): Promise<RoutingChange> {
  const { targetId, tenantId, planeName, generation } = target;
  await change.lock(routingLock(planeName));
  const before = await routeFind(change.db, targetId);
  if (sameRoute(before, wish) && (before === undefined || before.generation === generation)) {
    return { snapshot: await snapshotOf(change, planeName, services), changed: false };
  }
  await change.db.deleteFrom("routes").where("targetId", "=", targetId).execute();
  if (wish !== undefined) {
    const { host, routingTarget, state } = wish;
    const row = { targetId, tenantId, planeName, host, routingTarget, state, generation };
    await change.db
      .insertInto("routes")
      .values({ ...row, updatedAt: change.now })
      .execute();
  }
  await nextVersion(change, planeName);
  const snapshot = await snapshotOf(change, planeName, services);
  const { version, checksum } = snapshot;
  await change.audit({
    action: "routing.changed",
    target: { type: "target", id: targetId },
    tenantId,
    details: { planeName, version, checksum, before: wishOf(before), after: wish ?? null },
  });
  await change.outbox({ type: "routing.changed", tenantId, payload: { targetId, planeName, version } });
  return { snapshot, changed: true };
}

/** The plane's newest snapshot, version and entries of one and the same moment. */
export async function routingSnapshot(
  books: Bookkeeping,
  planeName: string,
  services: readonly string[],
): Promise<RoutingSnapshot> {
  await books.lock(routingLock(planeName));
  return snapshotOf(books, planeName, services);
}

/** 0 before the first route of the plane. */
export async function routingVersion(db: Reader, planeName: string): Promise<number> {
  const row = await db
    .selectFrom("routingVersions")
    .select("version")
    .where("planeName", "=", planeName)
    .executeTakeFirst();
  return row?.version ?? 0;
}

/** The planes that have ever had a route. */
export async function routedPlanes(db: Reader): Promise<string[]> {
  const rows = await db.selectFrom("routingVersions").select("planeName").orderBy("planeName").execute();
  return rows.map(({ planeName }) => planeName);
}

export async function routeFind(db: Reader, targetId: string): Promise<Selectable<RouteTable> | undefined> {
  return db.selectFrom("routes").selectAll().where("targetId", "=", targetId).executeTakeFirst();
}

function routingLock(planeName: string): string {
  return `routing/${planeName}`;
}

async function nextVersion(change: Change, planeName: string): Promise<void> {
  const version = (await routingVersion(change.db, planeName)) + 1;
  const row = { planeName, version, changedAt: change.now };
  if (version === 1) await change.db.insertInto("routingVersions").values(row).execute();
  else {
    await change.db.updateTable("routingVersions").set(row).where("planeName", "=", planeName).execute();
  }
}

async function snapshotOf(
  books: Bookkeeping,
  planeName: string,
  services: readonly string[],
): Promise<RoutingSnapshot> {
  const born = await books.db
    .selectFrom("routingVersions")
    .selectAll()
    .where("planeName", "=", planeName)
    .executeTakeFirst();
  const rows = await books.db
    .selectFrom("routes")
    .selectAll()
    .where("planeName", "=", planeName)
    .orderBy("host")
    .orderBy("generation", "desc")
    .execute();
  return sealed({
    changedAt: born?.changedAt ?? books.now,
    entries: onePerHost(rows),
    formatVersion: 1,
    planeName,
    services: [...services].sort(),
    version: born?.version ?? 1,
  });
}

export function sealed(body: RoutingBody): RoutingSnapshot {
  return { ...body, checksum: createHash("sha256").update(routingText(body)).digest("hex") };
}

/** Two generations of a tenant answer to one name: the newest that is live is the one, else the newest. */
export function onePerHost(
  rows: readonly (RoutingEntry & { readonly generation: number })[],
): RoutingEntry[] {
  const chosen = new Map<string, RoutingEntry & { readonly generation: number }>();
  for (const row of rows) {
    const rival = chosen.get(row.host);
    if (rival === undefined || rank(row) > rank(rival)) chosen.set(row.host, row);
  }
  return [...chosen.values()]
    .sort((left, right) => (left.host < right.host ? -1 : 1))
    .map(({ host, routingTarget, state, targetId }) => ({ host, routingTarget, state, targetId }));
}

function rank({ state, generation }: { readonly state: RouteState; readonly generation: number }): number {
  return (state === "live" ? 1_000_000 : 0) + generation;
}

function sameRoute(before: Selectable<RouteTable> | undefined, wish: RouteWish | undefined): boolean {
  if (before === undefined || wish === undefined) return before === wish;
  return (
    before.host === wish.host && before.routingTarget === wish.routingTarget && before.state === wish.state
  );
}

function wishOf(row: Selectable<RouteTable> | undefined): RouteWish | null {
  return row === undefined ? null : { host: row.host, routingTarget: row.routingTarget, state: row.state };
}
