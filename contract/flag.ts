import { z } from "zod";
import { cohortSchema } from "./cohort.ts";
import {
  at,
  atInput,
  pageOf,
  pageQuery,
  planeNameSchema,
  reasonSchema,
  slugSchema,
  tenantIdSchema,
} from "./common.ts";
import { defineRoutes } from "./route.ts";

/** Features switched on and off by tenant, without a deployment. docs/flags.md has the rules. */
export const FLAG_LIMITS = {
  rules: 50,
  keyChars: 64,
  descriptionChars: 500,
  /** Flags that are not archived, in all. */
  flags: 500,
} as const;

export const flagKeySchema = z
  .string()
  .max(FLAG_LIMITS.keyChars)
  .regex(/^[a-z](?:[a-z0-9._-]*[a-z0-9])?$/, {
    error: "must be lowercase letters, digits and . _ - between them, starting with a letter",
  })
  .meta({ id: "FlagKey", example: "new-audit-view" });

const percentageSchema = z.number().min(0).max(100);

const ruleSchema = z
  .strictObject({
    cohort: cohortSchema,
    enabled: z.boolean(),
    percentage: percentageSchema.optional().meta({ description: "Only this share of the cohort" }),
  })
  .refine((rule) => rule.enabled || rule.percentage === undefined, {
    error: "must not be there when the rule switches off: raising it would switch tenants off",
    path: ["percentage"],
  })
  .meta({ id: "FlagRule" });

const definition = {
  defaultEnabled: z.boolean().meta({ description: "For whom nothing else says anything" }),
  rules: z
    .array(ruleSchema)
    .max(FLAG_LIMITS.rules)
    .meta({ description: "From the first to the last; the first that fits decides" }),
  percentage: percentageSchema.meta({
    description: "Of all tenants, by stable hash; raising it never switches anybody off",
  }),
};
export const flagDefinitionSchema = z.strictObject(definition);
export type FlagDefinition = z.output<typeof flagDefinitionSchema>;

const descriptionSchema = z.string().trim().max(FLAG_LIMITS.descriptionChars);

export const flagSchema = z
  .object({
    flagKey: flagKeySchema,
    description: z.string(),
    ...definition,
    recordVersion: z.int().meta({ description: "Grows by one with each change; also the ETag", example: 1 }),
    createdBy: z.string(),
    createdAt: at,
    updatedAt: at,
    archivedAt: at.nullable().meta({ description: "Since then it is its default for everybody" }),
  })
  .meta({ id: "Flag" });
export type Flag = z.output<typeof flagSchema>;

export const flagCreateSchema = z
  .strictObject({
    flagKey: flagKeySchema,
    description: descriptionSchema.default(""),
    defaultEnabled: definition.defaultEnabled.default(false),
    rules: definition.rules.default([]),
    percentage: definition.percentage.default(0),
    reason: reasonSchema.optional(),
  })
  .meta({
    id: "FlagCreate",
    example: {
      flagKey: "new-audit-view",
      description: "The audit page of spring",
      rules: [{ cohort: { labels: { tier: "gold" } }, enabled: true }],
      percentage: 10,
    },
  });
export type FlagCreate = z.output<typeof flagCreateSchema>;

export const flagUpdateSchema = z
  .strictObject({
    description: descriptionSchema.optional(),
    defaultEnabled: definition.defaultEnabled.optional(),
    rules: definition.rules.optional().meta({ description: "Replaces all rules" }),
    percentage: definition.percentage.optional(),
    reason: reasonSchema.optional(),
  })
  .refine(({ reason: _reason, ...update }) => Object.values(update).some((value) => value !== undefined), {
    error: "must change at least one field",
  })
  .meta({ id: "FlagUpdate", example: { percentage: 25, reason: "no complaints in a week" } });
export type FlagUpdate = z.output<typeof flagUpdateSchema>;

export const flagOverrideSchema = z
  .object({
    flagKey: flagKeySchema,
    tenantId: tenantIdSchema,
    enabled: z.boolean(),
    reason: z.string().nullable(),
    expiresAt: at.nullable(),
    expired: z.boolean().meta({ description: "An expired override decides nothing any more" }),
    recordVersion: z.int().meta({ description: "Grows by one with each change; also the ETag", example: 1 }),
    createdBy: z.string(),
    createdAt: at,
  })
  .meta({ id: "FlagOverride" });
export type FlagOverride = z.output<typeof flagOverrideSchema>;

export const flagOverrideSetSchema = z
  .strictObject({
    enabled: z.boolean(),
    expiresAt: atInput.optional().meta({ description: "It stands until it is removed when left out" }),
    reason: reasonSchema,
  })
  .meta({ id: "FlagOverrideSet", example: { enabled: true, reason: "asked for in ticket 4711" } });
