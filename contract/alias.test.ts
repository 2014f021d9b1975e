import { expect, it } from "vitest";
import { aliasOf, canonicalPath } from "./alias.ts";

it("gives tenants a second path, and nothing else", () => {
  expect(canonicalPath("/api/tenants")).toBe("/v1/control-plane/tenants");
  expect(canonicalPath("/api/tenants?limit=1")).toBe("/v1/control-plane/tenants?limit=1");
  expect(canonicalPath("/api/tenants/a/activate")).toBe("/v1/control-plane/tenants/a/activate");
  for (const path of [
    "/api/tenantsx",
    "/api/tenant",
    "/API/tenants",
    "/x/api/tenants",
    "/v1/control-plane/tenants",
  ])
    expect(canonicalPath(path)).toBe(path);
  expect(aliasOf("/v1/control-plane/tenants/:tenantId")).toBe("/api/tenants/:tenantId");
  expect(aliasOf("/v1/control-plane/releases")).toBeUndefined();
});
