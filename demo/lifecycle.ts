import type { Tenant } from "../contract/tenant.ts";
import type { Api } from "./api.ts";
import { runForAll } from "./fleet.ts";
import { type CloudResource, type Listings, ofTenant } from "./listings.ts";
import { check, step } from "./terminal.ts";

const SERVICE = "aws:ecs/service:Service";
const SCALING = "aws:appautoscaling/target:Target";

function named(tenant: Tenant | undefined): Tenant {
  if (tenant === undefined) throw new Error("Cannot go on: three tenants must have been made");
  return tenant;
}

function desired(resources: readonly CloudResource[], tenant: Tenant): number[] {
  return ofTenant(resources, tenant.tenantId)
    .filter(({ type }) => type === SERVICE)
    .map(({ properties }) => Number(properties.desiredCount));
}

export async function suspendAndReactivate(
  api: Api,
  listings: Listings,
  which: Tenant | undefined,
): Promise<void> {
  const tenant = named(which);
  step(`Suspend ${tenant.slug} and reactivate it`, "tasks and autoscaling to zero, data and secrets kept");
  const before = ofTenant(await listings.cloud("before-suspension"), tenant.tenantId);
  await runForAll(api, [tenant], "suspend", () => ({ reason: "invoice overdue" }));
  const suspended = await listings.cloud("suspended");
  check(
    desired(suspended, tenant).every((count) => count === 0),
    "no service of it wants a task",
  );
  const scaling = ofTenant(suspended, tenant.tenantId).filter(({ type }) => type === SCALING);
  check(
    scaling.every(({ properties }) => properties.maxCapacity === 0),
    `its ${scaling.length} autoscaling targets are at zero`,
  );
  await runForAll(api, [tenant], "reactivate", () => ({ reason: "invoice paid" }));
  const after = await listings.cloud("reactivated");
  check(
    desired(after, tenant).every((count) => count > 0),
    "every service wants tasks again",
  );
  const ids = (resources: readonly CloudResource[]) =>
    resources
      .filter(({ type }) => type !== "aws:ecs/taskDefinition:TaskDefinition")
      .map(({ id }) => id)
      .sort()
      .join();
  check(ids(ofTenant(after, tenant.tenantId)) === ids(before), "everything else of it was kept");
}

/** How many resources and stacks of the tenant are left. */
export async function decommission(api: Api, listings: Listings, which: Tenant | undefined): Promise<number> {
  const tenant = named(which);
  step(`Decommission ${tenant.slug}`, "asks for the slug typed again and a reason; leaves nothing behind");
  const refused = await api
    .call("POST", `/tenants/${tenant.tenantId}/decommission`, {
      confirmSlug: "intech",
      reason: "contract ended",
    })
    .then(
      () => "it was accepted",
      (error: Error) => error.message,
    );
  check(refused.includes("confirmation_mismatch"), "a mistyped slug is refused", refused);
  await runForAll(api, [tenant], "decommission", () => ({
    confirmSlug: tenant.slug,
    reason: "contract ended",
  }));
  const cloud = await listings.cloud("decommissioned");
  const left = cloud.filter((resource) => JSON.stringify(resource).includes(tenant.tenantId));
  const stacks = (await listings.state("decommissioned")).filter(({ project }) =>
    project.includes(tenant.tenantId),
  );
  const leftovers = left.length + stacks.length;
  check(
    leftovers === 0,
    "no object of the local cloud and no stack names the tenant",
    left.map(({ id }) => id).join(", "),
  );
  return leftovers;
}
