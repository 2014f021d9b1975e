import { z } from "zod";
import { LIMITS, planeNamesSchema, tenantIdSchema } from "./common.ts";
import { planKeySchema } from "./planKey.ts";
import { TENANT_STATUSES } from "./vocabulary.ts";

const selector = {
  planes: planeNamesSchema.min(1).optional(),
  regions: z.array(z.string().min(1).max(32)).min(1).max(LIMITS.regions).optional(),
  plans: z.array(planKeySchema).min(1).max(LIMITS.cohortPlans).optional(),
  states: z
    .array(z.enum(TENANT_STATUSES))
    .min(1)
    .max(TENANT_STATUSES.length)
    .optional()
    .meta({ description: "Of the tenant" }),
  labels: z
    .record(z.string().min(1).max(63), z.string().max(120))
    .refine((labels) => Object.keys(labels).length > 0, { error: "must have at least one label" })
    .refine((labels) => Object.keys(labels).length <= LIMITS.labels, {
      error: `must not have more than ${LIMITS.labels} labels`,
    })
    .optional()
    .meta({ description: "All of them must be as given" }),
  tenantIds: z.array(tenantIdSchema).min(1).max(LIMITS.tenantsPerRequest).optional(),
};

/** Every member given must fit, and of a list one entry; what is left out fits everybody. */
export const cohortSelectorSchema = z.strictObject(selector).meta({ id: "CohortSelector" });
export type CohortSelector = z.output<typeof cohortSelectorSchema>;

export const cohortSchema = z
  .strictObject({
    ...selector,
    exclude: cohortSelectorSchema
      .refine((exclude) => Object.keys(exclude).length > 0, { error: "must name somebody" })
      .optional()
      .meta({ description: "Whoever fits this is left out" }),
  })
  .meta({
    id: "Cohort",
    description:
      "A part of the fleet. Every member given must fit, and of a list one entry; an empty cohort is everybody.",
    example: { plans: ["starter"], labels: { tier: "gold" } },
  });
export type Cohort = z.output<typeof cohortSchema>;
