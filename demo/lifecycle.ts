import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Archive } from "../contract/archive.ts";
import type { Page } from "../contract/common.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { Api } from "./api.ts";
import type { TenantData } from "./data.ts";
import { runForAll } from "./fleet.ts";
import { type CloudResource, type Listings, ofTenant } from "./listings.ts";
import { root } from "./processes.ts";
import { check, line, step } from "./terminal.ts";

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

/** How many rows and objects came back. */
export async function archiveAndRestore(
  api: Api,
  listings: Listings,
  data: TenantData,
  which: Tenant | undefined,
): Promise<number> {
  const tenant = named(which);
  step(
    `Archive ${tenant.slug} and restore it`,
    "data to the archive bucket, everything else removed; back with the same checksums",
  );
  await data.write(tenant, await listings.cloud("before-archiving"));
  const objects = await data.objects(tenant);
  const rows = await data.rows(tenant, await listings.cloud("filled"));
  line(`${tenant.slug} has written ${rows} rows and ${objects} objects`);
  await runForAll(api, [tenant], "suspend", () => ({ mode: "access", reason: "season is over" }));
  await runForAll(api, [tenant], "archive", () => ({ reason: "season is over", retentionDays: 30 }));
  const left = present(await listings.cloud("archived"), tenant);
  check(left.length === 0, "no resource of it is left", left.map(({ id }) => id).join(", "));
  check((await data.objects(tenant)) === 0, "its prefix is empty");
  const [archive] = (await api.call<Page<Archive>>("GET", `/tenants/${tenant.tenantId}/archives`)).items;
  line(`s3://${archive?.bucket}/${archive?.prefix} is kept until ${archive?.retainUntil.slice(0, 10)}`);
  await runForAll(api, [tenant], "restore", () => ({ reason: "season begins" }));
  const back = await data.rows(tenant, await listings.cloud("restored"));
  check(back === rows, `all ${rows} rows are back`, `${back}`);
  const kept = await data.objects(tenant);
  check(kept === objects, `all ${objects} objects are back`, `${kept}`);
  return back + kept;
}

function present(cloud: readonly CloudResource[], tenant: Tenant): CloudResource[] {
  return ofTenant(cloud, tenant.tenantId).filter(({ state }) => state === "present");
}

/** How many resources and stacks of the tenant are left. */
export async function decommission(api: Api, listings: Listings, which: Tenant | undefined): Promise<number> {
  const tenant = named(which);
  step(
    `Decommission ${tenant.slug}`,
    "slug typed again and a reason; blocked at once, undone in time, then for good",
  );
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
  const end = { confirmSlug: tenant.slug, reason: "contract ended" };
  await runForAll(api, [tenant], "decommission", () => end);
  const blocked = await api.call<Tenant>("GET", `/tenants/${tenant.tenantId}`);
  check(
    blocked.status === "decommissioning",
    `it is blocked, and can be taken back until ${blocked.decommissionAfter}`,
  );
  const waiting = present(await listings.cloud("grace"), tenant);
  check(waiting.length > 0, `its ${waiting.length} resources stand`);
  await runForAll(api, [tenant], "decommission/undo", () => ({ reason: "renewed" }));
  const back = await api.call<Tenant>("GET", `/tenants/${tenant.tenantId}`);
  check(back.status === "active", "undone: it is active again", back.status);
  await runForAll(api, [tenant], "decommission", () => ({ ...end, immediately: true }));
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

/** Fetches the deletion certificate and the public keys, and has them verified by the offline command. */
export async function verifyCertificate(
  api: Api,
  dataDir: string,
  env: NodeJS.ProcessEnv,
  which: Tenant | undefined,
): Promise<boolean> {
  const tenant = named(which);
  const file = join(dataDir, "certificate.json");
  const keys = join(dataDir, "signing-keys.json");
  const signed = await api.call("GET", `/tenants/${tenant.tenantId}/deletion-certificate`);
  writeFileSync(file, JSON.stringify(signed));
  writeFileSync(keys, JSON.stringify(await api.call("GET", "/signing-keys")));
  const verify = () =>
    spawnSync(join(root, "script/certificate"), ["verify", file, "--keys", keys], { env, encoding: "utf8" });
  const genuine = verify();
  check(genuine.status === 0, "its deletion certificate verifies offline", genuine.stdout + genuine.stderr);
  for (const text of genuine.stdout.trimEnd().split("\n")) line(text);
  writeFileSync(file, JSON.stringify(signed).replace(tenant.slug, "another"));
  check(verify().status === 2, "with one word changed it does not");
  return genuine.status === 0;
}
