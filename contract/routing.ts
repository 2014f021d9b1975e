import { z } from "zod";

/**
 * The routing snapshot: everything a plane's router knows. The control service writes it whole, the router reads it
 * whole, and nothing is asked per request. A newer version replaces an older one; one whose checksum is not that of its
 * text is no snapshot.
 */
export const ROUTE_STATES = ["live", "suspended"] as const;
export type RouteState = (typeof ROUTE_STATES)[number];

const text = z.string().min(1).max(253);

export const routingEntrySchema = z.strictObject({
  /** The public name, lower case: `<slug>.<domain>`. */
  host: text,
  /** `<service>.<routingTarget>` is the private name of each of the tenant's HTTP services. */
  routingTarget: text,
  state: z.enum(ROUTE_STATES),
  targetId: text,
});
export type RoutingEntry = z.output<typeof routingEntrySchema>;

const routingBodySchema = z.strictObject({
  /** When the version came to be. */
  changedAt: z.iso.datetime(),
  entries: z.array(routingEntrySchema),
  formatVersion: z.literal(1),
  planeName: text,
  /** The services that can be named by a path's first segment. */
  services: z.array(text),
  /** Grows by one with every change of the plane's routing. */
  version: z.int().positive(),
});
export type RoutingBody = z.output<typeof routingBodySchema>;

export const routingSnapshotSchema = routingBodySchema.extend({
  /** SHA-256, hex, of the snapshot's canonical JSON without this member. */
  checksum: z.string().regex(/^[0-9a-f]{64}$/),
});
export type RoutingSnapshot = z.output<typeof routingSnapshotSchema>;

/**
 * What the checksum is taken over: JSON with the members in the order of their names, as RFC 8785 has it. Written out here
 * because a router that sorted for itself could hide what a writer got wrong.
 */
export function routingText(body: RoutingBody): string {
  const { changedAt, entries, formatVersion, planeName, services, version } = body;
  const ordered = entries.map(({ host, routingTarget, state, targetId }) => ({
    host,
    routingTarget,
    state,
    targetId,
  }));
  return JSON.stringify({ changedAt, entries: ordered, formatVersion, planeName, services, version });
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
