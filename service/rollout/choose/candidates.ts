import type { Cohort } from "../../../contract/cohort.ts";
import { ProblemError } from "../../../contract/errors.ts";
import type { RolloutBefore, RolloutChange } from "../../../contract/rolloutChange.ts";
import { driftSeen } from "../../../registry/driftSeen.ts";
import { flagGet, refuseArchived } from "../../../registry/flag.ts";
import { pinsOf } from "../../../registry/pin.ts";
import { planGet } from "../../../registry/plan.ts";
import type { Reader } from "../../../registry/registry.ts";
import { releaseGet } from "../../../registry/release.ts";
import { type RolloutPlace, rolloutPlacesIn } from "../../../registry/rolloutPlace.ts";
import { catchesUp, whyHeld, whySkipped } from "../drive/facts.ts";
import { beforesOf, hadOf } from "./befores.ts";
import { type Candidate, selectCohort } from "./cohort.ts";
import { declaredOtherwise } from "./declared.ts";
import { refuseIncompatibleRollout } from "./incompatible.ts";

/** Whom a change could be for, and what each has now. */
export interface Chosen extends Candidate {
  readonly place: RolloutPlace;
  readonly before: RolloutBefore;
  /** What it has now, of one that rests and is to catch up. */
  readonly passedBy?: RolloutBefore;
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
  return chosen.map((one) => {
    const before = befores(one.place);
    const passedBy = catchesUp(one.place, change) ? { passedBy: hadOf(one.place, before) } : {};
    return { ...one, before, ...passedBy };
  });
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
  const tenantIds = [...new Set(fleet.map(({ tenantId }) => tenantId))];
  const declared = await declaredOtherwise(db, change, tenantIds);
  refuseDeclared(change, scope, declared);
  const skips = new Map<string, Skip>();
  for (const place of fleet) {
    const pin = pins.get(place.targetId);
    const held = pin && whyHeld(pin, change, place.currentReleaseNumber);
    const skipped = whySkipped(place, change) ?? declared.get(place.tenantId);
    const why = skipped ?? held;
    const status = skipped === undefined ? "held" : "skipped";
    if (why !== undefined) skips.set(place.targetId, { skip: { status, reason: why } });
  }
  return skips;
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
