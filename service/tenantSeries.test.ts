import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { createTenantSeries } from "./tenantSeries.ts";

const place = { environment: "prod", region: "eu-west-1" };

async function tenantsIn(registry: Registry): Promise<string[]> {
  const metrics = await registry.getMetricsAsJSON();
  const labels = metrics.flatMap(({ values }) => values.map(({ labels }) => String(labels.tenant)));
  return [...new Set(labels)].sort();
}

describe("series of tenants", () => {
  it("are held for as many tenants as there are places, whatever is counted", async () => {
    const registry = new Registry();
    const series = createTenantSeries([registry], 3);
    for (let at = 0; at < 50; at += 1) {
      const tenantId = `t${at}`;
      series.request(tenantId, 200);
      series.request(tenantId, 404);
      series.operation({ tenantId, ...place, kind: "tenant_deploy", status: "failed", seconds: 3 });
      series.reconcile({ tenantId, ...place, outcome: "succeeded", seconds: 0.1 });
      series.policy({ tenantId, region: "eu-west-1", decision: "deny", seconds: 0.001 });
    }
    expect(await tenantsIn(registry)).toEqual(["t47", "t48", "t49"]);
  });

  it("stay while something is heard of the tenant, however long ago it came", async () => {
    const registry = new Registry();
    const series = createTenantSeries([registry], 2);
    for (const tenantId of ["first", "t1", "first", "t2", "first", "t3"]) series.request(tenantId, 200);
    expect(await tenantsIn(registry)).toEqual(["first", "t3"]);
    expect(await registry.metrics()).toContain(
      'tenantry_tenant_requests_total{tenant="first",status="2xx"} 3',
    );
  });

  it("add up an operation's time and its end", async () => {
    const registry = new Registry();
    const series = createTenantSeries([registry], 1);
    for (const seconds of [2, 5])
      series.operation({ tenantId: "t", ...place, kind: "tenant_activate", status: "succeeded", seconds });
    const text = await registry.metrics();
    const at = 'tenant="t",environment="prod",region="eu-west-1",kind="tenant_activate"';
    expect(text).toContain(`tenantry_tenant_operations_total{${at},status="succeeded"} 2`);
    expect(text).toContain(`tenantry_tenant_operation_seconds_total{${at}} 7`);
  });

  it("are none at all with no places", async () => {
    const registry = new Registry();
    createTenantSeries([registry], 0).request("t", 200);
    expect(await tenantsIn(registry)).toEqual([]);
  });
});
