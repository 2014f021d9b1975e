import { describe, expect, it } from "vitest";
import type { Route, RouteState } from "../contract/routingSnapshot.ts";
import { heldRoutes, routeDifferences, routesOf } from "./routingContent.ts";

const row = (generation: number, state: RouteState, host = "acme.example.com", tenantId = "acme") => ({
  ...{ host, state, generation, tenantId },
  routingTarget: `g${generation}`,
  targetId: `t${generation}`,
});
const route = (host: string, more: Partial<Route> = {}): Route => ({
  ...{
    host,
    kind: "subdomain",
    routingTarget: "g1",
    state: "live",
    targetId: "t1",
    tenantId: "acme",
    ...more,
  },
});

describe("a plane's routes", () => {
  it("answer a name once, with the newest generation that is live", () => {
    const targetsOf = (...rows: ReturnType<typeof row>[]) =>
      routesOf(rows, []).map(({ targetId }) => targetId);
    expect(targetsOf(row(1, "live"), row(2, "live"))).toEqual(["t2"]);
    expect(targetsOf(row(1, "live"), row(2, "suspended"))).toEqual(["t1"]);
    expect(targetsOf(row(2, "suspended"), row(1, "suspended"))).toEqual(["t2"]);
    expect(targetsOf(row(1, "live", "b", "b"), row(2, "live", "a", "a"))).toEqual(["t2", "t1"]);
  });

  it("have a verified domain as an answer of the same target", () => {
    const domains = [{ tenantId: "acme", domain: "acme.test" }];
    const routes = routesOf([row(1, "suspended"), row(2, "live")], domains);
    expect(routes).toEqual([
      route("acme.example.com", { routingTarget: "g2", targetId: "t2" }),
      route("acme.test", { kind: "domain", routingTarget: "g2", targetId: "t2" }),
    ]);
  });

  it("have no domain of a tenant that does not answer, and none that is another's subdomain", () => {
    const domains = [
      { tenantId: "nobody", domain: "nobody.test" },
      { tenantId: "acme", domain: "other.example.com" },
    ];
    const routes = routesOf([row(1, "live"), row(2, "live", "other.example.com", "other")], domains);
    expect(routes.map(({ host, tenantId }) => [host, tenantId])).toEqual([
      ["acme.example.com", "acme"],
      ["other.example.com", "other"],
    ]);
  });
});

describe("held routes", () => {
  const allowed = (states: Record<string, RouteState>, domains: Record<string, string> = {}) => ({
    states: new Map(Object.entries(states)),
    domains: new Map(Object.entries(domains)),
  });

  it("stay where they were", () => {
    const held = [route("acme.example.com", { routingTarget: "before" })];
    expect(heldRoutes(held, allowed({ t1: "live" }))).toEqual({ routes: held, leftOut: [] });
  });

  it("are answered for as the tenant's life allows, whatever they said", () => {
    const held = [
      route("a.test", { targetId: "gone" }),
      route("b.test", { targetId: "asleep" }),
      route("c.test", { targetId: "awake", state: "suspended" }),
    ];
    const { routes, leftOut } = heldRoutes(held, allowed({ asleep: "suspended", awake: "live" }));
    expect(routes.map(({ host, state }) => [host, state])).toEqual([
      ["b.test", "suspended"],
      ["c.test", "live"],
    ]);
    expect(leftOut).toEqual([{ host: "a.test", targetId: "gone", why: "the target is no longer there" }]);
  });

  it("give no domain to a tenant that has lost it", () => {
    const held = [route("acme.test", { kind: "domain" })];
    expect(heldRoutes(held, allowed({ t1: "live" }, { "acme.test": "acme" })).routes).toEqual(held);
    for (const domains of [{}, { "acme.test": "other" }]) {
      expect(heldRoutes(held, allowed({ t1: "live" }, domains)).routes).toEqual([]);
    }
  });
});

it("tells what is new, gone, other and the same", () => {
  const before = [route("a"), route("b"), route("c")];
  const after = [route("b"), route("c", { state: "suspended" }), route("d")];
  expect(routeDifferences(before, after)).toEqual({
    added: [route("d")],
    removed: [route("a")],
    changed: [{ host: "c", before: route("c"), after: route("c", { state: "suspended" }) }],
    same: 1,
  });
});
