import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlPlane, startTestService, type TestService } from "../service/harness.ts";
import { operations } from "./document.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

const body = (slug: string) => ({ slug, displayName: slug, plan: "starter" });

describe("/api/tenants", () => {
  it("is the same resource", async () => {
    const made = await service.call("POST", "/api/tenants", { body: body("acme") });
    expect(made.status).toBe(201);
    const { tenantId } = made.body;
    const canonical = await service.call("GET", `${controlPlane}/tenants/${tenantId}`);
    const alias = await service.call("GET", `/api/tenants/${tenantId}`);
    expect(alias.body).toEqual(canonical.body);
    expect(alias.headers.get("etag")).toBe(canonical.headers.get("etag"));
    const page = await service.call("GET", "/api/tenants?limit=1");
    expect(page.body.items).toEqual([canonical.body]);
  });

  it("shares idempotency: a key used there is used here", async () => {
    const headers = { "idempotency-key": "one-key" };
    const first = await service.call("POST", "/api/tenants", { body: body("globex"), headers });
    const again = await service.call("POST", `${controlPlane}/tenants`, { body: body("globex"), headers });
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const other = await service.call("POST", `${controlPlane}/tenants`, { body: body("initech"), headers });
    expect(other.body.code).toBe("idempotency_key_reuse");
  });

  it("asks for the same key, method and shape", async () => {
    expect((await service.call("GET", "/api/tenants", { key: null })).status).toBe(401);
    expect((await service.call("PUT", "/api/tenants")).body.code).toBe("method_not_allowed");
    expect((await service.call("GET", "/api/tenants?surprise=1")).body.code).toBe("invalid_request");
    expect((await service.call("GET", "/api/tenantsx")).body.code).toBe("route_not_found");
  });

  it("is named by the description of every operation of tenants, and of no other", () => {
    for (const { path, alsoAt } of operations) {
      const isTenants = path === `${controlPlane}/tenants` || path.startsWith(`${controlPlane}/tenants/`);
      expect(alsoAt).toBe(isTenants ? path.replace(`${controlPlane}/tenants`, "/api/tenants") : undefined);
    }
  });
});

describe("the interactive page", () => {
  it("may ask the service it came from, and loads and runs nothing else's", async () => {
    const page = await service.call("GET", "/docs", { key: null });
    expect(page.status).toBe(200);
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toContain("script-src 'self';");
    expect(page.body).not.toMatch(/<script(?![^>]* src=)|\son\w+=|https?:\/\//);
    const files = [...String(page.body).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, at = ""]) => at);
    expect(files).toContain("/docs/start.js");
    for (const file of files) {
      const found = await service.call("GET", file, { key: null });
      expect(found.status, file).toBe(200);
      expect(found.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  it("can try every operation: its key goes as the header that the service reads", async () => {
    const { components } = (await service.call("GET", "/openapi.json", { key: null })).body;
    expect(components.securitySchemes.apiKey).toMatchObject({ type: "http", scheme: "bearer" });
    const headers = { authorization: `Bearer ${service.adminKey}`, accept: "application/json" };
    const tried = await service.call("GET", "/v1/control-plane/integrations", { key: null, headers });
    expect(tried.status).toBe(200);
    expect(tried.body.items.length).toBeGreaterThan(5);
  });
});
