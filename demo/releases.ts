import type { RolloutDetail, RolloutPreviewGroup, RolloutTarget } from "../contract/rollout.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { Api } from "./api.ts";
import { type CloudResource, ofTenant } from "./listings.ts";
import { dim, line, table } from "./terminal.ts";

const TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition";
const SERVICE = "aws:ecs/service:Service";
const SHOWN_CHANGES = 3;

/** When task definitions of these tenants were made in the cloud since then: first and last, ISO 8601; empty when none was. */
export function madeSince(
  resources: readonly CloudResource[],
  tenantIds: readonly string[],
  since: string,
): [string, string] {
  const times = tenantIds
    .flatMap((tenantId) => ofTenant(resources, tenantId))
    .filter((resource) => resource.type === TASK_DEFINITION && resource.createdAt > since)
    .map((resource) => resource.createdAt)
    .sort();
  return [times[0] ?? "", times.at(-1) ?? ""];
}

/** How many of the tenants' services run images of that version, by the cloud's own listing. */
export function servicesOn(
  resources: readonly CloudResource[],
  tenants: readonly Tenant[],
  version: string,
): number {
  const definitions = new Map(
    resources.filter(({ type }) => type === TASK_DEFINITION).map((item) => [item.arn, item]),
  );
  return tenants
    .flatMap((tenant) => ofTenant(resources, tenant.tenantId))
    .filter(({ type }) => type === SERVICE)
    .filter((service) => {
      const definition = definitions.get(String(service.properties.taskDefinition));
      return JSON.stringify(definition?.properties ?? {}).includes(`:${version}`);
    }).length;
}

export interface RunRollout {
  readonly groups: readonly RolloutPreviewGroup[];
  readonly ended: RolloutDetail;
  readonly targets: readonly RolloutTarget[];
}

/** Describes, previews, shows the groups, starts, and waits for the end. `previewed` looks before anything has begun. */
export async function runRollout(
  api: Api,
  tenants: readonly Tenant[],
  document: object,
  previewed: () => Promise<void> = async () => {},
): Promise<RunRollout> {
  const described = await api.call<RolloutDetail>("POST", "/rollouts", document);
  const at = `/rollouts/${described.rolloutId}`;
  const { previewDigest } = await api.poll<RolloutDetail>(at, ({ status }) => status !== "previewing");
  const { items: groups } = await api.call<{ items: RolloutPreviewGroup[] }>("GET", `${at}/preview`);
  for (const group of groups) showGroup(group, tenants);
  await previewed();
  await api.call("POST", `${at}/start`, { previewDigest });
  const ended = await api.poll<RolloutDetail>(
    at,
    ({ status, finishedAt }) => finishedAt !== null || status === "halted",
  );
  const { items: targets } = await api.call<{ items: RolloutTarget[] }>("GET", `${at}/targets?limit=200`);
  table(
    ["tenant", "wave", "status", "before"],
    targets.map((target) => [
      slugOf(tenants, target.tenantId),
      String(target.wave),
      target.status,
      `release ${target.before.releaseNumber ?? "-"}`,
    ]),
  );
  return { groups, ended, targets };
}

function showGroup(
  { tenantCount, targets, changes, operations }: RolloutPreviewGroup,
  tenants: readonly Tenant[],
): void {
  const who = targets.map(({ tenantId }) => slugOf(tenants, tenantId)).join(", ");
  const what = Object.entries(operations)
    .filter(([op]) => op !== "same")
    .map(([op, count]) => `${count} ${op}`)
    .join(", ");
  line(`preview: ${tenantCount} tenants alike (${who}): ${what || "nothing changes"}`);
  for (const { op, resourceType, logicalName, properties } of changes.slice(0, SHOWN_CHANGES))
    line(dim(`  ${op} ${resourceType.split(":").at(-1)} ${logicalName}: ${properties.join(", ")}`));
  if (changes.length > SHOWN_CHANGES) line(dim(`  … and ${changes.length - SHOWN_CHANGES} more`));
}

export function slugOf(tenants: readonly Tenant[], tenantId: string): string {
  return tenants.find((tenant) => tenant.tenantId === tenantId)?.slug ?? tenantId;
}
