import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  controlPlane,
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
const post = (at: string, body: object = {}) => service.call("POST", `${controlPlane}${at}`, { body });

describe("placing a tenant", () => {
  it("chooses a plane by its regions when none is named, and keeps the reasons", async () => {
    await run(service, `/tenants/${await createTenant(service, "first-here")}/activate`);
    const regions = { allowed: ["eu-west-1", "eu-central-1"], preferred: ["eu-west-1"] };
    const tenantId = await createTenant(service, "by-region", { planes: [], regions });
    const [operation] = await run(service, `/tenants/${tenantId}/activate`);
    expect(operation).toMatchObject({ planeName: plane, status: "succeeded" });
    const { items } = await get(`/tenants/${tenantId}/placements`);
    expect(items).toMatchObject([
      { planeName: plane, generation: 1, isolation: { level: "pooled", bucket: "shared" } },
    ]);
    expect(items[0].reasons[0]).toBe("Region eu-west-1: number 1 of the preferred eu-west-1");
    expect(items[0].reasons).toContain("Isolation pooled: the tenant's record, offered by the plan starter");
  });

  it("says what would be legal when no plane is, and creates nothing", async () => {
    const regions = { allowed: ["us-east-1"], preferred: [] };
    const tenantId = await createTenant(service, "nowhere", { planes: [], regions });
    const unnamed = await post(`/tenants/${tenantId}/activate`);
    expect(unnamed).toMatchObject({ status: 409, body: { code: "no_plane_in_region" } });
    expect(unnamed.body.detail).toContain("there is dev-eu-west-1 (eu-west-1)");
    const named = await post(`/tenants/${tenantId}/activate`, { planes: [plane] });
    expect(named).toMatchObject({ status: 409, body: { code: "region_not_allowed" } });
    expect(await get(`/tenants/${tenantId}/targets`)).toMatchObject({ items: [] });
    expect(await get(`/tenants/${tenantId}/placements`)).toMatchObject({ items: [] });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "draft", requestedStatus: "draft" });
  });

  it("deploys what the placement says, and keeps to it", async () => {
    const more = { plan: "enterprise", isolation: "dedicated" };
    const tenantId = await createTenant(service, "own-things", more);
    await run(service, `/tenants/${tenantId}/activate`);
    const [placement] = (await get(`/tenants/${tenantId}/placements`)).items;
    expect(placement.isolation).toMatchObject({ level: "dedicated", network: "vpc", database: "own" });
    const spec = [...service.world.stacks.values()].find(
      (stack) => stack.spec.tenant.tenantId === tenantId,
    )?.spec;
    expect(spec?.isolation).toEqual(placement.isolation);

    const patch = (body: object) => service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body });
    const change = await patch({ isolation: "pooled" });
    expect(change).toMatchObject({ status: 409, body: { code: "isolation_change_needs_migration" } });
    await run(service, `/tenants/${tenantId}/deploy`, { force: true });
    expect((await get(`/tenants/${tenantId}/placements`)).items).toEqual([placement]);
  });

  it("shuts a dedicated tenant's users out at its own load balancer, and lets them in again", async () => {
    const more = { plan: "enterprise", isolation: "dedicated", suspensionMode: "access" };
    const tenantId = await createTenant(service, "own-entry", more);
    await run(service, `/tenants/${tenantId}/activate`);
    const spec = () =>
      [...service.world.stacks.values()].find((stack) => stack.spec.tenant.tenantId === tenantId)?.spec;
    await run(service, `/tenants/${tenantId}/suspend`, { reason: "unpaid" });
    expect(spec()).toMatchObject({ access: "suspended", workload: "running" });
    await run(service, `/tenants/${tenantId}/reactivate`);
    expect(spec()).toMatchObject({ access: "open", workload: "running" });
  });

  it("refuses an isolation that the plan does not offer", async () => {
    const body = { slug: "too-much", displayName: "x", plan: "starter", isolation: "hybrid" };
    expect(await post("/tenants", body)).toMatchObject({
      status: 422,
      body: { code: "isolation_not_in_plan", errors: [{ path: "body.isolation" }] },
    });
  });

  it("keeps the account tier waiting for a plane of its own", async () => {
    const more = { plan: "enterprise", isolation: "account", planes: [] };
    const tenantId = await createTenant(service, "strictest", more);
    const refused = await post(`/tenants/${tenantId}/activate`);
    expect(refused).toMatchObject({ status: 409, body: { code: "no_plane_in_region" } });
    expect(refused.body.hint).toContain("tenantry:dedicatedTo");
    expect(await post(`/tenants/${tenantId}/activate`, { planes: [plane] })).toMatchObject({
      status: 409,
      body: { code: "plane_not_dedicated" },
    });
  });

  it("is told of a tenant that is not there", async () => {
    const at = `${controlPlane}/tenants/00000000-0000-4000-8000-000000000009/placements`;
    expect(await service.call("GET", at)).toMatchObject({ status: 404, body: { code: "tenant_not_found" } });
  });
});
