import type { Page } from "../contract/common.ts";
import type { TenantHealth } from "../contract/health.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { Api } from "./api.ts";
import { type Listings, ofTenant, TENANT_TAG } from "./listings.ts";
import { check, step, table } from "./terminal.ts";

/** Counts tenants by the tags in the cloud and holds that against the stacks in the state. */
export async function provisioned(
  listings: Listings,
  tenants: readonly Tenant[],
): Promise<{ tenantCount: number; resourceCount: number }> {
  const cloud = await listings.cloud("provisioned");
  const stacks = (await listings.state("provisioned")).filter((stack) => stack.project.startsWith("tenant-"));
  const tagged = new Set(cloud.flatMap((resource) => resource.tags[TENANT_TAG] ?? []));
  check(
    tenants.every((tenant) => tagged.has(tenant.tenantId)) && tagged.size === tenants.length,
    `resources in the local cloud carry the tags of exactly ${tenants.length} tenants`,
    `${tagged.size}`,
  );
  const ids = new Set(cloud.map((resource) => `${resource.type} ${resource.id}`));
  const recorded = stacks
    .flatMap((stack) => stack.resources)
    .filter((resource) => resource.custom && resource.id !== undefined && resource.type.startsWith("aws:"));
  check(
    recorded.every((resource) => ids.has(`${resource.type} ${resource.id}`)),
    `each of the ${recorded.length} resources in ${stacks.length} tenant stacks exists in the local cloud`,
  );
  table(
    ["tenant", "id", "tagged resources"],
    tenants.map(({ slug, tenantId }) => [slug, tenantId, String(ofTenant(cloud, tenantId).length)]),
  );
  return { tenantCount: tagged.size, resourceCount: recorded.length };
}

export async function showInventory(api: Api): Promise<void> {
  step(
    "The fleet's inventory",
    "health, version and drift are three axes; health is asked from the cloud now",
  );
  const page = await api.call<Page<TenantHealth>>("GET", "/health/tenants?fresh=true");
  table(
    ["tenant", "plane", "state", "health", "release", "version", "drift", "services running"],
    page.items.map((item) => [
      item.slug,
      item.planeName,
      item.deploymentState,
      item.health,
      String(item.currentReleaseNumber ?? "-"),
      item.version,
      item.drift,
      (item.services ?? []).map((service) => `${service.running}/${service.desired}`).join(" "),
    ]),
  );
  check(
    page.items.every((item) => item.health === "healthy" && item.deploymentState === "ready"),
    "every tenant is ready and healthy",
  );
}
