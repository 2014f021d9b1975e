import { z } from "zod";
import { LIMITS, labelsSchema, planeNamesSchema, tenantIdSchema } from "./common.ts";
import { ENVIRONMENTS, PLAN_KEYS, TENANT_STATUSES } from "./vocabulary.ts";

export const FLAG_LIMITS = { rules: 50, keyChars: 64, descriptionChars: 500 } as const;

export const flagKeySchema = z
  .string()
  .max(FLAG_LIMITS.keyChars)
  .regex(/^[a-z](?:[a-z0-9._-]*[a-z0-9])?$/, {
    error: "must be lowercase letters, digits and . _ - between them, starting with a letter",
  })
  .meta({ id: "FlagKey", example: "new-audit-view" });

const percentageSchema = z.number().min(0).max(100);
const regionSchema = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, {
  error: "must be a region such as eu-west-1",
});

/** Whom a rule is about: all that is named must hold. */
export const flagCohortSchema = z.strictObject({
  planes: planeNamesSchema.min(1).optional(),
  regions: z.array(regionSchema).min(1).max(LIMITS.regions).optional(),
  environments: z.array(z.enum(ENVIRONMENTS)).min(1).optional(),
  plans: z.array(z.enum(PLAN_KEYS)).min(1).optional(),
  states: z.array(z.enum(TENANT_STATUSES)).min(1).optional(),
  labels: labelsSchema.optional(),
  tenantIds: z.array(tenantIdSchema).min(1).max(LIMITS.tenantsPerRequest).optional(),
  exclude: z.array(tenantIdSchema).min(1).max(LIMITS.tenantsPerRequest).optional(),
});

const ruleSchema = z
  .strictObject({
    cohort: flagCohortSchema,
    enabled: z.boolean(),
    percentage: percentageSchema.optional().meta({ description: "Only this share of the cohort" }),
  })
  .refine((rule) => rule.enabled || rule.percentage === undefined, {
    error: "must not have a percentage when it switches off: raising it would switch tenants off",
    path: ["percentage"],
  });

export const flagDefinitionSchema = z.strictObject({
  defaultEnabled: z.boolean().default(false),
  rules: z.array(ruleSchema).max(FLAG_LIMITS.rules).default([]),
  percentage: percentageSchema.default(0),
});
export type FlagDefinition = z.output<typeof flagDefinitionSchema>;
