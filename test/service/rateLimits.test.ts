import { afterEach, expect, it } from "vitest";
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

it("a key gets so many answers about a tenant at an endpoint as plan or override say", async () => {
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
