import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CloudRuntime, USAGE_NAMES, type UsageName } from "../../service/cloud/cloudRuntime.ts";

/** One cloud with the same things in it, however they came there. */
export interface CloudWorld {
  readonly runtime: CloudRuntime;
  readonly region: string;
  readonly accountId: string;
  readonly cluster: string;
  /** Owns services `one` (desired 1) and `two` (desired 0), queue, role and two secrets: `kept` and `dropped`. */
  readonly tenantId: string;
  /** Owns one service in the same cluster. */
  readonly otherTenantId: string;
  /** False where services stay pending for ever. */
  readonly settles: boolean;
  close(): Promise<void>;
}

const SETTLE_LIMIT_MS = 20_000;

/** What every CloudRuntime promises. Differences between clouds are named in the world, not hidden. */
export function describeCloudRuntime(name: string, open: () => Promise<CloudWorld>): void {
  describe(`CloudRuntime on ${name}`, () => {
    let world: CloudWorld;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world?.close());

    it("tells the health of one tenant's services and of no other's", async () => {
      const { runtime, region, cluster, tenantId, settles } = world;
      const read = () => runtime.serviceHealth({ region, cluster, tenantId });
      await expect
        .poll(async () => (await read()).every((service) => service.steady), {
          timeout: settles ? SETTLE_LIMIT_MS : 1,
        })
        .toBe(settles)
        .catch((error) => (settles ? Promise.reject(error) : undefined));
      const services = await read();
      expect(services.map((service) => service.name)).toEqual(["one", "two"]);
      expect(services.map((service) => service.desired)).toEqual([1, 0]);
      for (const service of services) {
        expect(service.arn).toMatch(/^arn:aws:ecs:/);
        expect(service.healthy).toBe(service.steady);
        expect(service.reason === undefined).toBe(service.healthy);
      }
      expect(services[0]?.healthy).toBe(settles);
    });

    it("reads only the services it was given, and only this tenant's", async () => {
      const { runtime, region, cluster, tenantId, otherTenantId } = world;
      const [one] = await runtime.serviceHealth({ region, cluster, tenantId });
      const [foreign] = await runtime.serviceHealth({ region, cluster, tenantId: otherTenantId });
      const serviceArns = [one?.arn ?? "", foreign?.arn ?? ""];
      const read = await runtime.serviceHealth({ region, cluster, tenantId, serviceArns });
      expect(read.map((service) => service.arn)).toEqual([one?.arn]);
    });

    it("says which cluster is missing", async () => {
      const { runtime, region, tenantId } = world;
      const asked = runtime.serviceHealth({ region, cluster: "no-such-cluster", tenantId });
      await expect(asked).rejects.toMatchObject({ name: "CloudRuntimeError", code: "cluster_not_found" });
    });

    it("tells what is used and allowed, each for itself, and why where it cannot", async () => {
      const { runtime, region, accountId, cluster } = world;
      const nowhere = { subnetIds: [], listenerArn: "", loadBalancerArn: "" };
      const usages = await runtime.usage({ region, accountId, cluster, ...nowhere });
      expect(usages.map(({ name }) => name).sort()).toEqual([...USAGE_NAMES].sort());
      const of = (name: UsageName) => usages.find((usage) => usage.name === name);
      expect(of("iam_roles")?.used).toBeGreaterThanOrEqual(1);
      expect(of("secrets")?.used).toBeGreaterThanOrEqual(2);
      expect(of("ecs_services")?.used).toBe(3);
      for (const { used, limit, problem } of usages) {
        expect(problem === undefined).toBe(used !== null && limit !== null);
      }
    });

    it("lists everything that carries a tag, with what is only scheduled for deletion", async () => {
      const { runtime, region, tenantId } = world;
      const found = await runtime.listByTag({ region, tags: { "tenantry:tenant-id": tenantId } });
      const types = found.map((item) => item.type);
      expect(types.filter((type) => type === "ecs:service")).toHaveLength(2);
      expect(types).toEqual(expect.arrayContaining(["sqs:queue", "iam:role", "secretsmanager:secret"]));
      const secrets = found.filter((item) => item.type === "secretsmanager:secret");
      expect(secrets.map((item) => item.state).sort()).toEqual(["present", "scheduled_for_deletion"]);
      const dropped = secrets.find((item) => item.state === "scheduled_for_deletion");
      expect(Date.parse(dropped?.deletionAt ?? "")).toBeGreaterThan(Date.now());
      for (const item of found.filter((other) => other !== dropped))
        expect(item).not.toHaveProperty("deletionAt");
    });

    it("asks for all tags at once", async () => {
      const { runtime, region, tenantId, otherTenantId } = world;
      const both = { "tenantry:tenant-id": tenantId, "tenantry:environment": "dev" };
      expect((await runtime.listByTag({ region, tags: both })).length).toBeGreaterThan(4);
      const neither = { "tenantry:tenant-id": otherTenantId, "tenantry:environment": "prod" };
      expect(await runtime.listByTag({ region, tags: neither })).toEqual([]);
    });
  });
}
