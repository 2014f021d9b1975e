import { afterAll, beforeAll, expect, it } from "vitest";
import type { Tenant } from "../../contract/tenant.ts";
import { Api } from "../../demo/api.ts";
import { overrideEntitlement } from "../../demo/entitlements.ts";
import { denyByPolicy } from "../../demo/policy.ts";
import { rollBackRouting } from "../../demo/routing.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
} from "../service/harness.ts";

/** The parts of the demo that need no engine, against a service that has none. */
let service: TestService;
let api: Api;
let acme: Tenant;
let globex: Tenant;

beforeAll(async () => {
  service = await startTestService(["--reconcile", "off"]);
  await createRelease(service, "1.0.0");
  for (const [slug, plan] of Object.entries({ acme: "starter", globex: "business" }))
    await run(service, `/tenants/${await createTenant(service, slug, { plan })}/activate`);
  api = new Api(service.url(), service.adminKey);
  const { body } = await service.call("GET", `${controlPlane}/tenants?sort=slug`);
  [acme, globex] = body.items;
});
afterAll(() => service.stop());

it("an entitlement is overridden, read and taken back", async () => {
  expect(await overrideEntitlement(api, service.dataDir, acme)).toBeGreaterThanOrEqual(0);
});

it("routing is rolled back, held and released", async () => {
  expect(await rollBackRouting(api, service.dataDir, plane)).toBeGreaterThan(0);
});

it("what policies forbid is denied and recorded", async () => {
  expect(await denyByPolicy(api, service.dataDir, globex)).toBeGreaterThan(0);
});
