import { createHash } from "node:crypto";
import type { CohortSelector } from "./cohort.ts";
import type { Flag } from "./flag.ts";

/**
 * Whether a feature is on for a tenant. A pure function of the flag, of what is known of the tenant, and of the override
 * in force: the service, a rollout and whoever evaluates flags elsewhere come to the same answer.
 *
 * It promises: the first that says something decides, in this order: the override, the rules from the first to the last, the
 * percentage, the default. A tenant's bucket never changes, so raising a percentage never switches anybody off. An archived flag
 * is its default for everybody.
 */
export interface FlagSubject {
  readonly tenantId: string;
  readonly plan: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: string;
  /** Where the asking service runs; null when that is not known, and then no rule about it fits. */
  readonly region: string | null;
  readonly environment: string | null;
  readonly planeName: string | null;
}

export type EvaluatedFlag = Pick<Flag, "flagKey" | "defaultEnabled" | "rules" | "percentage" | "archivedAt">;

export interface FlagAnswer {
  readonly enabled: boolean;
  /** What decided, in words. */
  readonly reason: string;
}

/** The override must be in force: whoever keeps them leaves out those that have expired. */
export function evaluateFlag(
  flag: EvaluatedFlag,
  subject: FlagSubject,
  override?: { readonly enabled: boolean },
): FlagAnswer {
  const { rules, percentage, defaultEnabled, archivedAt } = flag;
  if (archivedAt !== null) return { enabled: defaultEnabled, reason: "archived, so the default" };
  if (override !== undefined) return { enabled: override.enabled, reason: "the tenant's override" };
  const bucket = flagBucket(flag.flagKey, subject.tenantId);
  for (const [place, rule] of rules.entries()) {
    if (!cohortHolds(rule.cohort, subject)) continue;
    if (rule.percentage !== undefined && bucket >= rule.percentage) continue;
    const share = rule.percentage === undefined ? "" : `, within its ${rule.percentage} %`;
    return { enabled: rule.enabled, reason: `rule ${place + 1}${share}` };
  }
  if (bucket < percentage) return { enabled: true, reason: `within ${percentage} % of all tenants` };
  return { enabled: defaultEnabled, reason: "the default" };
}

/**
 * Where a tenant stands among all, at least 0 and less than 100: the first 48 bits of the SHA-256 of `<key>:<tenantId>` as a
 * share of 2^48, in percent. The key is part of it, so that not always the same tenants come first.
 */
export function flagBucket(flagKey: string, tenantId: string): number {
  const digest = createHash("sha256").update(`${flagKey}:${tenantId}`).digest();
  return (digest.readUIntBE(0, 6) / 2 ** 48) * 100;
}

type Cohort = EvaluatedFlag["rules"][number]["cohort"];

function cohortHolds({ exclude, ...selector }: Cohort, subject: FlagSubject): boolean {
  return selectorHolds(selector, subject) && (exclude === undefined || !selectorHolds(exclude, subject));
}

function selectorHolds(selector: CohortSelector, subject: FlagSubject): boolean {
  const { planes, regions, plans, states, labels = {}, tenantIds } = selector;
  return (
    holds(planes, subject.planeName) &&
    holds(regions, subject.region) &&
    holds(plans, subject.plan) &&
    holds(states, subject.status) &&
    holds(tenantIds, subject.tenantId) &&
    Object.entries(labels).every(([name, value]) => subject.labels[name] === value)
  );
}

function holds(allowed: readonly string[] | undefined, value: string | null): boolean {
  return allowed === undefined || (value !== null && allowed.includes(value));
}
