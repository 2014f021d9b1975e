import type { Cohort } from "../../../contract/cohort.ts";
import { type CohortMember, inCohort } from "../../../contract/cohortMatch.ts";
import { LIMITS } from "../../../contract/common.ts";
import { ProblemError } from "../../../contract/errors.ts";

/** A target that a rollout could be for. */
export interface Candidate extends CohortMember {
  readonly targetId: string;
  /** Why it is not changed, though it is selected: suspended, archived, pinned. */
  readonly skip?: { readonly status: "skipped" | "held"; readonly reason: string };
}

/**
 * Whom a rollout is for, of those there are. Refused: a tenant that is named and has no target, a cohort that selects nobody who could be
 * changed, one that selects too many.
 */
export function selectCohort(fleet: readonly Candidate[], cohort: Cohort, path = "body.scope"): Candidate[] {
  refuseUnknown(fleet, cohort, path);
  const selected = fleet.filter((candidate) => inCohort(candidate, cohort));
  const able = selected.filter(({ skip }) => skip === undefined);
  if (able.length === 0) throw nobody(selected, path);
  if (selected.length > LIMITS.rolloutTargets) throw tooMany(selected.length, path);
  return selected;
}

/** Of the tenants that a cohort names, each must have a target. */
export function refuseUnknown(fleet: readonly Candidate[], { tenantIds = [] }: Cohort, path: string): void {
  if (tenantIds.length === 0) return;
  const known = new Set(fleet.map(({ tenantId }) => tenantId));
  const unknown = tenantIds.filter((tenantId) => !known.has(tenantId));
  if (unknown.length === 0) return;
  throw new ProblemError("target_missing", {
    detail: `Cannot roll out: each tenant named must have a target the rollout is for, got ${unknown.length} without.`,
    hint: "Activate the tenants first, or leave them out.",
    errors: unknown.slice(0, 50).map((tenantId) => ({
      path: `${path}.tenantIds`,
      message: "has no target that the rollout is for",
      value: tenantId,
    })),
  });
}

function nobody(selected: readonly Candidate[], path: string): ProblemError {
  const why = selected.find(({ skip }) => skip !== undefined)?.skip?.reason;
  return new ProblemError("cohort_empty", {
    detail:
      selected.length === 0
        ? "Cannot roll out: the cohort must select at least one target, got none."
        : `Cannot roll out: at least one target must be able to change, got ${selected.length} that cannot (${why}).`,
    hint: "An empty cohort selects everybody; every member given must fit.",
    errors: [{ path, message: "selects nobody" }],
  });
}

function tooMany(count: number, path: string): ProblemError {
  return new ProblemError("cohort_too_large", {
    detail: `Cannot roll out: a rollout must have at most ${LIMITS.rolloutTargets} targets, got ${count}.`,
    hint: "Make one rollout a plane or a plan.",
    errors: [{ path, message: `selects ${count} targets` }],
  });
}