export type FlagOverrideSet = z.output<typeof flagOverrideSetSchema>;

export const tenantFlagsSchema = z
  .object({
    tenantId: tenantIdSchema,
    slug: slugSchema,
    planeName: z.string().nullable().meta({ description: "The one that rules about planes were asked with" }),
    flags: z.array(z.object({ flagKey: flagKeySchema, enabled: z.boolean(), reason: z.string() })),
  })
  .meta({ id: "TenantFlags" });
export type TenantFlags = z.output<typeof tenantFlagsSchema>;

export const flagListQuerySchema = z.strictObject({
  ...pageQuery,
  archived: z.stringbool().default(false).meta({ description: "Archived ones, too" }),
});
export type FlagListQuery = z.output<typeof flagListQuerySchema>;

const base = "/v1/control-plane/flags";
const flagPath = `${base}/:flagKey`;
const overridePath = `${flagPath}/overrides/:tenantId`;
const params = z.strictObject({ flagKey: flagKeySchema });
const overrideParams = z.strictObject({ flagKey: flagKeySchema, tenantId: tenantIdSchema });
const reasonQuery = z.strictObject({ reason: reasonSchema.optional() });
const ifMatch = "Send If-Match with the record version to change only what you have read.";

export const flagRoutes = defineRoutes({
  flagCreate: {
    method: "post",
    path: base,
    tag: "Flags",
    summary: "Make a feature flag",
    role: "fleet_operator",
    body: flagCreateSchema,
    status: 201,
    response: flagSchema,
    errors: ["duplicate_flag", "too_many_flags"],
  },
  flagList: {
    method: "get",
    path: base,
    tag: "Flags",
    summary: "List flags, newest first",
    role: "auditor",
    query: flagListQuerySchema,
    status: 200,
    response: pageOf(flagSchema, "FlagPage"),
    errors: [],
  },
  flagGet: {
    method: "get",
    path: flagPath,
    tag: "Flags",
    summary: "Get a flag",
    role: "auditor",
    params,
    status: 200,
    response: flagSchema,
    errors: ["flag_not_found"],
  },
  flagUpdate: {
    method: "patch",
    path: flagPath,
    tag: "Flags",
    summary: "Change a flag",
    description: `Services see it when they ask next. ${ifMatch}`,
    role: "fleet_operator",
    params,
    body: flagUpdateSchema,
    status: 200,
    response: flagSchema,
    ifMatch: "record",
    errors: ["flag_not_found", "flag_archived", "version_conflict"],
  },
  flagArchive: {
    method: "delete",
    path: flagPath,
    tag: "Flags",
    summary: "Archive a flag",
    description: `It is its default for everybody from then on and cannot be changed; its key stays taken. ${ifMatch}`,
    role: "fleet_operator",
    params,
    query: reasonQuery,
    status: 200,
    response: flagSchema,
    ifMatch: "record",
    errors: ["flag_not_found", "version_conflict"],
  },
  flagOverrideSet: {
    method: "put",
    path: overridePath,
    tag: "Flags",
    summary: "Switch a flag on or off for one tenant",
    description: `Takes the place of an earlier override. ${ifMatch}`,
    role: "fleet_operator",
    params: overrideParams,
    body: flagOverrideSetSchema,
    status: 200,
    response: flagOverrideSchema,
    ifMatch: "record",
    errors: ["flag_not_found", "flag_archived", "tenant_not_found", "version_conflict"],
  },
  flagOverrideRemove: {
    method: "delete",
    path: overridePath,
    tag: "Flags",
    summary: "Let the flag's rules decide for a tenant again",
    description: ifMatch,
    role: "fleet_operator",
    params: overrideParams,
    query: reasonQuery,
    status: 200,
    response: flagOverrideSchema,
    ifMatch: "record",
    errors: ["tenant_not_found", "flag_not_found", "flag_override_not_found", "version_conflict"],
  },
  flagOverrideList: {
    method: "get",
    path: `${flagPath}/overrides`,
    tag: "Flags",
    summary: "List a flag's overrides",
    role: "auditor",
    params,
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(flagOverrideSchema, "FlagOverridePage"),
    errors: ["flag_not_found"],
  },
  tenantFlags: {
    method: "get",
    path: "/v1/control-plane/tenants/:tenantId/flags",
    tag: "Flags",
    summary: "All flags as they come out for a tenant",
    description:
      "For services: send If-None-Match with the ETag of the last answer, and 304 says that nothing has changed. A tenant " +
      "with targets on several planes is asked about with `plane` where rules name planes or regions.",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    query: z.strictObject({ plane: planeNameSchema.optional() }),
    status: 200,
    tagged: true,
    response: tenantFlagsSchema,
    errors: ["tenant_not_found", "target_missing"],
  },
});
