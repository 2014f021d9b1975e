import type { PlanVersion, ServiceSize } from "../../contract/plan.ts";
import type { IsolationLevel } from "../../contract/vocabulary.ts";
import type { UsageName } from "../cloud/cloudRuntime.ts";

type Plan = Pick<PlanVersion, "services">;

export type Needs = Readonly<Record<UsageName, number>>;

/** What one tenant in pooled placement adds; docs/quotas.md has the same figures, counted from the tenant program. */
const PER_TENANT = {
  ecs_services: 5,
  listener_rules: 0,
  target_groups: 0,
  iam_roles: 6,
  security_groups: 1,
  secrets: 5,
  log_groups: 5,
} as const;

/** What is otherwise for one with something of its own: a database with its master secret, a load balancer, a cluster. */
const OTHERWISE: Readonly<Record<IsolationLevel, Partial<Record<keyof typeof PER_TENANT, number>>>> = {
  pooled: {},
  account: {},
  hybrid: { security_groups: 2, secrets: 6 },
  dedicated: { security_groups: 3, secrets: 6, ecs_services: 0 },
};

/** `tenants` more tenants of a plan, each at rest. Of the plane's cluster and subnets a dedicated one takes nothing. */
export function needsOfTenants(tenants: number, plan: Plan, isolation: IsolationLevel = "pooled"): Needs {
  const counts = Object.fromEntries(
    Object.entries({ ...PER_TENANT, ...OTHERWISE[isolation] }).map(([name, count]) => [
      name,
      count * tenants,
    ]),
  ) as Record<keyof typeof PER_TENANT, number>;
  const outside = isolation === "dedicated" ? { subnet_addresses: 0 } : {};
  return { ...counts, ...tasksOf(tenants, plan), ...outside };
}

/**
 * A deployment starts a service's new tasks before it stops the old: `tenants` that change at the same time have all of
 * theirs twice, and nothing else.
 */
export function needsOfRollout(tenants: number, plan: Plan): Needs {
  const nothing = Object.fromEntries(Object.keys(PER_TENANT).map((name) => [name, 0])) as Record<
    keyof typeof PER_TENANT,
    number
  >;
  return { ...nothing, ...tasksOf(tenants, plan) };
}

function tasksOf(tenants: number, plan: Plan) {
  const services = Object.values(plan.services);
  const sum = (of: (size: ServiceSize) => number) => services.reduce((total, size) => total + of(size), 0);
  return {
    subnet_addresses: tenants * sum((size) => size.minCount),
    fargate_vcpus: (tenants * sum((size) => size.minCount * size.cpu)) / 1024,
  };
}
