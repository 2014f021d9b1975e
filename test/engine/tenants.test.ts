import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLocalCloudRuntime } from "../../service/cloud/localCloudRuntime.ts";
import type { EngineEvent } from "../../service/engine/engine.ts";
import type { PlaneOutputs } from "../../stacks/plane/outputs.ts";
import { specDigest, type TenantSpec } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { groupOf } from "./group.ts";
import { bringUpPlane } from "./plane.ts";
import { type EngineWorld, openWorld, targetOf } from "./world.ts";

/** One tenant's whole life on the real engine, beside another's. The steps build on each other, in order. */
describe("a tenant's stack", () => {
  let world: EngineWorld;
  let plane: PlaneOutputs;
  let acme: TenantSpec;
  let zeta: TenantSpec;
  const listed = async (spec: TenantSpec) => world.cloudResources(spec.tenant.tenantId);

  beforeAll(async () => {
    world = await openWorld();
    await expect(world.engine.planeOutputs({ stack: "dev" })).rejects.toMatchObject({
      code: "plane_not_found",
    });
    plane = await bringUpPlane(world);
    acme = tenantSpec({ plane, tenantId: randomUUID(), slug: "acme" });
    zeta = tenantSpec({ plane, tenantId: randomUUID(), slug: "zeta" });
  });
  afterAll(() => world?.close());

  it("is previewed as all creates, and nothing is there afterwards", async () => {
    const preview = await world.engine.preview(acme);
    expect(preview.changes.length).toBeGreaterThan(20);
    const { groupKey } = groupOf(await world.engine.preview(zeta), zeta);
    expect(groupOf(preview, acme)).toMatchObject({ groupKey });
    expect(new Set(preview.changes.map((change) => change.op))).toEqual(new Set(["create"]));
    expect(preview.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(await listed(acme)).toEqual([]);
    expect(await world.engine.inspect(targetOf(acme))).toMatchObject({ exists: false });
  });

  it("is created beside another's, with events, outputs and healthy services", async () => {
    const events: EngineEvent[] = [];
    const [created] = await Promise.all([
      world.engine.up(acme, { onEvent: (event) => events.push(event) }),
      world.engine.up(zeta),
    ]);
    expect(created).toMatchObject({
      changed: true,
      outputs: { tenantId: acme.tenant.tenantId, specDigest: specDigest(acme) },
    });
    const done = events.filter(
      (event) => event.type === "resource" && event.status === "done" && event.op === "create",
    );
    expect(done.length).toBeGreaterThanOrEqual(created.resources);
    expect(events.at(-1)).toMatchObject({ type: "summary", summary: created.summary });
    expect((await listed(acme)).length).toBeGreaterThan(15);
    expect((await listed(zeta)).length).toBe((await listed(acme)).length);
    const runtime = createLocalCloudRuntime({ controlUrl: async () => world.controlUrl });
    const query = { region: plane.region, cluster: plane.clusterName, tenantId: acme.tenant.tenantId };
    await expect
      .poll(async () => (await runtime.serviceHealth(query)).map((service) => service.healthy), {
        timeout: 20_000,
      })
      .toEqual([true, true, true, true, true]);
  });

  it("stays as it is when applied again, and shows no drift", async () => {
    expect(await world.engine.up(acme)).toMatchObject({ changed: false });
    const drift = await world.engine.drift(targetOf(acme));
    expect(drift.findings).toEqual([]);
    expect(drift.checked).toBeGreaterThan(20);
    expect(await world.engine.outputs(targetOf(acme))).toMatchObject({ planeName: plane.planeName });
  });

  it("shows what was changed and deleted out of band, per property, and is repaired", async () => {
    const resources = await listed(acme);
    const logs = resources.find((item) => item.type === "aws:cloudwatch/logGroup:LogGroup");
    const queue = resources.find(
      (item) => item.type === "aws:sqs/queue:Queue" && !/dead|dlq/i.test(item.name),
    );
    if (!logs || !queue) throw new Error("Cannot drift: the tenant must have a log group and a queue");
    const at = (item: typeof logs) =>
      `/v1/resources/one?type=${item.type}&region=${item.region}&id=${encodeURIComponent(item.id)}`;
    await world.control("PATCH", at(logs), { properties: { retentionInDays: 1 } });
    await world.control("DELETE", at(queue));

    const { findings } = await world.engine.drift(targetOf(acme));
    expect(findings).toHaveLength(2);
    expect(findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          kind: "deleted",
          resourceType: queue.type,
          physicalId: queue.id,
          properties: [],
        }),
        expect.objectContaining({
          kind: "changed",
          resourceType: logs.type,
          properties: [{ path: "retentionInDays", recorded: plane.logRetentionDays, actual: 1 }],
        }),
      ]),
    );
    expect((await world.engine.drift(targetOf(zeta))).findings).toEqual([]);

    expect(await world.engine.repair(acme)).toMatchObject({ changed: true });
    expect((await world.engine.drift(targetOf(acme))).findings).toEqual([]);
    expect((await listed(acme)).map((item) => item.name).sort()).toEqual(
      resources.map((item) => item.name).sort(),
    );
  });

  it("takes a new release in place, as previewed", async () => {
    const next = { ...acme, release: tenantSpec({ releaseNumber: 2 }).release };
    const preview = await world.engine.preview(next);
    const services = preview.changes.filter((change) => change.resourceType === "aws:ecs/service:Service");
    expect(services.map((change) => change.op)).toEqual(Array(5).fill("update"));
    expect((await world.engine.preview(next)).digest).toBe(preview.digest);
    const group = groupOf(preview, next, acme);
    const other = { ...zeta, release: next.release };
    const { groupKey } = groupOf(await world.engine.preview(other), other, zeta);
    expect(group).toMatchObject({ groupKey });
    const { values } = group.changes.find(({ op }) => op === "replace") ?? { values: [] };
    expect(values).toContainEqual({
      path: expect.stringMatching(/^containerDefinitions\.[a-z-]+-(service|worker)\.image$/),
      old: expect.stringMatching(/:1\.0\.0$/),
      new: expect.stringMatching(/:2\.0\.0$/),
    });
    const result = await world.engine.up(next);
    expect(result).toMatchObject({ changed: true, outputs: { releaseNumber: 2 } });
    acme = next;
  });

  it("is not run with a spec of another plane, nor destroyed for another tenant", async () => {
    const elsewhere = { ...acme, environment: "prod" as const };
    await expect(world.engine.up(elsewhere)).rejects.toMatchObject({ code: "identity_mismatch" });
    const wrong = { ...targetOf(acme), tenantId: zeta.tenant.tenantId };
    await expect(world.engine.destroy(wrong)).rejects.toMatchObject({ code: "identity_mismatch" });
    expect((await listed(acme)).length).toBeGreaterThan(15);
  });

  it("is destroyed with everything in it, twice with the same end, and the other's is untouched", async () => {
    const before = await listed(zeta);
    const target = { ...targetOf(acme), tenantId: acme.tenant.tenantId };
    const destroyed = await world.engine.destroy(target);
    expect(destroyed).toMatchObject({ existed: true });
    expect(destroyed.deleted).toBeGreaterThan(20);
    expect((await listed(acme)).filter((item) => item.state === "present")).toEqual([]);
    expect(await world.engine.inspect(target)).toMatchObject({ exists: false });
    expect(await world.engine.destroy(target)).toMatchObject({ deleted: 0, summary: {}, existed: false });
    expect(await listed(zeta)).toEqual(before);
  });
});
