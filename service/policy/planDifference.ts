import type { PlanVersion } from "../../contract/plan.ts";
import { QUOTA_KEYS, type QuotaKey } from "../../contract/quota.ts";
import type { IsolationLevel } from "../../contract/vocabulary.ts";

/** What a tenant loses by a plan. Pure. */

/** Whether it gives less of anything that somebody can come to depend on: a feature, an isolation, a quota, a service's size. */
export function isDowngrade(from: PlanVersion, to: PlanVersion): boolean {
  return (
    enabled(from).some((feature) => !enabled(to).includes(feature)) ||
    from.isolation.some((level) => !to.isolation.includes(level)) ||
    QUOTA_KEYS.some((quota) => bound(to, quota) < bound(from, quota)) ||
    hasSmallerService(from, to)
  );
}

export interface Use {
  readonly isolation: IsolationLevel;
  readonly quotas: readonly {
    readonly quota: QuotaKey;
    readonly used: number;
    readonly isOverridden: boolean;
  }[];
}

/** What the tenant has or uses beyond the plan. A quota that an override sets does not come from the plan. */
export function exceededBy(to: PlanVersion, { isolation, quotas }: Use): string[] {
  const beyond = quotas.filter(({ quota, used, isOverridden }) => !isOverridden && used > bound(to, quota));
  const names: string[] = beyond.map(({ quota }) => quota);
  return to.isolation.includes(isolation) ? names : ["isolation", ...names];
}

export function enabled({ features }: PlanVersion): string[] {
  return Object.entries(features)
    .filter(([, feature]) => feature.enabled)
    .map(([key]) => key);
}

/** vCPUs that a target of the plan takes at rest. */
export function unitsOf({ services }: PlanVersion): number {
  return Object.values(services).reduce((sum, { cpu, minCount }) => sum + (cpu * minCount) / 1_024, 0);
}

function bound({ quotas }: PlanVersion, quota: QuotaKey): number {
  return quotas[quota] ?? Number.POSITIVE_INFINITY;
}

function hasSmallerService(from: PlanVersion, to: PlanVersion): boolean {
  return Object.entries(from.services).some(([name, size]) => {
    const other = to.services[name as keyof PlanVersion["services"]];
    return other.cpu < size.cpu || other.memoryMiB < size.memoryMiB || other.maxCount < size.maxCount;
  });
}
