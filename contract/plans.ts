import { ProblemError } from "./errors.ts";
import { ISOLATION_LEVELS, type IsolationLevel, type PlanKey, type ServiceName } from "./vocabulary.ts";

export interface ServiceSize {
  /** 1024 is one vCPU; Fargate takes fixed pairs of CPU and memory. */
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly minCount: number;
  readonly maxCount: number;
}

export interface Plan {
  readonly key: PlanKey;
  readonly displayName: string;
  readonly services: Readonly<Record<ServiceName, ServiceSize>>;
  /** How much of their own tenants of the plan may have. */
  readonly isolation: readonly IsolationLevel[];
}

const size = (cpu: number, memoryMiB: number, minCount: number, maxCount: number): ServiceSize => ({
  cpu,
  memoryMiB,
  minCount,
  maxCount,
});

/** The built-in catalog. Data only: nothing branches on a plan's key. */
export const PLANS: Readonly<Record<PlanKey, Plan>> = {
  starter: {
    key: "starter",
    displayName: "Starter",
    isolation: ["pooled"],
    services: {
      "integrations-service": size(256, 512, 1, 2),
      "discovery-service": size(256, 512, 1, 2),
      "discovery-worker": size(256, 512, 1, 2),
      "audit-service": size(256, 512, 1, 2),
      "iam-service": size(256, 512, 1, 2),
    },
  },
  business: {
    key: "business",
    displayName: "Business",
    isolation: ["pooled", "hybrid"],
    services: {
      "integrations-service": size(512, 1024, 2, 4),
      "discovery-service": size(512, 1024, 2, 4),
      "discovery-worker": size(512, 1024, 1, 6),
      "audit-service": size(256, 512, 2, 4),
      "iam-service": size(256, 512, 2, 4),
    },
  },
  enterprise: {
    key: "enterprise",
    displayName: "Enterprise",
    isolation: ISOLATION_LEVELS,
    services: {
      "integrations-service": size(1024, 2048, 3, 10),
      "discovery-service": size(1024, 2048, 3, 10),
      "discovery-worker": size(1024, 2048, 2, 20),
      "audit-service": size(512, 1024, 3, 8),
      "iam-service": size(512, 1024, 3, 8),
    },
  },
};

/** Throws isolation_not_in_plan, saying what the plan offers. */
export function requireIsolationInPlan(plan: PlanKey, isolation: IsolationLevel): void {
  const offered = PLANS[plan].isolation;
  if (offered.includes(isolation)) return;
  throw new ProblemError("isolation_not_in_plan", {
    detail: `Cannot place the tenant: isolation must be ${offered.join(" or ")} on the plan ${plan}, got ${isolation}.`,
    hint: `Choose another isolation, or a plan that offers it: ${plansOffering(isolation)}.`,
    errors: [{ path: "body.isolation", message: `is not offered by the plan ${plan}`, value: isolation }],
  });
}

function plansOffering(isolation: IsolationLevel): string {
  return Object.values(PLANS)
    .filter((plan) => plan.isolation.includes(isolation))
    .map(({ key }) => key)
    .join(", ");
}
