import type { Tenant } from "../contract/tenant.ts";
import type { Api } from "./api.ts";
import { createRelease } from "./fleet.ts";
import { difference, type Listings } from "./listings.ts";
import { madeSince, runRollout, servicesOn, slugOf } from "./releases.ts";
import { check, dim, line, step } from "./terminal.ts";

const SERVICES_EACH = 5;

export interface RolloutFigures {
  /** Groups of tenants whose previews were alike, both rollouts together. */
  readonly previewGroups: number;
  /** Tenants that a bad release had reached and that run the one before again. */
  readonly rolledBack: number;
  /** Waves of the good release, told apart by the cloud's own times. */
  readonly waves: number;
}

export async function rollOut(
  api: Api,
  listings: Listings,
  tenants: readonly Tenant[],
): Promise<RolloutFigures> {
  const bad = await rollOutBad(api, listings, tenants);
  const good = await rollOutGood(api, listings, tenants);
  return { previewGroups: bad.groups + good.groups, rolledBack: bad.rolledBack, waves: good.waves };
}

/** One tenant gets it, its services do not come up, and it has the release before again without anybody's doing. */
async function rollOutBad(api: Api, listings: Listings, tenants: readonly Tenant[]) {
  step(
    "Release 2 has an image that cannot be pulled",
    "every tenant is previewed and nothing changes; the canary fails, and is taken back by itself",
  );
  const before = await listings.cloud("before-release");
  const release = await createRelease(api, "2.0.0", { "iam-service": "registry.invalid/iam-service:2.0.0" });
  const canary = tenants[0]?.tenantId ?? "";
  const document = {
    change: { kind: "release", releaseNumber: release.number },
    waves: [{ name: "canary", cohort: { tenantIds: [canary] } }],
    onExceeded: "rollback",
    reason: "new version",
  };
  const { groups, ended, targets } = await runRollout(api, tenants, document, async () => {
    const changed = difference(before, await listings.cloud("previewed"));
    check(changed.length === 0, "the previews changed nothing in the cloud", changed.join(", "));
  });
  line(dim((ended.statusReason ?? "").slice(0, 200)));
  check(ended.status === "rolled_back", "the rollout took itself back", ended.statusReason ?? ended.status);
  const after = await listings.cloud("rolled-back");
  const reached = tenants.filter(({ tenantId }) => madeSince(after, [tenantId], ended.createdAt)[0] !== "");
  check(
    reached.length === 1 && reached[0]?.tenantId === canary,
    `only ${slugOf(tenants, canary)} was ever touched`,
    reached.map(({ slug }) => slug).join(", "),
  );
  const running = servicesOn(after, tenants, "1.0.0");
  check(
    running === tenants.length * SERVICES_EACH,
    `all ${running} services in the cloud run images of 1.0.0`,
  );
  const skipped = targets.filter(({ status }) => status === "skipped").length;
  check(skipped === tenants.length - 1, `${skipped} tenants were left alone, with the reason`);
  return { groups: groups.length, rolledBack: reached.length };
}

async function rollOutGood(api: Api, listings: Listings, tenants: readonly Tenant[]) {
  step("Release 3 in two waves", "one tenant first, the rest when that one is well");
  const release = await createRelease(api, "3.0.0");
  const canary = tenants[0]?.tenantId ?? "";
  const { groups, ended, targets } = await runRollout(api, tenants, {
    change: { kind: "release", releaseNumber: release.number },
    waves: [{ name: "canary", cohort: { tenantIds: [canary] }, bakeMs: 1_000 }],
    maxConcurrency: 2,
    reason: "the image is there now",
  });
  check(ended.status === "succeeded", "the rollout succeeded", ended.statusReason ?? ended.status);
  const cloud = await listings.cloud("released");
  let waves = 0;
  let previousEnd = ended.createdAt;
  for (let wave = 1; wave <= ended.waveCount; wave += 1) {
    const tenantIds = targets.filter((target) => target.wave === wave).map(({ tenantId }) => tenantId);
    const [first, last] = madeSince(cloud, tenantIds, ended.createdAt);
    line(`wave ${wave}: ${tenantIds.length} tenants, new task definitions from ${first} to ${last}`);
    if (first > previousEnd) waves += 1;
    previousEnd = last;
  }
  const running = servicesOn(cloud, tenants, "3.0.0");
  check(
    running === tenants.length * SERVICES_EACH,
    `all ${running} services in the cloud run images of 3.0.0`,
  );
  return { groups: groups.length, waves };
}
