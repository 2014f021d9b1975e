import type { RouteState, RoutingSnapshot } from "../../contract/routing.ts";
import { sealed } from "../../registry/routing.ts";

export const PLANE = "dev-eu-west-1";

export interface Hosts {
  readonly [host: string]: RouteState;
}

/** `<slug>.example.com` of which `<service>.<slug>.internal` is the private name. */
export function snapshot(version: number, hosts: Hosts, planeName = PLANE): RoutingSnapshot {
  const entries = Object.entries(hosts).map(([slug, state]) => ({
    host: `${slug}.example.com`,
    routingTarget: `${slug}.internal`,
    state,
    targetId: `target-of-${slug}`,
  }));
  return sealed({
    changedAt: "2026-03-01T09:00:00.000Z",
    entries,
    formatVersion: 1,
    planeName,
    services: ["audit-service", "iam-service"],
    version,
  });
}
