import type { Selectable } from "kysely";
import { ProblemError } from "../contract/errors.ts";
import type { RoutingHold, RoutingVersion } from "../contract/routing.ts";
import type { RouteState, RoutingSnapshot } from "../contract/routingSnapshot.ts";
import type { Target } from "../contract/target.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import { type Advance, advance } from "./routingAdvance.ts";
import { heldRoutes, type LeftOut, type RoutingSigner, routesOf } from "./routingContent.ts";
import { allowedNow, ownDomains, publishedRoutes } from "./routingFacts.ts";
import { headOf, holdOf, holdSet, routingVersion } from "./routingHead.ts";
import { routingVersionFind, routingVersionGet, snapshotFind, snapshotGet } from "./routingSnapshot.ts";
import type { RouteTable } from "./schema.ts";

/**
 * A plane's routing: what its routers are to answer, and the version of it. Routes are kept apart from the targets because they
 * say what was published, not what was deployed: a tenant that is being suspended stops being answered for before its
 * tasks stop, and one that is being activated starts only after its tasks run.
 *
 * It promises: a version is born only when something differs, so repeating anything here is harmless; versions have no
 * gap; each is signed in the transaction that makes it. After a rollback the plane is held: routes stay where the older
 * version has them until the hold is released, and only whether they are answered for still follows the tenants. It
 * refuses to hold a door open that a tenant's life has shut.
 */
export interface RouteWish {
  readonly host: string;
  readonly routingTarget: string;
  readonly state: RouteState;
}

/** What a snapshot takes besides the routes. */
export interface RoutingMaking {
  readonly services: readonly string[];
  readonly sharedHost: string | null;
  readonly signer: RoutingSigner;
}

export interface RoutingChange {
  readonly snapshot: RoutingSnapshot;
  readonly changed: boolean;
  readonly hold: RoutingHold | null;
  readonly leftOut: readonly LeftOut[];
}

export interface RouteChange {
  readonly newest: RoutingVersion;
  readonly hold: RoutingHold | null;
}

/**
 * Sets the target's route, or takes it away, and gives the plane's newest version as it is then. Audits `routing.changed`, and
 * `routing.published` when that makes a version. A route that is so already costs a few rows however many the plane has.
 */
export async function routeSet(
  change: Change,
  target: Pick<Target, "targetId" | "tenantId" | "planeName" | "generation">,
  wish: RouteWish | undefined,
  making: RoutingMaking,
): Promise<RouteChange> {
  const { targetId, tenantId, planeName, generation } = target;
  await change.lock(routingLock(planeName));
  const before = await routeFind(change.db, targetId);
  if (sameRoute(before, wish) && (before === undefined || before.generation === generation)) {
    const head = await headOf(change.db, planeName);
    const newest = head && (await routingVersionFind(change.db, planeName, head.version));
    if (newest !== undefined) return { newest, hold: holdOf(head) };
  } else {
    await routeReplace(change, target, wish);
    await change.audit({
      action: "routing.changed",
      target: { type: "target", id: targetId },
      tenantId,
      details: { planeName, before: wishOf(before), after: wish ?? null },
    });
    await change.outbox({ type: "routing.changed", tenantId, payload: { targetId, planeName } });
  }
  const { snapshot, hold } = await routingPublish(change, planeName, making, { reason: null });
  return { newest: await routingVersionGet(change.db, planeName, snapshot.version), hold };
}

async function routeReplace(
  change: Change,
  { targetId, tenantId, planeName, generation }: Parameters<typeof routeSet>[1],
  wish: RouteWish | undefined,
): Promise<void> {
  await change.db.deleteFrom("routes").where("targetId", "=", targetId).execute();
  if (wish === undefined) return;
  const { host, routingTarget, state } = wish;
  const row = { targetId, tenantId, planeName, host, routingTarget, state, generation };
  await change.db
    .insertInto("routes")
    .values({ ...row, updatedAt: change.now })
    .execute();
}

