import { z } from "zod";
import {
  at,
  LIMITS,
  pageOf,
  pageQuery,
  planeNamesSchema,
  reasonSchema,
  releaseNumberSchema,
  tenantIdSchema,
  uuid,
} from "./common.ts";
import { operationOptions } from "./operation.ts";
import { preflightWarningsSchema } from "./preflight.ts";
import { defineRoutes } from "./route.ts";
import { ROLLOUT_STATUSES, ROLLOUT_TARGET_STATUSES } from "./vocabulary.ts";

const cohortSchema = z.strictObject({
  tenantIds: z.array(tenantIdSchema).min(1).max(LIMITS.tenantsPerRequest),
});
const shareSchema = z.strictObject({
  percentage: z
    .number()
    .gt(0)
    .max(100)
    .meta({ description: "Share of all tenants of the rollout, rounded up" }),
});

/** A tenant joins the first wave that names it; whoever is in no wave forms the last one. */
export const waveSchema = z.union([cohortSchema, shareSchema], {
  error: "must have either tenantIds or percentage, and nothing else",
});

export const rolloutStrategySchema = z.strictObject({
  waves: z.array(waveSchema).max(LIMITS.waves).default([]),
  maxConcurrency: z
    .int()
    .min(1)
    .max(LIMITS.maxConcurrency)
    .default(2)
    .meta({ description: "Targets at once" }),
  onFailure: operationOptions.onFailure,
});

export const rolloutCreateSchema = z
  .strictObject({
    releaseNumber: releaseNumberSchema,
    planes: planeNamesSchema.min(1).optional().meta({ description: "All planes when left out" }),
    tenantIds: z
      .array(tenantIdSchema)
      .min(1)
      .max(LIMITS.tenantsPerRequest)
      .optional()
      .meta({ description: "All active tenants when left out" }),
    ...rolloutStrategySchema.shape,
    reason: reasonSchema.optional(),
  })
  .meta({
    id: "RolloutCreate",
    example: { releaseNumber: 2, waves: [{ percentage: 10 }, { percentage: 90 }], maxConcurrency: 2 },
  });
export type RolloutCreate = z.output<typeof rolloutCreateSchema>;

export const rolloutTargetSchema = z
  .object({
    targetId: uuid,
    tenantId: tenantIdSchema,
    planeName: z.string(),
    wave: z.int().meta({ description: "1 is the first" }),
    status: z.enum(ROLLOUT_TARGET_STATUSES),
    operationId: uuid.nullable(),
    fromReleaseNumber: z.int().nullable(),
    error: z.string().nullable(),
    updatedAt: at,
  })
  .meta({ id: "RolloutTarget" });
export type RolloutTarget = z.output<typeof rolloutTargetSchema>;

export const rolloutSchema = z
  .object({
    rolloutId: uuid,
    releaseNumber: z.int(),
    status: z.enum(ROLLOUT_STATUSES),
    strategy: rolloutStrategySchema,
    waveCount: z.int(),
    currentWave: z.int().meta({ description: "0 before the first" }),
    haltReason: z.string().nullable(),
    createdBy: z.string(),
    requestId: z.string(),
    correlationId: z.string(),
    createdAt: at,
    updatedAt: at,
    startedAt: at.nullable(),
    finishedAt: at.nullable(),
  })
  .meta({ id: "Rollout" });
export type Rollout = z.output<typeof rolloutSchema>;

export const rolloutDetailSchema = rolloutSchema
  .extend({ targets: z.array(rolloutTargetSchema) })
  .meta({ id: "RolloutDetail" });
export type RolloutDetail = z.output<typeof rolloutDetailSchema>;

export const rolloutCreatedSchema = rolloutDetailSchema
  .extend({
    warnings: preflightWarningsSchema.meta({
      description: "Where the planes may not have room while targets change; nothing is refused by it",
    }),
  })
  .meta({ id: "RolloutCreated" });
export type RolloutCreated = z.output<typeof rolloutCreatedSchema>;

const params = z.strictObject({ rolloutId: uuid });

export const rolloutRoutes = defineRoutes({
  rolloutCreate: {
    method: "post",
    path: "/v1/control-plane/rollouts",
    tag: "Rollouts",
    summary: "Bring a release to the fleet in waves",
    description:
      "A wave starts when every target of the one before has succeeded; the first failure stops the rollout.",
    role: "operator",
    body: rolloutCreateSchema,
    status: 202,
    response: rolloutCreatedSchema,
    errors: [
      "release_not_found",
      "tenant_not_found",
      "plane_missing",
      "target_missing",
      "managed_by_manifest",
      "rollout_in_progress",
    ],
  },
  rolloutList: {
    method: "get",
    path: "/v1/control-plane/rollouts",
    tag: "Rollouts",
    summary: "List rollouts, newest first",
    role: "auditor",
    query: z.strictObject({ ...pageQuery, status: z.enum(ROLLOUT_STATUSES).optional() }),
    status: 200,
    response: pageOf(rolloutSchema, "RolloutPage"),
    errors: [],
  },
  rolloutGet: {
    method: "get",
    path: "/v1/control-plane/rollouts/:rolloutId",
    tag: "Rollouts",
    summary: "Get a rollout with its targets",
    role: "auditor",
    params,
    status: 200,
    response: rolloutDetailSchema,
    errors: ["rollout_not_found"],
  },
  rolloutCancel: {
    method: "post",
    path: "/v1/control-plane/rollouts/:rolloutId/cancel",
    tag: "Rollouts",
    summary: "Start nothing more of a rollout",
    description: "Operations that run are left to end.",
    role: "operator",
    params,
    body: z.strictObject({ reason: reasonSchema.optional() }).meta({ id: "RolloutCancel" }),
    bodyOptional: true,
    status: 202,
    response: rolloutSchema,
    errors: ["rollout_not_found", "rollout_finished"],
  },
});
