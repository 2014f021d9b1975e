import type { Metrics } from "../metrics.ts";
import { ask, installPolicies } from "./cedar.ts";
import { type PolicySet, textsOf } from "./policySet.ts";
import type { PolicyDecision, PolicyQuery, PolicyReason } from "./query.ts";
import { requestOf } from "./request.ts";

/**
 * Policies before action: the set that holds, and what it says to a query. It promises: a decision is a pure function of set and
 * query, allows only what a policy permits and none forbids, names the policies that decided and says why; whatever fails on
 * the way (no set yet, a policy that cannot be evaluated, the evaluator itself) denies and is told apart from a denial. A
 * new set takes the place of the old one at once and whole.
 *
 * It refuses to widen anything: a query is asked after the role has been found to do, so no policy can make up for a role.
 */
export interface Policies {
  /** Null before any set was taken. */
  readonly current: PolicySet | null;
  /** Whether an operation that only reads needs a decision. */
  readonly governsReads: boolean;
  decide(query: PolicyQuery): PolicyDecision;
  /** Throws when Cedar does not take the set; what held before then still does. */
  take(set: PolicySet): void;
}

type PolicyMetrics = Pick<Metrics, "policySeconds">;

let made = 0;

export function createPolicies({ policySeconds }: PolicyMetrics): Policies {
  // Of several services in one process each has its own place in Cedar's memory.
  made += 1;
  const name = `policies-${made}`;
  let current: PolicySet | null = null;
  return {
    get current() {
      return current;
    },
    get governsReads() {
      return current?.governsReads ?? true;
    },
    take(set) {
      installPolicies(name, textsOf(set));
      current = set;
    },
    decide(query) {
      const startedAt = process.hrtime.bigint();
      const decision = decided(name, current, query);
      const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
      policySeconds.observe({ outcome: decision.outcome }, seconds);
      return decision;
    },
  };
}

function decided(name: string, set: PolicySet | null, query: PolicyQuery): PolicyDecision {
  if (set === null) return failed(null, ["no set of policies has been read yet"]);
  try {
    const { isAllowed, policies, errors } = ask(name, requestOf(query));
    // A policy that cannot be evaluated is passed over by Cedar: one that would have forbidden it must not be.
    if (errors.length > 0) return failed(set.version, errors);
    const known = policies.toSorted();
    const outcome = isAllowed ? ("allow" as const) : ("deny" as const);
    const reasons = isAllowed ? [] : reasonsOf(set, known);
    return { outcome, policies: known, reasons, errors: [], version: set.version };
  } catch (thrown) {
    return failed(set.version, [thrown instanceof Error ? thrown.message : String(thrown)]);
  }
}

function failed(version: string | null, errors: readonly string[]): PolicyDecision {
  return { outcome: "error", policies: [], reasons: [], errors, version };
}

function reasonsOf(set: PolicySet, policies: readonly string[]): PolicyReason[] {
  if (policies.length === 0) {
    const reason = "No policy permits it.";
    return [{ policyId: "default-deny", reason, advice: "Have a policy permit it.", security: null }];
  }
  return policies.map((policyId) => {
    const policy = set.policies.get(policyId);
    const reason = policy?.reason ?? `The policy ${policyId} forbids it.`;
    return { policyId, reason, advice: policy?.advice ?? null, security: policy?.security ?? null };
  });
}
