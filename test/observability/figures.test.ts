import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  startTestService,
  type TestService,
} from "../service/harness.ts";

let service: TestService;
let tenantId: string;
const place = 'environment="dev",region="eu-west-1"';

beforeAll(async () => {
  service = await startTestService(["--reconcile", "off"]);
  await createRelease(service, "1.0.0");
  tenantId = await createTenant(service, "acme");
  service.world.failures = [new EngineError("provider_denied", "the provider said no")];
  for (let tries = 0; tries < 2; tries += 1) await activate();
});
afterAll(() => service.stop());

async function activate(): Promise<void> {
  const { body } = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} });
  await ended(service, body.operations[0].operationId);
}

async function metrics(): Promise<string> {
  const { body } = await service.call("GET", "/metrics");
  return body as string;
}

describe("/metrics", () => {
  it("counts operations by place, and by tenant for those lately heard of", async () => {
    const text = await metrics();
    const kind = 'kind="tenant_activate"';
    expect(text).toContain(
      `tenantry_operation_duration_seconds_count{${kind},status="succeeded",${place}} 1`,
    );
    expect(text).toContain(`tenantry_operation_wait_seconds_count{${place}} 2`);
    const own = `tenant="${tenantId}",${place},${kind}`;
    expect(text).toContain(`tenantry_tenant_operations_total{${own},status="failed"} 1`);
    expect(text).toContain(`tenantry_tenant_operations_total{${own},status="succeeded"} 1`);
  });

  it("counts requests about a tenant, by whatever they name it", async () => {
    const counted = async () => {
      const series = `tenantry_tenant_requests_total{tenant="${tenantId}",status="2xx"} `;
      return Number((await metrics()).split(series)[1]?.split("\n")[0]);
    };
    const before = await counted();
    const { body } = await service.call("GET", `${controlPlane}/operations?tenantId=${tenantId}`);
    await service.call("GET", `${controlPlane}/operations/${body.items[0].operationId}`);
    await service.call("GET", `${controlPlane}/tenants/${tenantId}`);
    await service.call("GET", `${controlPlane}/tenants`);
    expect(await counted()).toBe(before + 3);
  });

  it("has the fleet by state and status, and events that nobody takes wait for nothing", async () => {
    const text = await metrics();
    expect(text).toContain(`tenantry_targets_by_state{${place},state="ready"} 1`);
    expect(text).toContain('tenantry_tenants_by_status{status="active"} 1');
    expect(text).toMatch(/^tenantry_outbox_events_pending [1-9]/m);
    expect(text).toContain("tenantry_outbox_oldest_pending_seconds 0\n");
    expect(text).toMatch(/^tenantry_controller_pass_duration_seconds_count\{controller="rollouts"/m);
  });

  it("gives no place to an id that is no tenant's", async () => {
    const nobody = "00000000-0000-4000-8000-000000000000";
    await service.call("GET", `${controlPlane}/tenants/${nobody}`);
    await service.call("GET", `${controlPlane}/tenants/${nobody}`, { key: null });
    const body = { limit: "no number" };
    await service.call("PATCH", `${controlPlane}/tenants/${nobody}`, { body });
    expect(await metrics()).not.toContain(nobody);
  });
});
