import type { Cohort, CohortSelector } from "./cohort.ts";
import type { PlanKey, TenantStatus } from "./vocabulary.ts";

/** A target as a cohort sees it. */
export interface CohortMember {
  readonly tenantId: string;
  readonly planeName: string;
  readonly region: string;
  readonly plan: PlanKey;
  /** Of the tenant. */
  readonly status: TenantStatus;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a cohort leaves out narrows nothing; `exclude` wins. */
export function inCohort(member: CohortMember, { exclude, ...selector }: Cohort): boolean {
  return fits(member, selector) && (exclude === undefined || !fits(member, exclude));
}

function fits(member: CohortMember, selector: CohortSelector): boolean {
  const { planes, regions, plans, states, labels = {}, tenantIds } = selector;
  return (
    planes?.includes(member.planeName) !== false &&
    regions?.includes(member.region) !== false &&
    plans?.includes(member.plan) !== false &&
    states?.includes(member.status) !== false &&
    tenantIds?.includes(member.tenantId) !== false &&
    Object.entries(labels).every(([name, value]) => member.labels[name] === value)
  );
}
