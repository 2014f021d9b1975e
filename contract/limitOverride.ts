import { z } from "zod";
import { at, atInput, pageOf, pageQuery, reasonSchema, tenantIdSchema, uuid } from "./common.ts";
import { quotaKeySchema } from "./quota.ts";
import { defineRoutes } from "./route.ts";

/** What one tenant may for a while instead of what its plan says: more, or less. */
export const LIMIT_OVERRIDE_LIMITS = {
  /** An override is an exception: whoever needs it for longer renews it, or needs another plan. */
  lifetimeMs: 366 * 86_400_000,
  requests: 1_000_000_000,
  windowSeconds: 86_400,
  quota: 1_000_000_000_000,
} as const;

const operationIdSchema = z
  .string()
  .max(80)
  .regex(/^[a-z][A-Za-z0-9]*$/, { error: "must be an operation id of this API, such as tenantGet" });

const quotaLimitSchema = z.strictObject({
  kind: z.literal("quota"),
  quota: quotaKeySchema,
  value: z
    .int()
    .min(0)
    .max(LIMIT_OVERRIDE_LIMITS.quota)
    .nullable()
    .meta({ description: "null: as much as it likes" }),
});

const rateLimitSchema = z.strictObject({
  kind: z.literal("rate"),
  operationId: operationIdSchema
    .nullable()
    .default(null)
    .meta({ description: "null: all endpoints for which nothing of their own is said" }),
  requests: z.int().min(1).max(LIMIT_OVERRIDE_LIMITS.requests),
  windowSeconds: z.int().min(1).max(LIMIT_OVERRIDE_LIMITS.windowSeconds).default(60),
});

export const overriddenLimitSchema = z
  .discriminatedUnion("kind", [quotaLimitSchema, rateLimitSchema])
  .meta({ id: "OverriddenLimit" });
export type OverriddenLimit = z.output<typeof overriddenLimitSchema>;

export const limitOverrideSchema = z
  .object({
    overrideId: uuid,
    tenantId: tenantIdSchema,
    limit: overriddenLimitSchema,
    reason: z.string(),
    createdBy: z.string(),
    createdAt: at,
    expiresAt: at,
    endedAt: at.nullable(),
    endedBy: z.string().nullable(),
    endReason: z.string().nullable(),
    inForce: z.boolean().meta({ description: "Neither ended nor expired" }),
  })
  .meta({ id: "LimitOverride" });
export type LimitOverride = z.output<typeof limitOverrideSchema>;

export const limitOverrideCreateSchema = z
  .strictObject({
    tenantId: tenantIdSchema,
    limit: overriddenLimitSchema,
    reason: reasonSchema,
    expiresAt: atInput.meta({ description: "At most 366 days from now; it ends by itself" }),
  })
  .meta({
    id: "LimitOverrideCreate",
    example: {
      tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11",
      limit: { kind: "quota", quota: "eventsPerDay", value: 2_000_000 },
      reason: "black week, ticket 4711",
      expiresAt: "2026-12-01T00:00:00.000Z",
    },
  });
export type LimitOverrideCreate = z.output<typeof limitOverrideCreateSchema>;

export const limitOverrideListQuerySchema = z.strictObject({
  ...pageQuery,
  tenantId: tenantIdSchema.optional(),
  ended: z.stringbool().default(false).meta({ description: "Those that have ended or expired, too" }),
});
export type LimitOverrideListQuery = z.output<typeof limitOverrideListQuerySchema>;

const base = "/v1/control-plane/limit-overrides";
const params = z.strictObject({ overrideId: uuid });

export const limitOverrideRoutes = defineRoutes({
  limitOverrideCreate: {
    method: "post",
    path: base,
    tag: "Limits",
    summary: "Let a tenant have another limit for a while",
    description:
      "A quota, or how many requests about the tenant are answered. An earlier override of the same limit ends.",
    role: "fleet_admin",
    body: limitOverrideCreateSchema,
    status: 201,
    response: limitOverrideSchema,
    errors: ["tenant_not_found"],
  },
  limitOverrideList: {
    method: "get",
    path: base,
    tag: "Limits",
    summary: "List overrides of limits, newest first",
    role: "auditor",
    query: limitOverrideListQuerySchema,
    status: 200,
    response: pageOf(limitOverrideSchema, "LimitOverridePage"),
    errors: ["tenant_not_found"],
  },
  limitOverrideGet: {
    method: "get",
    path: `${base}/:overrideId`,
    tag: "Limits",
    summary: "Get an override of a limit",
    role: "auditor",
    params,
    status: 200,
    response: limitOverrideSchema,
    errors: ["limit_override_not_found"],
  },
  limitOverrideEnd: {
    method: "post",
    path: `${base}/:overrideId/end`,
    tag: "Limits",
    summary: "End an override before its time",
    role: "fleet_admin",
    params,
    body: z.strictObject({ reason: reasonSchema }).meta({ id: "LimitOverrideEnd" }),
    status: 200,
    response: limitOverrideSchema,
    errors: ["limit_override_not_found"],
  },
});
