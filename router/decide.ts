import type { RouterProblemCode } from "../contract/routing.ts";
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
      /** Path and query as the service sees them: without the segment that named it. */
      readonly path: string;
    };

export interface Asked {
  readonly host: string | undefined;
  readonly url: string;
  readonly healthPath: string;
}

/** Tenants first, so that no tenant's path is ever taken for the health check. */
export function decide(table: RoutingTable | undefined, { host, url, healthPath }: Asked): Decision {
  const name = hostName(host);
  const entry = name === undefined ? undefined : table?.hosts.get(name);
  if (entry === undefined && pathOf(url) === healthPath) return { kind: "health" };
  if (name === undefined) return problem("bad_host", "The Host header must be a name.");
  if (table === undefined) return problem("routing_unavailable", "Try again in a few seconds.");
  if (entry === undefined) return problem("unknown_host", `No tenant answers at ${name}.`);
  if (entry.state === "suspended") {
    return problem("tenant_suspended", "The tenant is suspended; its data is kept. Ask its operator.");
  }
  const [, service = "", rest = ""] = /^\/([^/?#]*)([^#]*)/.exec(originForm(url)) ?? [];
  if (!table.services.has(service)) {
    const known = [...table.services].join(", ");
    return problem("unknown_service", `The path's first segment must be one of ${known}.`);
  }
  return {
    kind: "forward",
    service,
    targetId: entry.targetId,
    name: `${service}.${entry.routingTarget}`,
    path: rest.startsWith("/") ? rest : `/${rest}`,
  };
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
