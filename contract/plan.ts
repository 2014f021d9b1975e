import { z } from "zod";
import { at, printable, reasonSchema } from "./common.ts";
import { planKeySchema, planVersionNumberSchema } from "./planKey.ts";
import { QUOTA_KEYS, type QuotaKey } from "./quota.ts";
import { isolationSchema } from "./tenant.ts";
import { SERVICE_NAMES, type ServiceName } from "./vocabulary.ts";

/**
 * Plans as data. A plan is a row of immutable, numbered versions; a tenant is bound to one of them. Applying a catalog makes new
 * versions and touches no tenant: a tenant changes when it is bound to another version, by its record, its manifest or a rollout.
 */
export const PLAN_API_VERSION = "tenantry.dev/v1";

export const PLAN_LIMITS = {
  plans: 100,
  features: 200,
  capabilityKeyChars: 80,
  quota: 1_000_000_000_000,
  rateLimitRequests: 1_000_000,
  rateLimitWindowSeconds: 86_400,
  endpoints: 200,
  displayNameChars: 120,
  descriptionChars: 500,
} as const;

/** What a service does about a capability when it has not heard from the control plane for too long. */
export const ON_STALE = ["open", "closed"] as const;
export type OnStale = (typeof ON_STALE)[number];

export const capabilityKeySchema = z
  .string()
  .max(PLAN_LIMITS.capabilityKeyChars)
  .regex(/^[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*$/, {
    error: "must be lowercase words with hyphens or dots between, such as audit-export",
  })
  .meta({ id: "CapabilityKey", example: "audit-export" });

export const onStaleSchema = z.enum(ON_STALE).meta({
  id: "OnStale",
  description: "Past the staleness bound: open allows the capability, closed refuses it",
});

const featureSchema = z
  .strictObject({ enabled: z.boolean(), onStale: onStaleSchema.default("closed") })
  .meta({ id: "PlanFeature" });
export type PlanFeature = z.output<typeof featureSchema>;

const featuresSchema = z
  .record(capabilityKeySchema, featureSchema)
  .refine((features) => Object.keys(features).length <= PLAN_LIMITS.features, {
    error: `must not have more than ${PLAN_LIMITS.features} features`,
  });

const amount = z.int().min(0).max(PLAN_LIMITS.quota);
const quotasSchema = z
  .strictObject(
    Object.fromEntries(QUOTA_KEYS.map((key) => [key, amount.optional()])) as Record<
      QuotaKey,
      z.ZodOptional<typeof amount>
    >,
  )
  .meta({ id: "PlanQuotas", description: "A quota that is left out is no bound" });
export type PlanQuotas = z.output<typeof quotasSchema>;

export const rateLimitSchema = z
  .strictObject({
    requests: z.int().min(1).max(PLAN_LIMITS.rateLimitRequests),
    windowSeconds: z.int().min(1).max(PLAN_LIMITS.rateLimitWindowSeconds),
  })
  .meta({ id: "RateLimit", example: { requests: 600, windowSeconds: 60 } });
export type RateLimit = z.output<typeof rateLimitSchema>;

const rateLimitsSchema = z
  .strictObject({
    default: rateLimitSchema,
    endpoints: z
      .record(z.string().regex(/^[a-zA-Z]{1,60}$/, { error: "must be an operation id" }), rateLimitSchema)
      .refine((endpoints) => Object.keys(endpoints).length <= PLAN_LIMITS.endpoints, {
        error: `must not name more than ${PLAN_LIMITS.endpoints} operations`,
      })
      .default({})
      .meta({ description: "By operation id" }),
  })
  .meta({ id: "PlanRateLimits" });
export type PlanRateLimits = z.output<typeof rateLimitsSchema>;

/** What Fargate takes: CPU units → least and most memory and the step between, in MiB. */
const FARGATE: Readonly<Record<number, readonly [least: number, most: number, step: number]>> = {
  256: [512, 2_048, 512],
  512: [1_024, 4_096, 1_024],
  1024: [2_048, 8_192, 1_024],
  2048: [4_096, 16_384, 1_024],
  4096: [8_192, 30_720, 1_024],
};

export const serviceSizeSchema = z
  .strictObject({
    cpu: z.int().meta({ description: "1024 is one vCPU; Fargate takes fixed pairs of CPU and memory" }),
    memoryMiB: z.int(),
    minCount: z.int().min(1).max(1_000),
    maxCount: z.int().min(1).max(1_000),
  })
  .superRefine(({ cpu, memoryMiB, minCount, maxCount }, context) => {
    const tell = (name: string, message: string) =>
      context.addIssue({ code: "custom", path: [name], message });
    const taken = FARGATE[cpu];
    if (taken === undefined) return tell("cpu", `must be one of ${Object.keys(FARGATE).join(", ")}`);
    const [least, most, step] = taken;
    if (memoryMiB < least || memoryMiB > most || memoryMiB % step !== 0)
      tell("memoryMiB", `must be ${least} to ${most} in steps of ${step} with ${cpu} CPU units`);
    if (maxCount < minCount) tell("maxCount", `must be at least minCount, which is ${minCount}`);
  })
  .meta({ id: "ServiceSize", example: { cpu: 256, memoryMiB: 512, minCount: 1, maxCount: 2 } });
export type ServiceSize = z.output<typeof serviceSizeSchema>;

const servicesSchema = z
  .strictObject(
    Object.fromEntries(SERVICE_NAMES.map((name) => [name, serviceSizeSchema])) as Record<
      ServiceName,
      typeof serviceSizeSchema
    >,
  )
  .meta({ id: "PlanServices" });
export type PlanServices = z.output<typeof servicesSchema>;

/** All that a version of a plan says. */
export const planSpecSchema = z
  .strictObject({
    displayName: printable(PLAN_LIMITS.displayNameChars),
    description: z
      .string()
      .trim()
      .max(PLAN_LIMITS.descriptionChars)
      .regex(/^[^\p{Cc}\p{Cs}]*$/u, { error: "must not hold control characters" })
      .default(""),
    features: featuresSchema,
    quotas: quotasSchema,
    rateLimits: rateLimitsSchema,
    isolation: z
      .array(isolationSchema)
      .min(1)
      .refine((levels) => new Set(levels).size === levels.length, { error: "must not name a level twice" }),
    services: servicesSchema,
  })
  .meta({ id: "PlanSpec" });
export type PlanSpec = z.output<typeof planSpecSchema>;

export const planDocumentSchema = z.strictObject({
  apiVersion: z.literal(PLAN_API_VERSION, { error: `must be ${PLAN_API_VERSION}` }),
  kind: z.literal("Plan", { error: "must be Plan" }),
  metadata: z.strictObject({
    key: planKeySchema,
    follows: z.int().min(0).max(1_000_000).optional(),
  }),
  spec: planSpecSchema,
});
export type PlanDocument = z.output<typeof planDocumentSchema>;

export const planVersionSchema = z
  .object({
    plan: planKeySchema,
    version: planVersionNumberSchema,
    ...planSpecSchema.shape,
    digest: z.string().meta({ description: "SHA-256 of what the version says, hex" }),
    createdBy: z.string(),
    createdAt: at,
  })
  .meta({ id: "PlanVersion", description: "Immutable: what a plan says from now on is its next version" });
export type PlanVersion = z.output<typeof planVersionSchema>;

export const planSummarySchema = z
  .object({
    plan: planKeySchema,
    latestVersion: planVersionNumberSchema,
    displayName: z.string(),
    updatedAt: at,
  })
  .meta({ id: "PlanSummary" });
export type PlanSummary = z.output<typeof planSummarySchema>;

const planChangeSchema = z
  .object({
    path: z.string().meta({ example: "services.iam-service.cpu" }),
    from: z.unknown().meta({ description: "Absent when there was nothing" }).optional(),
    to: z.unknown().meta({ description: "Absent when there is nothing any more" }).optional(),
  })
  .meta({ id: "PlanChange" });
export type PlanChange = z.output<typeof planChangeSchema>;

export const planDiffSchema = z
  .object({
    plan: planKeySchema,
    from: planVersionNumberSchema,
    to: planVersionNumberSchema,
    changes: z.array(planChangeSchema),
  })
  .meta({ id: "PlanDiff" });
export type PlanDiff = z.output<typeof planDiffSchema>;

const planResultSchema = z
  .object({
    plan: planKeySchema,
    file: z.string(),
    line: z.int(),
    result: z.enum(["create", "version", "none"]).meta({ description: "What applying did, or would do" }),
    fromVersion: planVersionNumberSchema.nullable().meta({ description: "Null for a plan that is new" }),
    version: planVersionNumberSchema.meta({ description: "The newest afterwards" }),
    changes: z.array(planChangeSchema),
    digest: z.string(),
  })
  .meta({ id: "PlanResult" });
export type PlanResult = z.output<typeof planResultSchema>;

export const planResultsSchema = z
  .object({ dryRun: z.boolean(), plans: z.array(planResultSchema) })
  .meta({ id: "PlanResults" });
export type PlanResults = z.output<typeof planResultsSchema>;

const textSchema = z.string().meta({ description: "YAML; one plan, or several with --- between" });

export const planBodySchema = z
  .strictObject({
    documents: z
      .array(
        z.union([textSchema, z.strictObject({ file: z.string().min(1).max(255), text: textSchema })], {
          error: "must be YAML text, or an object with file and text",
        }),
      )
      .min(1)
      .max(PLAN_LIMITS.plans),
  })
  .meta({
    id: "PlanDocuments",
    example: { documents: [{ file: "plans.yaml", text: "apiVersion: tenantry.dev/v1\nkind: Plan\n…" }] },
  });
export type PlanBody = z.output<typeof planBodySchema>;

export const planApplyQuerySchema = z.strictObject({
  dryRun: z
    .stringbool()
    .default(false)
    .meta({ description: "Validate and compare only", enum: ["true", "false"] }),
  reason: reasonSchema.optional().meta({ description: "Kept in the audit trail" }),
});
export type PlanApplyQuery = z.output<typeof planApplyQuerySchema>;
