import type { RolloutBefore, RolloutChange } from "../../../contract/rolloutChange.ts";
import { flagOverridesOf } from "../../../registry/flagOverride.ts";
import type { Reader } from "../../../registry/registry.ts";
import type { RolloutPlace } from "../../../registry/rolloutPlace.ts";
import { tenantsOf } from "../../../registry/tenant.ts";
import { fieldOf, keptOverride } from "../drive/record.ts";

const IDS_PER_QUERY = 1_000;

/** What each has before, by which it is restored. */
export async function beforesOf(
  db: Reader,
  change: RolloutChange,
  places: readonly RolloutPlace[],
): Promise<(place: RolloutPlace) => RolloutBefore> {
  const tenantIds = [...new Set(places.map(({ tenantId }) => tenantId))];
  const base = ({ verifiedReleaseNumber, currentReleaseNumber, currentSpecDigest }: RolloutPlace) => ({
    releaseNumber: verifiedReleaseNumber ?? currentReleaseNumber,
    specDigest: currentSpecDigest,
  });
  if (change.kind === "plan")
    return (place) => ({ ...base(place), plan: place.plan, planVersion: place.planVersion });
  if (change.kind === "flag") {
    const overrides = await flagOverridesOf(db, change.flagKey, tenantIds);
    return (place) => ({ ...base(place), flag: keptOverride(overrides.get(place.tenantId)) });
  }
  if (change.kind !== "field") return base;
  const values = new Map<string, string | null>();
  for (let from = 0; from < tenantIds.length; from += IDS_PER_QUERY) {
    const tenants = await tenantsOf(db, tenantIds.slice(from, from + IDS_PER_QUERY));
    for (const tenant of tenants.values()) values.set(tenant.tenantId, fieldOf(tenant, change.field));
  }
  return (place) => ({ ...base(place), field: values.get(place.tenantId) ?? null });
}

/** What a target that rests has when it is passed by: its goal, as what it runs says nothing while it runs nothing. */
export function hadOf(
  {
    targetReleaseNumber,
    currentReleaseNumber,
  }: Pick<RolloutPlace, "targetReleaseNumber" | "currentReleaseNumber">,
  before: RolloutBefore,
): RolloutBefore {
  return { ...before, releaseNumber: targetReleaseNumber ?? currentReleaseNumber };
}
