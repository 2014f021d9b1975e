import { z } from "zod";

/**
 * How a stack reaches AWS. The one place where a provider's settings come from: the same programs run on AWS,
 * LocalStack, moto or a stand-in by these values alone.
 */
export const ProviderSettings = z.strictObject({
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "must be an AWS region such as eu-west-1"),
  profile: z.string().min(1).optional(),
  /** One URL for every service, or one per service by the provider's key for it (`ecs`, `s3`, …). */
  endpoints: z.union([z.url(), z.record(z.string(), z.url())]).optional(),
  assumeRole: z
    .strictObject({
      roleArn: z.string().min(1),
      sessionName: z.string().min(1).optional(),
      externalId: z.string().min(1).optional(),
      durationSeconds: z.int().min(900).max(43_200).optional(),
    })
    .optional(),
  /** The provider refuses to start in any other account. */
  allowedAccountIds: z.array(z.string().regex(/^\d{12}$/, "must be a 12-digit account id")).optional(),
  /** Off for stand-ins whose services never become steady (moto). Default: true. */
  waitForSteadyState: z.boolean().optional(),
});
export type ProviderSettings = z.infer<typeof ProviderSettings>;
