import { afterEach, expect, it } from "vitest";
import { describeDialects } from "../registry/support.ts";
import { catalogText } from "../support/plans.ts";
import { controlPlane, createTenant, startTestService, type TestService } from "./harness.ts";

const services: TestService[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});

async function start(...flags: string[]): Promise<TestService> {
  const service = await startTestService(["--reconcile", "off", ...flags]);
  services.push(service);
  return service;
}

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

it("a key gets so many answers a minute, is told what is left, and when to come back", async () => {
  const service = await start("--rate-limit", "3");
  const first = await service.call("GET", `${controlPlane}/tenants`);
  expect(first.headers.get("ratelimit-policy")).toBe('"principal";q=3;w=60');
  expect(first.headers.get("ratelimit")).toMatch(/^"principal";r=2;t=\d+$/);
  const { body } = await service.call("POST", `${controlPlane}/api-keys`, {
    body: { name: "other", role: "auditor" },
  });
  await service.call("GET", `${controlPlane}/tenants`);
  const refused = await service.call("GET", `${controlPlane}/tenants`);
  expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  expect(refused.body.detail).toContain("at most 3 requests with this key are answered in 60 seconds");
  const retryAfterS = Number(refused.headers.get("retry-after"));
  expect(retryAfterS).toBeGreaterThanOrEqual(1);
  expect(retryAfterS).toBeLessThanOrEqual(60);
  expect(refused.headers.get("ratelimit")).toMatch(/^"principal";r=0;t=\d+$/);
  // Another key's count is its own; probes are not counted.
  expect((await service.call("GET", `${controlPlane}/tenants`, { key: body.secret })).status).toBe(200);
  for (let time = 0; time < 5; time += 1) {
    expect((await service.call("GET", "/health")).status).toBe(200);
    expect((await service.call("GET", "/metrics")).status).toBe(200);
  }
  const metrics = await service.call("GET", "/metrics");
  expect(metrics.body).toMatch(/tenantry_rate_limited_requests_total\{limit="principal"\} [1-9]/);
});

async function keyOf(service: TestService, name: string): Promise<string> {
  const { body } = await service.call("POST", `${controlPlane}/api-keys`, {
    body: { name, role: "auditor" },
  });
  return body.secret;
}

it("a tenant gets so many answers at an endpoint as plan or override say", async () => {
  const service = await start();
  const [one, other] = [await createTenant(service, "one"), await createTenant(service, "other")];
  const planned = await service.call("GET", `${controlPlane}/tenants/${other}`);
  expect(planned.headers.get("ratelimit-policy")).toMatch(/^"principal";q=600000;w=60, "tenant";q=\d+;w=60$/);
  const made = await service.call("POST", `${controlPlane}/limit-overrides`, {
    body: {
      tenantId: one,
      limit: { kind: "rate", operationId: "tenantGet", requests: 2, windowSeconds: 30 },
      ...{ reason: "it polls too much", expiresAt: inAnHour() },
    },
  });
  expect(made.status).toBe(201);
  const get = (tenantId: string, rest = "") =>
    service.call("GET", `${controlPlane}/tenants/${tenantId}${rest}`);
  const answers = [await get(one), await get(one), await get(one)];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(answers[0]?.headers.get("ratelimit-policy")).toContain('"tenant";q=2;w=30');
  expect(answers[2]?.body.hint).toContain("limit-overrides");
  expect(Number(answers[2]?.headers.get("retry-after"))).toBeLessThanOrEqual(30);
  expect((await get(other)).status).toBe(200);
  expect((await get(one, "/targets")).status).toBe(200);
});

