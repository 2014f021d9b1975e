import { type Route, type RouterProblemCode, SHARED_HOST_HEADER } from "../contract/routingSnapshot.ts";
import type { RoutingTable } from "./snapshot.ts";

/** What is to become of a request, from the table alone. */
export type Decision =
  | { readonly kind: "health" }
  | { readonly kind: "problem"; readonly code: RouterProblemCode; readonly detail: string }
  | {
      readonly kind: "forward";
      readonly service: string;
      readonly targetId: string;
      /** The private name to connect to. */
      readonly name: string;
      /** What was taken off the path: the service, and on the shared host the tenant before it. */
      readonly prefix: string;
      /** Path and query as the service sees them. */
      readonly path: string;
    };

export interface Asked {
  readonly host: string | undefined;
  readonly url: string;
  /** Of the header that names a tenant on the shared host; means nothing elsewhere. */
  readonly tenant?: string | undefined;
  readonly healthPath: string;
  /** Names under it are tenants' or nobody's: none of them answers for the router's own health. */
  readonly publicDomain?: string | undefined;
}

/** Tenants first, so that no tenant's path is ever taken for the health check. */
export function decide(table: RoutingTable | undefined, asked: Asked): Decision {
  const name = hostName(asked.host);
  if (table !== undefined && name !== undefined && name === table.sharedHost)
    return onShared(table, name, asked);
  const route = name === undefined ? undefined : table?.hosts.get(name);
  if (route === undefined && isHealth(name, asked)) return { kind: "health" };
  if (name === undefined) return problem("bad_host", "The Host header must be a name.");
  if (table === undefined) return problem("routing_unavailable", "Try again in a few seconds.");
  if (route === undefined) return problem("unknown_host", `No tenant answers at ${name}.`);
  return toService(table, route, "", originForm(asked.url));
}

/** A slug, or what cannot be one but is harmless to look up. */
const SLUG = /^[a-z][a-z0-9-]{0,62}$/;

/** One host for all tenants: the header names the tenant, or else the path's first segment does. */
function onShared(table: RoutingTable, sharedHost: string, { url, tenant }: Asked): Decision {
  const whole = originForm(url);
  const [, segment = "", rest = ""] = /^\/([^/?#]*)([^#]*)/.exec(whole) ?? [];
  const slug = tenant ?? segment;
  const domain = sharedHost.slice(sharedHost.indexOf(".") + 1);
  const route = SLUG.test(slug) ? table.hosts.get(`${slug}.${domain}`) : undefined;
  if (route?.kind !== "subdomain") {
    const how = `The header ${SHARED_HOST_HEADER} or the path's first segment must be a tenant's slug.`;
    return problem("unknown_host", how);
  }
  if (tenant !== undefined) return toService(table, route, "", whole);
  return toService(table, route, `/${segment}`, rest.startsWith("/") ? rest : `/${rest}`);
}

function toService(table: RoutingTable, route: Route, before: string, url: string): Decision {
  if (route.state === "suspended") {
    return problem("tenant_suspended", "The tenant is suspended; its data is kept. Ask its operator.");
  }
  const [, service = "", rest = ""] = /^\/([^/?#]*)([^#]*)/.exec(url) ?? [];
  if (!table.services.has(service)) {
    const known = [...table.services].join(", ");
    const which = before === "" ? "The path's first segment" : `The path's segment after ${before}`;
    return problem("unknown_service", `${which} must be one of ${known}.`);
  }
  return {
    ...{ kind: "forward", service, targetId: route.targetId },
    name: `${service}.${route.routingTarget}`,
    prefix: `${before}/${service}`,
    path: rest.startsWith("/") ? rest : `/${rest}`,
  };
}

function isHealth(name: string | undefined, { url, healthPath, publicDomain }: Asked): boolean {
  if (pathOf(url) !== healthPath) return false;
  return name === undefined || publicDomain === undefined || !name.endsWith(`.${publicDomain}`);
}

/** Lower case, without port and trailing dot; undefined for what is no name. */
export function hostName(host: string | undefined): string | undefined {
  const [, name] = /^([A-Za-z0-9.-]{1,253}?)\.?(?::\d{1,5})?$/.exec(host ?? "") ?? [];
  return name?.toLowerCase();
}

function pathOf(url: string): string {
  return originForm(url).split("?", 1)[0] ?? "/";
}

/** A proxy may be asked with the whole URL; the Host header, which must be there, has the last word on the host. */
function originForm(url: string): string {
  const [, path = ""] = /^https?:\/\/[^/?#]*(.*)$/i.exec(url) ?? [undefined, url];
  return path.startsWith("/") ? path : `/${path}`;
}

function problem(code: RouterProblemCode, detail: string): Decision {
  return { kind: "problem", code, detail };
}
