import type { OnStale, PlanFeature } from "./plan.ts";

/**
 * What a tenant may do. A pure function of the features of the plan version it is bound to, of its overrides, and of the time.
 *
 * It promises: an override in force decides, else the plan; the order of the overrides does not matter; a capability that
 * neither names is not there, which is a refusal. An entry carries its own end (`expiresAt`, and what is `thenEnabled`), so
 * that whoever holds the answer comes to the same as whoever asks anew, at any later time, until something is changed.
 */
export interface EntitlementOverrideRule {
  readonly capabilityKey: string;
  readonly enabled: boolean;
  /** What the plan declares where it is null; a capability the plan does not name is then closed. */
  readonly onStale: OnStale | null;
  readonly expiresAt: string | null;
}

export interface BundleEntry {
  readonly enabled: boolean;
  readonly source: "plan" | "override";
  readonly onStale: OnStale;
  /** Of an override that ends by itself. */
  readonly expiresAt?: string;
  /** What holds from then on. */
  readonly thenEnabled?: boolean;
}

export type BundleEntries = Readonly<Record<string, BundleEntry>>;

export interface Evaluated {
  /** By key, in order. */
  readonly entitlements: BundleEntries;
  /** When the next override ends; null: none does. */
  readonly nextChangeAt: string | null;
}

export function evaluateEntitlements(
  features: Readonly<Record<string, PlanFeature>>,
  overrides: readonly EntitlementOverrideRule[],
  at: string,
): Evaluated {
  const live = overrides.filter((override) => isInForce(override, at));
  const entries = new Map<string, BundleEntry>();
  for (const [key, { enabled, onStale }] of Object.entries(features)) {
    entries.set(key, { enabled, source: "plan", onStale });
  }
  for (const override of live) {
    entries.set(override.capabilityKey, overridden(override, own(features, override.capabilityKey)));
  }
  const ends = live.flatMap(({ expiresAt }) => expiresAt ?? []).sort();
  return {
    entitlements: Object.fromEntries([...entries].sort(([left], [right]) => (left < right ? -1 : 1))),
    nextChangeAt: ends[0] ?? null,
  };
}

/** A key such as `constructor` names nothing but what was written. */
function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Until its end, and not in the moment of it. */
export function isInForce({ expiresAt }: { readonly expiresAt: string | null }, at: string): boolean {
  return expiresAt === null || expiresAt > at;
}

function overridden(
  { enabled, onStale, expiresAt }: EntitlementOverrideRule,
  feature: PlanFeature | undefined,
): BundleEntry {
  return {
    enabled,
    source: "override",
    onStale: onStale ?? feature?.onStale ?? "closed",
    ...(expiresAt === null ? {} : { expiresAt, thenEnabled: feature?.enabled ?? false }),
  };
}

/** What an entry says at a time. */
export function enabledAt(entry: BundleEntry | undefined, at: string): boolean {
  if (entry === undefined) return false;
  const isOver = entry.expiresAt !== undefined && entry.expiresAt <= at;
  return isOver ? entry.thenEnabled === true : entry.enabled;
}
