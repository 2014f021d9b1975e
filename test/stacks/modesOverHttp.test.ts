/** A tenant of each isolation mode through the service's HTTP door, on the local cloud with its real databases. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Operation } from "../../contract/operation.ts";
import type { Placement } from "../../contract/placement.ts";
import type { Plane } from "../../contract/plane.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { Api } from "../../demo/api.ts";
import { type Service, startService } from "../../demo/processes.ts";
import { ensureLocalCloud, stopLocalCloud } from "../../launcher/localCloud.ts";
import { SERVICE_NAMES } from "../../stacks/tenant/spec.ts";
import { upAccountPlane } from "./accountPlane.ts";
import { scriptPulumi } from "./commands.ts";

const ACCOUNT = "222233334444";
const TIMEOUT_MS = 240_000;

let dataDir: string;
let service: Service | undefined;
let api: Api;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "tenantry-modes-"));
  await scriptPulumi(dataDir, "up", "--stack", "dev", "--yes", "--skip-preview");
  service = await startService(dataDir, { ...process.env, TENANTRY_DATA: dataDir });
  api = new Api(service.url, service.adminKey);
  const services = Object.fromEntries(
    SERVICE_NAMES.map((name) => [name, { image: `registry.example/${name}:1`, environment: {} }]),
  );
  await api.call("POST", "/releases", { description: "1", services });
}, TIMEOUT_MS);
afterAll(async () => {
  await service?.stop();
  await stopLocalCloud({ dataDir });
  await rm(dataDir, { recursive: true, force: true });
});

const newTenant = (slug: string, isolation: string) =>
  api.call<Tenant>("POST", "/tenants", { slug, displayName: slug, plan: "enterprise", isolation });
async function perform(tenantId: string, action: string, body: object = {}): Promise<void> {
  const { operations } = await api.call<{ operations: Operation[] }>(
    "POST",
    `/tenants/${tenantId}/${action}`,
    body,
  );
  await api.finish(operations);
}
async function placementOf(tenantId: string): Promise<Placement | undefined> {
  const page = await api.call<{ items: Placement[] }>("GET", `/tenants/${tenantId}/placements`);
  return page.items[0];
}
async function held(tenantId: string): Promise<readonly { account: string; type: string; state: string }[]> {
  const { controlUrl } = await ensureLocalCloud({ dataDir });
  const response = await fetch(
    new URL(`/v1/resources?limit=5000&tag.tenantry:tenant-id=${tenantId}`, controlUrl),
  );
  return ((await response.json()) as { resources: { account: string; type: string; state: string }[] })
    .resources;
}

describe("over HTTP", () => {
  it.each(["hybrid", "dedicated"])(
    "a %s tenant is placed, provisioned with its own database, suspended, and wholly removed",
    async (isolation) => {
      const { tenantId, slug } = await newTenant(`t-${isolation}`, isolation);
      await perform(tenantId, "activate");
      expect(await placementOf(tenantId)).toMatchObject({
        planeName: "dev-eu-west-1",
        isolation: {
          ...{ level: isolation, database: "own", bucket: "own" },
          ...{ cidrBlock: isolation === "dedicated" ? "10.32.192.0/24" : null },
        },
      });
      const health = await api.call<{ items: { tenantId: string; health: string }[] }>(
        "GET",
        "/health/tenants?fresh=true",
      );
      expect(health.items.find((item) => item.tenantId === tenantId)).toMatchObject({ health: "healthy" });
      await perform(tenantId, "suspend", { reason: "unpaid", mode: "access" });
      await perform(tenantId, "reactivate");
      if (isolation === "hybrid") {
        await perform(tenantId, "suspend", { reason: "moving away", mode: "workloads" });
        await perform(tenantId, "archive", { reason: "moved away" });
        const kept = (await held(tenantId)).filter(({ state }) => state === "present");
        expect(kept.map(({ type }) => type)).not.toContain("aws:rds/cluster:Cluster");
        await perform(tenantId, "restore");
      }
      await perform(tenantId, "decommission", {
        confirmSlug: slug,
        reason: "contract ended",
        immediately: true,
      });
      const left = (await held(tenantId)).filter(({ state }) => state === "present");
      expect(left.map(({ type }) => type)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "a tenant of the account tier waits for its plane, and lives in its account alone",
    async () => {
      const { tenantId } = await newTenant("t-account", "account");
      await expect(perform(tenantId, "activate")).rejects.toThrow(/no_plane_in_region/);
      await upAccountPlane(dataDir, { stack: "strict", tenantId, account: ACCOUNT });
      const plane = await api.call<Plane>("POST", "/planes", { environment: "dev", stackName: "strict" });
      expect(plane).toMatchObject({ dedicatedTo: tenantId, accountId: ACCOUNT });
      await perform(tenantId, "activate");
      expect(await placementOf(tenantId)).toMatchObject({ planeName: plane.name, accountId: ACCOUNT });
      const resources = await held(tenantId);
      expect(resources.length).toBeGreaterThan(30);
      expect([...new Set(resources.map(({ account }) => account))]).toEqual([ACCOUNT]);
    },
    TIMEOUT_MS,
  );
});
