import type { RouteState } from "../contract/routingSnapshot.ts";
import type { Reader } from "./registry.ts";
import type { Allowed, OwnDomain, PublishedRoute } from "./routingContent.ts";

/** What a plane's routing is computed from. A fixed number of statements, whatever the plane holds. */
export async function publishedRoutes(db: Reader, planeName: string): Promise<PublishedRoute[]> {
  return db
    .selectFrom("routes")
    .select(["host", "routingTarget", "state", "targetId", "tenantId", "generation"])
    .where("planeName", "=", planeName)
    .execute();
}

export async function ownDomains(db: Reader, planeName: string): Promise<OwnDomain[]> {
  return db
    .selectFrom("domains")
    .select(["tenantId", "domain"])
    .where("planeName", "=", planeName)
    .where("verifiedDomain", "is not", null)
    .execute();
}

/** A target without a route of its own is answered for only when it runs and is meant to: its route was lost, not taken away. */
export async function allowedNow(db: Reader, planeName: string): Promise<Allowed> {
  const targets = await db
    .selectFrom("targets")
    .leftJoin("routes", "routes.targetId", "targets.targetId")
    .select(["targets.targetId", "targets.requestedState", "targets.deploymentState", "routes.state"])
    .where("targets.planeName", "=", planeName)
    .where("targets.deletedAt", "is", null)
    .execute();
  const states = new Map<string, RouteState>();
  for (const { targetId, requestedState, deploymentState, state } of targets) {
    if (state !== null) states.set(targetId, state);
    else if (requestedState === "present" && deploymentState === "ready") states.set(targetId, "live");
  }
  const own = await ownDomains(db, planeName);
  return { states, domains: new Map(own.map(({ domain, tenantId }) => [domain, tenantId])) };
}