/** Computes the plane's routing, and makes a version of it when it differs from the newest. */
export async function routingPublish(
  change: Change,
  planeName: string,
  making: RoutingMaking,
  how: Pick<Advance, "reason" | "always" | "past">,
): Promise<RoutingChange> {
  await change.lock(routingLock(planeName));
  const hold = holdOf(await headOf(change.db, planeName));
  if (hold !== null) return publishHeld(change, planeName, hold, making, how);
  const published = await publishedRoutes(change.db, planeName);
  const routes = routesOf(published, await ownDomains(change.db, planeName));
  const { sharedHost, signer } = making;
  const content = { routes, services: [...making.services].sort(), sharedHost };
  const next = await advance(change, planeName, content, signer, how);
  return { ...next, hold, leftOut: [] };
}

/** A new version with an older one's content, which is held from now on. Audits `routing.rolled_back`. */
export async function routingRollback(
  change: Change,
  planeName: string,
  toVersion: number,
  givenReason: string,
  making: RoutingMaking,
): Promise<RoutingChange> {
  await change.lock(routingLock(planeName));
  const reason = redactText(givenReason);
  const hold = { version: toVersion, heldAt: change.now, heldBy: change.context.actor.id, reason };
  const rolledBack = await publishHeld(change, planeName, hold, making, { reason, always: true });
  await holdSet(change, planeName, hold);
  const { snapshot, leftOut } = rolledBack;
  const details = { planeName, version: snapshot.version, restores: toVersion, leftOut: leftOut.length };
  await announce(change, "routing.rolled_back", details, reason);
  return rolledBack;
}

/** Ends the hold and publishes what the targets say. Audits `routing.released`. */
export async function routingRelease(
  change: Change,
  planeName: string,
  reason: string,
  making: RoutingMaking,
): Promise<RoutingChange> {
  await change.lock(routingLock(planeName));
  const hold = holdOf(await headOf(change.db, planeName));
  if (hold === null) {
    throw new ProblemError("routing_not_held", {
      detail: `Cannot release the routing of ${planeName}: it must be held, and it is not.`,
      hint: "It is held after a rollback, until it is released.",
      errors: [{ path: "path.planeName", message: "is not held", value: planeName }],
    });
  }
  await holdSet(change, planeName, null);
  await announce(change, "routing.released", { planeName, held: hold }, reason);
  return routingPublish(change, planeName, making, { reason });
}

async function publishHeld(
  change: Change,
  planeName: string,
  hold: RoutingHold,
  { signer }: RoutingMaking,
  how: Omit<Advance, "restores">,
): Promise<RoutingChange> {
  const { routes: then, services, sharedHost } = await snapshotGet(change.db, planeName, hold.version);
  const { routes, leftOut } = heldRoutes(then, await allowedNow(change.db, planeName));
  const restores = hold.version;
  const next = await advance(change, planeName, { routes, services, sharedHost }, signer, {
    ...how,
    restores,
  });
  return { ...next, hold, leftOut };
}

async function announce(
  change: Change,
  action: string,
  details: Record<string, unknown> & { readonly planeName: string },
  reason: string,
): Promise<void> {
  await change.audit({ action, target: { type: "plane_routing", id: details.planeName }, reason, details });
  await change.outbox({ type: action, payload: { ...details, reason } });
}

/** The newest, signed; undefined before the first. */
export async function routingLatest(db: Reader, planeName: string): Promise<RoutingSnapshot | undefined> {
  const version = await routingVersion(db, planeName);
  return version === 0 ? undefined : snapshotFind(db, planeName, version);
}

export async function routeFind(db: Reader, targetId: string): Promise<Selectable<RouteTable> | undefined> {
  return db.selectFrom("routes").selectAll().where("targetId", "=", targetId).executeTakeFirst();
}

function routingLock(planeName: string): string {
  return `routing/${planeName}`;
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
