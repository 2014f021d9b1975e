/**
 * The five services of a tenant: what each is given. Data, not code paths: the component reads this table and
 * treats all services alike.
 */
export const SERVICE_NAMES = [
  "integrations-service",
  "discovery-service",
  "discovery-worker",
  "audit-service",
  "iam-service",
] as const;

export type ServiceName = (typeof SERVICE_NAMES)[number];

export interface ServiceShape {
  /** Reached by the router and by the tenant's other services under a private name; others only consume. */
  readonly http: boolean;
  /** What the service does with the tenant's work queue. */
  readonly queue: "none" | "send" | "consume";
  /** Whether it keeps objects under the tenant's prefix of the data bucket. */
  readonly storage: boolean;
}

export const SERVICE_SHAPES: Readonly<Record<ServiceName, ServiceShape>> = {
  "integrations-service": { http: true, queue: "send", storage: true },
  "discovery-service": { http: true, queue: "send", storage: true },
  "discovery-worker": { http: false, queue: "consume", storage: true },
  "audit-service": { http: true, queue: "none", storage: true },
  "iam-service": { http: true, queue: "none", storage: false },
};

/** The port every HTTP service listens on inside its task; each task has an address of its own (awsvpc). */
export const SERVICE_PORT = 8080;
