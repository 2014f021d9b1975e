import type { PlanKey, ServiceName } from "./vocabulary.ts";

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
    services: {
      "integrations-service": size(1024, 2048, 3, 10),
      "discovery-service": size(1024, 2048, 3, 10),
      "discovery-worker": size(1024, 2048, 2, 20),
      "audit-service": size(512, 1024, 3, 8),
      "iam-service": size(512, 1024, 3, 8),
    },
  },
};
