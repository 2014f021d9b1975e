import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { RoutingVersion, RoutingVersionListQuery } from "../contract/routing.ts";
import type { Route, RouteState, RoutingSnapshot } from "../contract/routingSnapshot.ts";
import { pageAfterNumber, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import { type RouteDifferences, type RoutingContent, routeDifferences } from "./routingContent.ts";
import type { RoutingSnapshotTable } from "./schema.ts";

/**
 * The versions of every plane's routing, for ever. A version is one row with its signature, and its routes are those entries that
 * were there in it: reading two statements apart gives the same text, as a version never changes once it is there.
 */
export async function snapshotFind(
  db: Reader,
  planeName: string,
  version: number,
): Promise<RoutingSnapshot | undefined> {
  const row = await rowOf(db, planeName, version);
  if (row === undefined) return undefined;
  const { publishedAt, restores, services, sharedHost, checksum, keyId, signature } = row;
  return {
    ...{ formatVersion: 2, kind: "tenantry.routing", planeName, publishedAt, restores },
    ...{ routes: await routesAt(db, planeName, version), services: [...fromJson(services)], sharedHost },
    ...{ version, checksum, keyId, signature },
  };
}

export async function snapshotGet(db: Reader, planeName: string, version: number): Promise<RoutingSnapshot> {
  return (await snapshotFind(db, planeName, version)) ?? refuseVersion(planeName, version);
}

export async function routingVersionFind(
  db: Reader,
  planeName: string,
  version: number,
): Promise<RoutingVersion | undefined> {
  const row = await rowOf(db, planeName, version);
  return row && shown(row);
}

export async function routingVersionGet(
  db: Reader,
  planeName: string,
  version: number,
): Promise<RoutingVersion> {
  return (await routingVersionFind(db, planeName, version)) ?? refuseVersion(planeName, version);
}

/** Newest first. */
export async function routingVersionList(
  db: Reader,
  planeName: string,
  query: RoutingVersionListQuery,
): Promise<Page<RoutingVersion>> {
  const found = await routingVersionListQuery(db, planeName, query).execute();
  return toPage(found, query.limit, shown, (row) => [row.planeName, String(row.version)]);
}

export function routingVersionListQuery(db: Reader, planeName: string, query: RoutingVersionListQuery) {
  let rows = db.selectFrom("routingSnapshots").selectAll().where("planeName", "=", planeName);
  if (query.cursor) {
    rows = rows.where("version", "<", pageAfterNumber(query.cursor, 1));
  }
  return rows.orderBy("version", "desc").limit(query.limit + 1);
}

export async function routesAt(db: Reader, planeName: string, version: number): Promise<Route[]> {
  const routes = await routesAtQuery(db, planeName, version).execute();
  // By code units, as everywhere: a database may sort by the words of a language.
  return routes.sort((left, right) => (left.host < right.host ? -1 : 1));
}

/** What a version answers for a target: absent where it knows it not. */
export async function routeStateAt(
  db: Reader,
  { planeName, version }: Pick<RoutingVersion, "planeName" | "version">,
  targetId: string,
): Promise<RouteState | "absent"> {
  const route = await routesAtQuery(db, planeName, version)
    .where("targetId", "=", targetId)
    .executeTakeFirst();
  return route?.state ?? "absent";
}

export function routesAtQuery(db: Reader, planeName: string, version: number) {
  return db
    .selectFrom("routingEntries")
    .select(["host", "kind", "routingTarget", "state", "targetId", "tenantId"])
    .where("planeName", "=", planeName)
    .where("fromVersion", "<=", version)
    .where((eb) => eb.or([eb("untilVersion", "is", null), eb("untilVersion", ">", version)]));
}

function refuseVersion(planeName: string, version: number): never {
  throw new ProblemError("routing_version_not_found", {
    detail: `Cannot find version ${version} of the routing of ${planeName}.`,
    hint: `List its versions with GET /v1/control-plane/planes/${planeName}/routing/versions.`,
    errors: [{ path: "version", message: "is no version that was published", value: version }],
  });
}

export function sameContent(
  snapshot: RoutingSnapshot,
  { routes, services, sharedHost }: RoutingContent,
): boolean {
  const { added, removed, changed } = routeDifferences(snapshot.routes, routes);
  return (
    added.length + removed.length + changed.length === 0 &&
    snapshot.sharedHost === sharedHost &&
    snapshot.services.join() === services.join()
  );
}

/** Writes what differs from the version before, and the row of the new one. */
export async function snapshotKeep(
  change: Change,
  snapshot: RoutingSnapshot,
  before: readonly Route[],
  reason: string | null,
): Promise<RouteDifferences> {
  const { planeName, version, publishedAt, restores, services, sharedHost, checksum, keyId, signature } =
    snapshot;
  const row = {
    ...{ planeName, version, publishedAt, restores, sharedHost, checksum, keyId, signature, reason },
    publishedBy: change.context.actor.id,
    routes: snapshot.routes.length,
    services: toJson(services),
  };
  await change.db.insertInto("routingSnapshots").values(row).execute();
  const differences = routeDifferences(before, snapshot.routes);
  const { added, removed, changed } = differences;
  await end(
    change,
    planeName,
    version,
    [...removed, ...changed].map(({ host }) => host),
  );
  await begin(change, planeName, version, [...added, ...changed.map(({ after }) => after)]);
  return differences;
}

/** Databases bound how many values a statement may carry. */
const ROWS_PER_STATEMENT = 500;

async function end(
  { db }: Change,
  planeName: string,
  untilVersion: number,
  hosts: readonly string[],
): Promise<void> {
  for (const some of inParts(hosts)) {
    await db
      .updateTable("routingEntries")
      .set({ untilVersion })
      .where("planeName", "=", planeName)
      .where("host", "in", some)
      .where("untilVersion", "is", null)
      .execute();
  }
}

async function begin(
  { db }: Change,
  planeName: string,
  fromVersion: number,
  routes: readonly Route[],
): Promise<void> {
  for (const some of inParts(routes)) {
    const rows = some.map((route) => ({ ...route, planeName, fromVersion, untilVersion: null }));
    await db.insertInto("routingEntries").values(rows).execute();
  }
}

function* inParts<T>(all: readonly T[]): Generator<T[]> {
  for (let from = 0; from < all.length; from += ROWS_PER_STATEMENT) {
    yield all.slice(from, from + ROWS_PER_STATEMENT);
  }
}

function rowOf(db: Reader, planeName: string, version: number) {
  return db
    .selectFrom("routingSnapshots")
    .selectAll()
    .where("planeName", "=", planeName)
    .where("version", "=", version)
    .executeTakeFirst();
}

function shown({ services: _services, ...row }: Selectable<RoutingSnapshotTable>): RoutingVersion {
  return row;
}