it("a plan gives an endpoint another bound, and it is the tenant's: other keys do not give it again", async () => {
  const service = await start();
  const [starter = ""] = catalogText.split("\n---\n");
  const raw = starter
    .replace("key: starter", "key: narrow")
    .replace(
      "  rateLimits:",
      "  rateLimits:\n    endpoints: { tenantGet: { requests: 2, windowSeconds: 40 } }",
    );
  const headers = { "content-type": "application/yaml" };
  expect((await service.call("POST", `${controlPlane}/plans/apply`, { raw, headers })).status).toBe(200);
  const tenantId = await createTenant(service, "narrowed", { plan: "narrow" });
  const get = (key: string, rest = "") =>
    service.call("GET", `${controlPlane}/tenants/${tenantId}${rest}`, { key });
  const [one, two] = [await keyOf(service, "one"), await keyOf(service, "two")];
  const first = await get(one);
  expect(first.headers.get("ratelimit-policy")).toContain('"tenant";q=2;w=40');
  expect((await get(two)).headers.get("ratelimit")).toMatch(/"tenant";r=0;t=\d+$/);
  for (const key of [one, two, service.adminKey])
    expect(await get(key)).toMatchObject({
      ...{
        status: 429,
        body: { detail: expect.stringContaining("2 requests about this tenant at this endpoint") },
      },
    });
  const others = await get(one, "/targets");
  expect(others.headers.get("ratelimit-policy")).toContain('"tenant";q=6000;w=60');
});

describeDialects(
  "on PostgreSQL",
  (create) => {
    it("what a key and a tenant have left is counted over all services", async () => {
      const { location } = await create();
      if (!("url" in location)) throw new Error("this is PostgreSQL's");
      const flags = ["--reconcile", "off", "--database-url", location.url, "--rate-limit", "4"];
      const [first, second] = [
        await startTestService(flags, { location }),
        await startTestService(flags, { location }),
      ];
      services.push(first, second);
      const { adminKey } = first;
      const [one, two] = [await keyOf(first, "one"), await keyOf(first, "two")];
      const tenantId = await createTenant(first, "shared");
      const limit = { kind: "rate", operationId: "tenantGet", requests: 3, windowSeconds: 600 };
      const body = { tenantId, limit, reason: "a test", expiresAt: inAnHour() };
      // The key that makes it has used up its four requests by now, in both services.
      expect((await first.call("POST", `${controlPlane}/limit-overrides`, { body })).status).toBe(201);
      const list = await second.call("GET", `${controlPlane}/tenants`, { key: adminKey });
      expect(list).toMatchObject({ status: 429, body: { code: "rate_limited" } });
      const get = async (service: TestService, key: string) =>
        (await service.call("GET", `${controlPlane}/tenants/${tenantId}`, { key })).status;
      expect([await get(first, one), await get(second, two), await get(first, two)]).toEqual([200, 200, 200]);
      expect([await get(second, one), await get(first, two)]).toEqual([429, 429]);
    });
  },
  "postgresql",
);

it("an address gets so many answers without a valid key, and as many as it likes with one", async () => {
  const service = await start("--rate-limit-address", "3");
  const knock = (key: string | null) => service.call("GET", `${controlPlane}/tenants`, { key });
  const statuses: number[] = [];
  for (const key of [null, "tk_wrong", "x", null]) statuses.push((await knock(key)).status);
  expect(statuses).toEqual([401, 401, 401, 429]);
  expect((await service.call("GET", `${controlPlane}/tenants`)).status).toBe(200);
  expect((await service.call("GET", "/openapi.json", { key: null })).status).toBe(429);
  expect((await service.call("GET", "/health", { key: null })).status).toBe(200);
  const trusting = await start("--rate-limit-address", "2", "--trusted-proxies", "1");
  const from = (address: string) =>
    trusting.call("GET", `${controlPlane}/tenants`, { key: null, headers: { "x-forwarded-for": address } });
  expect([(await from("192.0.2.1")).status, (await from("192.0.2.1")).status]).toEqual([401, 401]);
  expect((await from("192.0.2.1")).status).toBe(429);
  expect((await from("192.0.2.2")).status).toBe(401);
});

it("nobody is limited when the bounds are zero", async () => {
  const service = await start("--rate-limit", "0", "--rate-limit-address", "0");
  for (let time = 0; time < 20; time += 1) {
    expect((await service.call("GET", `${controlPlane}/tenants`)).status).toBe(200);
    expect((await service.call("GET", `${controlPlane}/tenants`, { key: null })).status).toBe(401);
  }
});
