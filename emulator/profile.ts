import { z } from "zod";

/** Limits of one profile value, so that a typing error cannot stop the cloud for days. */
const MAX_DELAY_MS = 3_600_000;

const delayMs = z.number().int().min(0).max(MAX_DELAY_MS);

/** How the local cloud behaves in time. Persisted; faults are not. */
export const Profile = z.strictObject({
  /** Added to every provider call. */
  latencyMs: delayMs.default(0),
  /** Up to this much more, at random. */
  jitterMs: delayMs.default(0),
  /** Added to every request to objects, secrets, services and databases that does not come through Pulumi. */
  dataLatencyMs: delayMs.default(0),
  /** Calls per second and account; more wait as the AWS SDK retries, and fail after `maxWaitMs`. */
  throttle: z
    .strictObject({ perSecond: z.number().positive().max(100_000), maxWaitMs: delayMs.default(60_000) })
    .nullable()
    .default(null),
  /** From a deployment's start until all tasks of an ECS service run; half of it they are PENDING. */
  ecsSteadyMs: delayMs.default(300),
  /** What the account may have, by the names of `GET /v1/usage`; AWS's defaults where nothing is said. Only told, never enforced. */
  quotas: z.record(z.string().max(100), z.number().min(0)).default({}),
});

export type Profile = z.infer<typeof Profile>;
