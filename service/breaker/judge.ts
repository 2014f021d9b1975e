/**
 * When a plane or a region is left alone: a pure function of what came of the last operations there.
 *
 * A breaker opens when within the window as many different targets as the threshold says have failed for reasons of the engine or
 * the cloud, and at least half of the newest that ended. A region's opens only when they are of more than one plane: what is
 * wrong with one plane is no reason to leave its neighbours alone. Once the pause is over one operation is let through: its success
 * closes the breaker, its failure opens it again for twice as long. It never judges what the release or the tenant's settings are to
 * blame for as far as that can be told.
 */
export interface BreakerOutcome {
  readonly at: string;
  readonly targetId: string;
  readonly planeName: string;
  /** Null when it succeeded. */
  readonly failure: string | null;
}

export interface BreakerFacts {
  readonly state: "closed" | "open";
  readonly outcomes: readonly BreakerOutcome[];
  readonly reason: string | null;
  readonly openings: number;
  readonly openedAt: string | null;
  readonly retryAt: string | null;
}

export interface BreakerPolicy {
  readonly failures: number;
  readonly windowMs: number;
  readonly coolDownMs: number;
  readonly coolDownMaxMs: number;
}

export const CLOSED: BreakerFacts = {
  state: "closed",
  outcomes: [],
  reason: null,
  openings: 0,
  openedAt: null,
  retryAt: null,
};

const OUTCOMES_KEPT = 50;

export function judge(
  breaker: BreakerFacts,
  outcome: BreakerOutcome,
  scope: "plane" | "region",
  policy: BreakerPolicy,
): BreakerFacts {
  const since = new Date(Date.parse(outcome.at) - policy.windowMs).toISOString();
  const recent = breaker.outcomes.filter(({ at }) => at >= since);
  const outcomes = [...recent, outcome].slice(-OUTCOMES_KEPT);
  if (breaker.state === "open") return judgeOpen({ ...breaker, outcomes }, outcome, policy);
  if (!isFailing(outcomes, scope, policy)) return { ...breaker, outcomes };
  return opened({ ...breaker, outcomes, openings: 0 }, outcome.at, policy);
}

/** What was started before it opened says nothing new of a failure, but a success says that it works. */
function judgeOpen(breaker: BreakerFacts, outcome: BreakerOutcome, policy: BreakerPolicy): BreakerFacts {
  if (outcome.failure === null) return CLOSED;
  const isProbe = breaker.retryAt !== null && outcome.at >= breaker.retryAt;
  return isProbe ? opened(breaker, outcome.at, policy) : breaker;
}

function isFailing(
  outcomes: readonly BreakerOutcome[],
  scope: "plane" | "region",
  { failures }: BreakerPolicy,
): boolean {
  if (failures === 0) return false;
  // Only the newest: how well it went before says nothing of a place that has just broken.
  const newest = outcomes.slice(-2 * failures);
  const failed = newest.filter(({ failure }) => failure !== null);
  const targets = new Set(failed.map(({ targetId }) => targetId)).size;
  const planes = new Set(failed.map(({ planeName }) => planeName)).size;
  return targets >= failures && failed.length * 2 >= newest.length && (scope === "plane" || planes > 1);
}

function opened(breaker: BreakerFacts, at: string, policy: BreakerPolicy): BreakerFacts {
  const openings = breaker.openings + 1;
  const pauseMs = Math.min(policy.coolDownMaxMs, policy.coolDownMs * 2 ** Math.min(openings - 1, 20));
  const failed = breaker.outcomes.filter(({ failure }) => failure !== null);
  const targets = new Set(failed.map(({ targetId }) => targetId)).size;
  return {
    ...breaker,
    state: "open",
    openings,
    reason: `${targets} targets failed, the last one because: ${failed.at(-1)?.failure ?? ""}`,
    openedAt: breaker.openedAt ?? at,
    retryAt: new Date(Date.parse(at) + pauseMs).toISOString(),
  };
}

/** Failures' codes that speak of the engine or the cloud, not of the release, the plan or whoever cancelled. */
const COUNTED: ReadonlySet<string> = new Set([
  ...["provider_failed", "provider_throttled", "provider_denied", "provider_unavailable"],
  ...["state_unavailable", "stack_locked", "plane_not_found", "timed_out", "cli_missing", "worker_crashed"],
  ...["engine_busy", "engine_failed", "cloud_unreachable", "cloud_refused", "cluster_not_found"],
]);

export function isCounted(code: string): boolean {
  return COUNTED.has(code);
}
