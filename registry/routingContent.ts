import { createHash } from "node:crypto";
import {
  type Route,
  type RouteState,
  type RoutingBody,
  type RoutingSnapshot,
  routingText,
} from "../contract/routingSnapshot.ts";

/** What a plane's routing is made of, as pure functions: which routes follow from what is published, held or verified. */
export interface RoutingContent {
  readonly routes: readonly Route[];
  readonly services: readonly string[];
  readonly sharedHost: string | null;
}

/** Who signs; see service/signing/signer.ts. */
export interface RoutingSigner {
  readonly keyId: string;
  readonly publicKey: string;
  sign(text: string): string;
}

export function sealed(
  body: RoutingBody,
  { keyId, sign }: Pick<RoutingSigner, "keyId" | "sign">,
): RoutingSnapshot {
  const text = routingText(body);
  return { ...body, checksum: createHash("sha256").update(text).digest("hex"), keyId, signature: sign(text) };
}

/** A target's own answer to its subdomain, as the step that deployed it has set it. */
export interface PublishedRoute extends Omit<Route, "kind"> {
  readonly generation: number;
}

/** A verified domain and whose it is. */
export interface OwnDomain {
  readonly tenantId: string;
  readonly domain: string;
}

/** Subdomains as published, and each verified domain as an answer of the target that its tenant answers with. */
export function routesOf(published: readonly PublishedRoute[], domains: readonly OwnDomain[]): Route[] {
  const subdomains = onePerHost(published);
  const byTenant = new Map(subdomains.map((route) => [route.tenantId, route]));
  const taken = new Set(subdomains.map(({ host }) => host));
  const own = domains.flatMap(({ tenantId, domain }): Route[] => {
    const route = byTenant.get(tenantId);
    // A subdomain is the plane's; nobody takes it over with a domain of the same name.
    return route === undefined || taken.has(domain) ? [] : [{ ...route, host: domain, kind: "domain" }];
  });
  return inOrder([...subdomains, ...own]);
}

/** Two generations of a tenant answer to one name: the newest that is live is the one, else the newest. */
function onePerHost(rows: readonly PublishedRoute[]): Route[] {
  const chosen = new Map<string, PublishedRoute>();
  for (const row of rows) {
    const rival = chosen.get(row.host);
    if (rival === undefined || rank(row) > rank(rival)) chosen.set(row.host, row);
  }
  return [...chosen.values()].map(({ host, routingTarget, state, targetId, tenantId }) => ({
    ...{ host, kind: "subdomain" as const, routingTarget, state, targetId, tenantId },
  }));
}

function rank({ state, generation }: PublishedRoute): number {
  return (state === "live" ? 1_000_000 : 0) + generation;
}

export interface LeftOut {
  readonly host: string;
  readonly targetId: string;
  readonly why: string;
}

/** What the tenants' lives allow, whatever an older version says. */
export interface Allowed {
  /** Targets that may be answered for, and as what; one that is not in it is gone. */
  readonly states: ReadonlyMap<string, RouteState>;
  /** Verified domains, with their tenants. */
  readonly domains: ReadonlyMap<string, string>;
}

/**
 * An older version's routes as they may be today. It says where, the tenants' lives say whether: a target that is gone stays gone,
 * a suspended one is told to be suspended, and a domain goes to nobody who has lost it.
 */
export function heldRoutes(
  held: readonly Route[],
  { states, domains }: Allowed,
): { readonly routes: Route[]; readonly leftOut: LeftOut[] } {
  const leftOut: LeftOut[] = [];
  const routes = held.flatMap((route): Route[] => {
    const { host, targetId, tenantId, kind } = route;
    const state = states.get(targetId);
    if (state === undefined) leftOut.push({ host, targetId, why: "the target is no longer there" });
    else if (kind === "domain" && domains.get(host) !== tenantId) {
      leftOut.push({ host, targetId, why: "the domain is no longer the tenant's" });
    } else return [{ ...route, state }];
    return [];
  });
  return { routes: inOrder(routes), leftOut };
}

export function inOrder(routes: readonly Route[]): Route[] {
  return [...routes].sort((left, right) => (left.host < right.host ? -1 : 1));
}

export interface RouteDifferences {
  readonly added: Route[];
  readonly removed: Route[];
  readonly changed: { host: string; before: Route; after: Route }[];
  readonly same: number;
}

export function routeDifferences(before: readonly Route[], after: readonly Route[]): RouteDifferences {
  const old = new Map(before.map((route) => [route.host, route]));
  const hosts = new Set(after.map(({ host }) => host));
  const added: Route[] = [];
  const changed: RouteDifferences["changed"] = [];
  let same = 0;
  for (const route of after) {
    const earlier = old.get(route.host);
    if (earlier === undefined) added.push(route);
    else if (sameAnswer(earlier, route)) same += 1;
    else changed.push({ host: route.host, before: earlier, after: route });
  }
  return { added, changed, same, removed: before.filter(({ host }) => !hosts.has(host)) };
}

function sameAnswer(one: Route, other: Route): boolean {
  return (
    one.kind === other.kind &&
    one.routingTarget === other.routingTarget &&
    one.state === other.state &&
    one.targetId === other.targetId &&
    one.tenantId === other.tenantId
  );
}
