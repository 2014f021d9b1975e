import { z } from "zod";

/**
 * The routing snapshot: everything a plane's router knows. The control service writes it whole, the router reads it
 * whole, and nothing is asked per request. It is canonical JSON with its SHA-256 and an Ed25519 signature, and a newer version
 * replaces an older one. A rollback is a newer version too: one that says whose content it restores.
 */
export const ROUTE_STATES = ["live", "suspended"] as const;
export type RouteState = (typeof ROUTE_STATES)[number];

/** `subdomain` is `<slug>.<domain of the plane>`, `domain` one of the tenant's own, verified by DNS. */
export const ROUTE_KINDS = ["subdomain", "domain"] as const;
export type RouteKind = (typeof ROUTE_KINDS)[number];

/** On the shared host this header, or else the path's first segment, names the tenant by its slug. */
export const SHARED_HOST_HEADER = "x-tenantry-tenant";

const text = z.string().min(1).max(253);

export const routeSchema = z
  .strictObject({
    host: text.meta({
      description: "Lower case; internationalised names in punycode",
      example: "acme.example.com",
    }),
    kind: z.enum(ROUTE_KINDS),
    routingTarget: text.meta({
      description: "`<service>.<routingTarget>` is the private name of each of the tenant's HTTP services",
    }),
    state: z.enum(ROUTE_STATES),
    targetId: text,
    tenantId: text,
  })
  .meta({ id: "Route" });
export type Route = z.output<typeof routeSchema>;

const routingBodySchema = z.strictObject({
  formatVersion: z.literal(2),
  /** One key signs several kinds of documents: none can be passed off as another. */
  kind: z.literal("tenantry.routing"),
  planeName: text,
  publishedAt: z.iso.datetime(),
  restores: z
    .int()
    .positive()
    .nullable()
    .meta({ description: "The older version whose content a rollback has brought back" }),
  routes: z.array(routeSchema),
  services: z.array(text).meta({ description: "What a path's first segment can name" }),
  sharedHost: text.nullable().meta({
    description: `The one host that answers for all tenants, by path (/<slug>/<service>/…) or the header ${SHARED_HOST_HEADER}`,
  }),
  version: z.int().positive().meta({ description: "Grows by one with every change of the plane's routing" }),
});
export type RoutingBody = z.output<typeof routingBodySchema>;

export const routingSnapshotSchema = routingBodySchema
  .extend({
    checksum: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: "SHA-256, hex, of the canonical JSON without checksum, keyId and signature" }),
    keyId: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: "Of a key in GET /v1/control-plane/signing-keys" }),
    signature: z.base64().max(128).meta({ description: "Ed25519, base64, over the same text" }),
  })
  .meta({ id: "RoutingSnapshot" });
export type RoutingSnapshot = z.output<typeof routingSnapshotSchema>;

/**
 * What checksum and signature are taken over: JSON with the members in the order of their names, as RFC 8785 has it. Written out here
 * because a router that sorted for itself could hide what a writer got wrong.
 */
export function routingText(body: RoutingBody): string {
  const { formatVersion, planeName, publishedAt, restores, routes, services, sharedHost, version } = body;
  const ordered = routes.map(({ host, kind, routingTarget, state, targetId, tenantId }) => ({
    ...{ host, kind, routingTarget, state, targetId, tenantId },
  }));
  return JSON.stringify({
    ...{ formatVersion, kind: body.kind, planeName, publishedAt, restores },
    ...{ routes: ordered, services, sharedHost, version },
  });
}

/** What a router answers by itself. A code never changes its meaning: clients and load balancers tell them apart by it. */
export const ROUTER_PROBLEMS = {
  bad_host: { status: 400, title: "The request names no host" },
  bad_upgrade: { status: 400, title: "A request to change the protocol has a body" },
  unknown_host: { status: 404, title: "No tenant answers here" },
  unknown_service: { status: 404, title: "The tenant has no such service" },
  tenant_suspended: { status: 503, title: "The tenant is suspended" },
  routing_unavailable: { status: 503, title: "The router has no routing yet" },
  upstream_unreachable: { status: 502, title: "The service cannot be reached" },
  upstream_timeout: { status: 504, title: "The service did not answer in time" },
} as const satisfies Record<string, { status: number; title: string }>;
export type RouterProblemCode = keyof typeof ROUTER_PROBLEMS;
