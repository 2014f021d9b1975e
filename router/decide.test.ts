import { describe, expect, it } from "vitest";
import { decide, hostName } from "./decide.ts";
import type { RoutingTable } from "./snapshot.ts";

const entry = (host: string, state: "live" | "suspended", kind: "subdomain" | "domain" = "subdomain") => ({
  ...{ host, state, kind, tenantId: host },
  routingTarget: `${host.split(".")[0]}.internal`,
  targetId: `target-of-${host}`,
});
const table: RoutingTable = {
  ...{ planeName: "dev-eu-west-1", version: 1, checksum: "", publishedAt: "" },
  ...{ restores: null, sharedHost: "go.example.com" },
  hosts: new Map([
    ["acme.example.com", entry("acme.example.com", "live")],
    ["asleep.example.com", entry("asleep.example.com", "suspended")],
    ["acme.test", entry("acme.test", "live", "domain")],
    ["own.example.com", entry("own.example.com", "live", "domain")],
  ]),
  services: new Set(["iam-service", "audit-service"]),
};
const ask = (host: string | undefined, url: string, known: RoutingTable | undefined = table) =>
  decide(known, { host, url, healthPath: "/healthz" });

describe("decide", () => {
  it.each([
    ["/iam-service/v1/users?page=2", "/v1/users?page=2"],
    ["/iam-service/", "/"],
    ["/iam-service", "/"],
    ["/iam-service?x=1", "/?x=1"],
    ["/iam-service//twice", "//twice"],
    ["/iam-service/%2e%2e/audit-service", "/%2e%2e/audit-service"],
    ["http://other.example.com/iam-service/a", "/a"],
  ])("forwards %s as %s", (url, path) => {
    expect(ask("acme.example.com", url)).toEqual({
      kind: "forward",
      service: "iam-service",
      targetId: "target-of-acme.example.com",
      name: "iam-service.acme.internal",
      prefix: "/iam-service",
      path,
    });
  });

  it.each([
    ["/", "unknown_service"],
    ["/billing/x", "unknown_service"],
    ["/IAM-service/x", "unknown_service"],
    ["/iam-service%2Fx", "unknown_service"],
    ["*", "unknown_service"],
  ])("knows no service in %s", (url, code) => {
    expect(ask("acme.example.com", url)).toMatchObject({ kind: "problem", code });
  });

  it("answers for the host alone when the tenant is suspended", () => {
    expect(ask("asleep.example.com", "/iam-service/x")).toMatchObject({ code: "tenant_suspended" });
    expect(ask("asleep.example.com", "/healthz")).toMatchObject({ code: "tenant_suspended" });
  });

  it("takes the health path only where no tenant answers", () => {
    expect(ask("10.0.0.7:8080", "/healthz?deep=1")).toEqual({ kind: "health" });
    expect(ask(undefined, "/healthz")).toEqual({ kind: "health" });
    expect(ask("acme.example.com", "/healthz")).toMatchObject({ code: "unknown_service" });
  });

  it("tells no routing from no tenant", () => {
    const nothing = { host: "acme.example.com", url: "/iam-service", healthPath: "/healthz" };
    expect(decide(undefined, nothing)).toMatchObject({ code: "routing_unavailable" });
    expect(ask("nobody.example.com", "/iam-service")).toMatchObject({ code: "unknown_host" });
    expect(ask(undefined, "/iam-service")).toMatchObject({ code: "bad_host" });
  });
});

describe("the shared host", () => {
  const shared = (url: string, tenant?: string) =>
    decide(table, { host: "GO.example.com:443", url, healthPath: "/healthz", ...(tenant && { tenant }) });

  it.each([
    ["/acme/iam-service/v1/users?page=2", undefined, "/v1/users?page=2", "/acme/iam-service"],
    ["/acme/iam-service", undefined, "/", "/acme/iam-service"],
    ["/acme/iam-service?x=1", undefined, "/?x=1", "/acme/iam-service"],
    ["/iam-service/v1", "acme", "/v1", "/iam-service"],
    ["/asleep/iam-service/v1", "acme", undefined, undefined],
  ])("finds the tenant in %s, or in the header %s", (url, tenant, path, prefix) => {
    const decision = shared(url, tenant);
    if (path === undefined) expect(decision).toMatchObject({ code: "unknown_service" });
    else {
      expect(decision).toMatchObject({ kind: "forward", name: "iam-service.acme.internal", path, prefix });
    }
  });

  it.each([
    ["/", undefined],
    ["/nobody/iam-service", undefined],
    ["/ACME/iam-service", undefined],
    ["/acme%2Fx/iam-service", undefined],
    ["/acme.test/iam-service", undefined],
    ["/own/iam-service", undefined],
    ["/iam-service", "acme, other"],
    ["/iam-service", ""],
    ["/iam-service", "acme.example.com#"],
    ["/healthz", undefined],
  ])("knows nobody in %s with the header %s", (url, tenant) => {
    const asked = { host: "go.example.com", url, healthPath: "/healthz", tenant };
    expect(decide(table, asked)).toMatchObject({ code: "unknown_host" });
  });

  it("tells a suspended tenant, and a service that is not there", () => {
    expect(shared("/asleep/iam-service/x")).toMatchObject({ code: "tenant_suspended" });
    expect(shared("/acme/billing/x")).toMatchObject({ code: "unknown_service" });
    expect(shared("/acme")).toMatchObject({ code: "unknown_service" });
  });

  it("is not what a header makes of a tenant's own host", () => {
    const asked = {
      host: "acme.example.com",
      url: "/iam-service/",
      healthPath: "/healthz",
      tenant: "asleep",
    };
    expect(decide(table, asked)).toMatchObject({ kind: "forward", name: "iam-service.acme.internal" });
  });
});

it("answers for its own health on no name that could be a tenant's", () => {
  const asked = { url: "/healthz", healthPath: "/healthz", publicDomain: "example.com" };
  expect(decide(table, { ...asked, host: "nobody.example.com" })).toMatchObject({ code: "unknown_host" });
  expect(decide(table, { ...asked, host: "10.0.0.7" })).toEqual({ kind: "health" });
});

it.each([
  ["ACME.example.com", "acme.example.com"],
  ["acme.example.com.", "acme.example.com"],
  ["acme.example.com:443", "acme.example.com"],
  ["acme.example.com.:443", "acme.example.com"],
  ["acme.example.com:443:1", undefined],
  ["acme example.com", undefined],
  ["user@acme.example.com", undefined],
  ["", undefined],
  [undefined, undefined],
])("reads the host %s as %s", (given, name) => {
  expect(hostName(given)).toBe(name);
});
