import type { RolloutDetail, RolloutTarget } from "../contract/rollout.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { Api } from "./api.ts";
import { createRelease } from "./fleet.ts";
import { type CloudResource, type Listings, ofTenant } from "./listings.ts";
import { check, line, step, table } from "./terminal.ts";

const TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition";
const SERVICE = "aws:ecs/service:Service";

/** When the new task definitions of these tenants were made in the cloud: first and last, ISO 8601. */
function span(
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

/** Waves as the cloud saw them: groups whose new task definitions came one group after the other. */
function wavesInTheCloud(
  resources: readonly CloudResource[],
  rollout: RolloutDetail,
  targets: readonly RolloutTarget[],
): number {
  let count = 0;
  let previousEnd = rollout.createdAt;
  for (let wave = 1; wave <= rollout.waveCount; wave += 1) {
    const tenantIds = targets.filter((target) => target.wave === wave).map((target) => target.tenantId);
    const [first, last] = span(resources, tenantIds, rollout.createdAt);
    line(`wave ${wave}: ${tenantIds.length} tenants, new task definitions from ${first} to ${last}`);
    if (first > previousEnd) count += 1;
    previousEnd = last;
  }
  return count;
}

export async function rollOut(api: Api, listings: Listings, tenants: readonly Tenant[]): Promise<number> {
  step(
    "Release 2 in two waves",
    "one tenant first, the rest when that one is healthy; the first failure stops all",
  );
  const release = await createRelease(api, "2.0.0");
  const canary = tenants[0]?.tenantId ?? "";
  const described = await api.call<RolloutDetail>("POST", "/rollouts", {
    change: { kind: "release", releaseNumber: release.number },
    waves: [{ name: "canary", cohort: { tenantIds: [canary] } }],
    maxConcurrency: 2,
    reason: "new version",
  });
  const at = `/rollouts/${described.rolloutId}`;
  const { previewDigest } = await api.poll<RolloutDetail>(at, ({ status }) => status !== "previewing");
  await api.call("POST", `${at}/start`, { previewDigest });
  const ended = await api.poll<RolloutDetail>(
    at,
    ({ status, finishedAt }) => finishedAt !== null || status === "halted",
  );
  const { items: targets } = await api.call<{ items: RolloutTarget[] }>("GET", `${at}/targets?limit=200`);
  table(
    ["tenant", "wave", "status", "from release"],
    targets.map((target) => [
      tenants.find(({ tenantId }) => tenantId === target.tenantId)?.slug ?? target.tenantId,
      String(target.wave),
      target.status,
      String(target.before.releaseNumber ?? "-"),
    ]),
  );
  check(ended.status === "succeeded", "the rollout succeeded", ended.statusReason ?? ended.status);

  const cloud = await listings.cloud("released");
  const waves = wavesInTheCloud(cloud, ended, targets);
  const definitions = new Map(
    cloud.filter(({ type }) => type === TASK_DEFINITION).map((item) => [item.arn, item]),
  );
  const running = tenants
    .flatMap((tenant) => ofTenant(cloud, tenant.tenantId))
    .filter(({ type }) => type === SERVICE)
    .map((service) => JSON.stringify(definitions.get(String(service.properties.taskDefinition))?.properties));
  check(
    running.length === tenants.length * 5 && running.every((definition) => definition?.includes(":2.0.0")),
    `all ${running.length} services in the cloud run images of 2.0.0`,
  );
  return waves;
}
