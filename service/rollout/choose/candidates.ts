import type { Cohort } from "../../../contract/cohort.ts";
import { ProblemError } from "../../../contract/errors.ts";
import type { RolloutBefore, RolloutChange } from "../../../contract/rolloutChange.ts";
import { driftSeen } from "../../../registry/driftSeen.ts";
import { flagGet, refuseArchived } from "../../../registry/flag.ts";
import { flagOverridesOf } from "../../../registry/flagOverride.ts";
import { manifestsOf } from "../../../registry/manifest.ts";
import { pinsOf } from "../../../registry/pin.ts";
import { planGet } from "../../../registry/plan.ts";
import type { Reader } from "../../../registry/registry.ts";
import { releaseGet } from "../../../registry/release.ts";
import { type RolloutPlace, rolloutPlacesIn } from "../../../registry/rolloutPlace.ts";
import { tenantsOf } from "../../../registry/tenant.ts";
import { declaredElsewhere } from "../../app/declaredReleases.ts";
import { whyHeld, whySkipped } from "../drive/facts.ts";
import { fieldOf, keptOverride } from "../drive/record.ts";
import { type Candidate, selectCohort } from "./cohort.ts";
import { refuseIncompatibleRollout } from "./incompatible.ts";

/** Whom a change could be for, and what each has now. */
export interface Chosen extends Candidate {
  readonly place: RolloutPlace;
  readonly before: RolloutBefore;
}

/**
 * The part of the fleet that a rollout is for. Who cannot be changed (suspended, archived, pinned, declared otherwise by a manifest) is
 * part of it and says why; to name such a tenant is a mistake that is refused.
 */
export async function chooseTargets(
  db: Reader,
  change: RolloutChange,
  scope: Cohort,
  now: string,
): Promise<Chosen[]> {
  await refuseUnknownChange(db, change);
  const fleet = await repairable(db, change, scope, await rolloutPlacesIn(db, scope));
  const skips = await skipsOf(db, change, scope, fleet, now);
  const candidates = fleet.map((place) => ({ ...place, place, ...skips.get(place.targetId) }));
  const selected = new Set(selectCohort(candidates, scope).map(({ targetId }) => targetId));
  const chosen = candidates.filter(({ targetId }) => selected.has(targetId));
  const able = chosen.filter(({ skip }) => skip === undefined);
  await refuseIncompatibleRollout(
    db,
    change,
    able.map(({ place }) => place),
  );
  const befores = await beforesOf(
    db,
    change,
    chosen.map(({ place }) => place),
  );
  return chosen.map((one) => ({ ...one, before: befores(one.place) }));
}

async function refuseUnknownChange(db: Reader, change: RolloutChange): Promise<void> {
  if (change.kind === "release") await releaseGet(db, change.releaseNumber);
  if (change.kind === "plan") await planGet(db, change.plan, change.planVersion);
  if (change.kind === "flag") refuseArchived(await flagGet(db, change.flagKey));
}

/** Of a rollout of repairs, those of which something was found; bound to what was. */
async function repairable(
  db: Reader,
  change: RolloutChange,
  scope: Cohort,
  fleet: readonly RolloutPlace[],
): Promise<readonly RolloutPlace[]> {
  if (change.kind !== "drift_repair") return fleet;
  const { causeId, findingsDigest } = change;
  const seen = await driftSeen(db, { ...scope, ...(causeId && { causeId }) });
  if (seen.findingsDigest !== findingsDigest) {
    const message = "must be the digest of what is open now";
    throw new ProblemError("findings_changed", {
      detail: `Cannot roll out repairs: change.findingsDigest ${message}, and other findings are open by now.`,
      hint: "Look at POST /v1/control-plane/drift/repairs/preview again and send its digest.",
      errors: [{ path: "body.change.findingsDigest", message, value: findingsDigest }],
    });
  }
  const found = new Set(seen.targets.map(({ targetId }) => targetId));
  return fleet.filter(({ targetId }) => found.has(targetId));
}

type Skip = { readonly skip: NonNullable<Candidate["skip"]> };

async function skipsOf(
  db: Reader,
  change: RolloutChange,
  scope: Cohort,
  fleet: readonly RolloutPlace[],
  now: string,
): Promise<Map<string, Skip>> {
  const pins = await pinsOf(
    db,
    fleet.map(({ targetId }) => targetId),
    now,
  );
  const declared = await declaredBy(db, change, fleet);
  refuseDeclared(change, scope, declared);
  const skips = new Map<string, Skip>();
  for (const place of fleet) {
    const pin = pins.get(place.targetId);
    const held = pin && whyHeld(pin, change, place.currentReleaseNumber);
    const skipped = whySkipped(place) ?? declared.get(place.tenantId);
    const why = skipped ?? held;
    const status = skipped === undefined ? "held" : "skipped";
    if (why !== undefined) skips.set(place.targetId, { skip: { status, reason: why } });
  }
  return skips;
}

const IDS_PER_QUERY = 1_000;

/** Tenants whose manifest says otherwise: what took them there the reconcile loop would undo. */
async function declaredBy(
  db: Reader,
  change: RolloutChange,
  fleet: readonly RolloutPlace[],
): Promise<Map<string, string>> {
  const tenantIds = [...new Set(fleet.map(({ tenantId }) => tenantId))];
  const declared = new Map<string, string>();
  for (let from = 0; from < tenantIds.length; from += IDS_PER_QUERY) {
    const some = tenantIds.slice(from, from + IDS_PER_QUERY);
    if (change.kind === "release") {
      for (const tenantId of await declaredElsewhere(db, some, change.releaseNumber))
        declared.set(tenantId, "its manifest names another release");
    } else if (change.kind === "plan" || change.kind === "field") {
      for (const { tenantId, heldAt } of (await manifestsOf(db, some)).values())
        if (heldAt === null) declared.set(tenantId, "its manifest declares its record");
    }
  }
  return declared;
}

function refuseDeclared(change: RolloutChange, scope: Cohort, declared: ReadonlyMap<string, string>): void {
  const named = scope.tenantIds?.filter((tenantId) => declared.has(tenantId)) ?? [];
  const [first] = named;
  if (first === undefined) return;
  throw new ProblemError("managed_by_manifest", {
    detail: `Cannot roll out a change of ${change.kind} to tenant ${first}: ${declared.get(first)}.`,
    hint: "Change its manifest, take out of it what rollouts are to decide, or leave the tenant out.",
    errors: named.map((value) => ({
      path: "body.scope.tenantIds",
      message: `cannot be named: ${declared.get(value)}`,
      value,
    })),
  });
}

/** What each has before, by which it is restored. */
async function beforesOf(
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
