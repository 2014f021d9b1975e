import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlPlane, plane, releaseBody, waitFor } from "../service/harness.ts";
import { bringUpPlane, createRealService } from "../service/realService.ts";
import { createRolloutClient } from "../service/rollouts.ts";

/**
 * A fleet of forty on the real engine and the local cloud. A release with a bad image is stopped by its canary and taken back; a good one
 * gets through although it is paused and the service is killed on the way. The steps build on each other, in order.
 */
const TENANTS = 40;
/** Forty stacks are made, previewed twice and changed once: about eighty seconds where two cores are free. */
const LIMIT_MS = 900_000;
const flags = [
  ...["--steady-poll-ms", "50", "--gate-poll-ms", "200", "--health-poll-ms", "600000", "--reconcile", "off"],
  ...["--concurrency", "2", "--engine-workers", "2"],
];

const service = createRealService();
const { call, control } = service;
const rollouts = createRolloutClient(call, LIMIT_MS);
const tenants: string[] = [];

beforeAll(async () => {
  await bringUpPlane(service.dataDir);
  await service.start(flags);
  await control("PUT", "/v1/profile", { ecsSteadyMs: 50 });
  await call("POST", "/releases", releaseBody("1.0.0"));
  for (let place = 1; place <= TENANTS; place += 1) {
    const slug = `fleet-${String(place).padStart(2, "0")}`;
    const body = { slug, displayName: slug, plan: "starter", planes: [plane] };
    tenants.push((await call("POST", "/tenants", body)).body.tenantId);
  }
  for (const tenantId of tenants) await call("POST", `/tenants/${tenantId}/activate`, {});
  await waitFor(
    "forty active tenants",
    async () => {
      const { body } = await call("GET", "/tenants?status=active&limit=200");
      return body.items.length === TENANTS ? true : undefined;
    },
    LIMIT_MS,
  );
}, LIMIT_MS);
afterAll(() => service.cleanUp());

/** The tenants that run images of a version in all of their services, as the cloud itself tells. */
async function tenantsOn(version: string): Promise<Set<string>> {
  const { services } = (await control("GET", "/v1/ecs/services?limit=500")) as {
    services: { images: string[]; tags: Record<string, string>; healthy: boolean }[];
  };
  const own = services.filter(({ tags }) => tags["tenantry:tenant-id"] !== undefined);
  const others = own.filter(
    ({ images, healthy }) => !healthy || !images.every((image) => image.includes(`:${version}`)),
  );
  const off = new Set(others.map(({ tags }) => tags["tenantry:tenant-id"] ?? ""));
  return new Set(own.map(({ tags }) => tags["tenantry:tenant-id"] ?? "").filter((id) => !off.has(id)));
}

describe("a fleet of forty", () => {
  it(
    "stops a release with a bad image in its canary, takes it back and says who failed and why",
    async () => {
      const bad = releaseBody("2.0.0");
      bad.services["iam-service"] = { image: "registry.invalid/iam-service:2.0.0", environment: {} };
      const release = await call("POST", "/releases", bad);
      expect(release).toMatchObject({ status: 201, body: { number: 2 } });
      const done = await rollouts.run({
        change: { kind: "release", releaseNumber: 2 },
        onExceeded: "rollback",
      });
      expect(done, service.troubles()).toMatchObject({
        ...{ status: "rolled_back", targetCount: TENANTS, currentWave: 1 },
        counts: { rolled_back: 1, skipped: TENANTS - 1, failed: 0 },
      });
      const [canary] = await rollouts.targets(done.rolloutId, "?wave=1");
      expect(done.statusReason).toContain(`tenant ${canary.tenantId} failed on ${plane}`);
      expect(done.statusReason).toContain("CannotPullContainerError");
      expect(done.statusReason).toContain("registry.invalid/iam-service:2.0.0");
      expect((await tenantsOn("1.0.0")).size).toBe(TENANTS);
      const { items } = await rollouts.get(`/rollouts/${done.rolloutId}/preview`);
      expect(items.map(({ tenantCount }: { tenantCount: number }) => tenantCount)).toEqual([TENANTS]);
    },
    LIMIT_MS,
  );

  it(
    "brings a good one to all, through a pause and a kill of the service",
    async () => {
      await call("POST", "/releases", releaseBody("3.0.0"));
      const rollout = await rollouts.previewed({
        change: { kind: "release", releaseNumber: 3 },
        maxConcurrency: 2,
      });
      expect(rollout).toMatchObject({ status: "previewed", counts: { pending: TENANTS } });
      await rollouts.start(rollout);
      const { rolloutId } = rollout;
      await rollouts.until(rolloutId, ({ counts }) => counts.succeeded + counts.baking >= 6);
      expect(await rollouts.post(`/rollouts/${rolloutId}/pause`)).toMatchObject({ status: 202 });
      await service.signal("SIGKILL");
      await service.start(flags);
      const paused = await rollouts.until(rolloutId, ({ counts }) => counts.running === 0);
      expect(paused).toMatchObject({ status: "paused", counts: { failed: 0, skipped: 0 } });
      const begun = TENANTS - paused.counts.pending;
      expect(begun).toBeLessThan(TENANTS);
      expect(await rollouts.post(`/rollouts/${rolloutId}/resume`)).toMatchObject({ status: 202 });
      const done = await rollouts.ended(rolloutId);
      expect(done, service.troubles()).toMatchObject({ status: "succeeded", counts: { succeeded: TENANTS } });
      expect(done.waves.map(({ size }: { size: number }) => size)).toEqual([1, 4, 20, 15]);

      expect([...(await tenantsOn("3.0.0"))].sort()).toEqual([...tenants].sort());
      const targets = await rollouts.targets(rolloutId, "?limit=200");
      expect(targets.every(({ attempt }: { attempt: number }) => attempt === 1)).toBe(true);
      const { body } = await call("GET", `/operations?rolloutId=${rolloutId}&limit=200`);
      expect(body.items).toHaveLength(TENANTS);
      const audit = await call("GET", "/audit/verification");
      expect(audit.status, controlPlane).toBe(200);
    },
    LIMIT_MS,
  );
});
