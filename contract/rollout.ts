import { z } from "zod";
import { cohortSchema } from "./cohort.ts";
import { at, LIMITS, pageQuery, reasonSchema, releaseNumberSchema, tenantIdSchema, uuid } from "./common.ts";
import { preflightWarningsSchema } from "./preflight.ts";
import { ROLLOUT_ACTIONS, ROLLOUT_ENDS } from "./rolloutActions.ts";
import { rolloutBeforeSchema, rolloutChangeSchema } from "./rolloutChange.ts";
import { rolloutRulesSchema, rolloutStrategy, waveSettings } from "./rolloutStrategy.ts";
import { ROLLOUT_STATUSES, ROLLOUT_TARGET_STATUSES, ROLLOUT_WAVE_STATUSES } from "./vocabulary.ts";

/**
 * A rollout is a document: what changes, for whom, in which waves, and what is done when it goes wrong. docs/rollouts.md has the rules.
 */
export const rolloutCreateSchema = z
  .strictObject({
    change: rolloutChangeSchema,
    scope: cohortSchema.default({}).meta({ description: "Whom it is for; everybody when left out" }),
    ...rolloutStrategy,
    reason: reasonSchema.optional(),
  })
  .refine(({ change, onExceeded }) => change.kind !== "drift_repair" || onExceeded !== "rollback", {
    path: ["onExceeded"],
    error: "must be halt for a drift_repair: it puts back what was recorded, and cannot be taken back",
  })
  .meta({
    id: "RolloutCreate",
    example: {
      change: { kind: "release", releaseNumber: 2 },
      scope: { plans: ["starter", "business"] },
      waves: [{ name: "canary", count: 1, bakeMs: 600_000 }, { percentage: 10 }],
      maxConcurrency: "25%",
      failureTolerance: 0,
      onExceeded: "rollback",
      reason: "fixes the audit export",
    },
  });
export type RolloutCreate = z.output<typeof rolloutCreateSchema>;

const countsSchema = z
  .object(Object.fromEntries(ROLLOUT_TARGET_STATUSES.map((status) => [status, z.int()])) as Counts)
  .meta({ id: "RolloutCounts", description: "Targets by status" });
type Counts = Record<(typeof ROLLOUT_TARGET_STATUSES)[number], z.ZodInt>;
export type RolloutCounts = z.output<typeof countsSchema>;

export const rolloutHealthSchema = z
  .object({ healthy: z.boolean(), checkedAt: at, reason: z.string().nullable() })
  .meta({ id: "RolloutHealth", description: "What the last look at the health gate found" });
export type RolloutHealth = z.output<typeof rolloutHealthSchema>;

export const rolloutTargetSchema = z
  .object({
    targetId: uuid,
    tenantId: tenantIdSchema,
    planeName: z.string(),
    wave: z.int().meta({ description: "1 is the first" }),
    status: z.enum(ROLLOUT_TARGET_STATUSES),
    reason: z.string().nullable().meta({ description: "Why it is not, or not yet, as it was to be" }),
    operationId: uuid.nullable().meta({ description: "Its last operation" }),
    toReleaseNumber: z.int().nullable().meta({ description: "Null when the rollout changes no release" }),
    before: rolloutBeforeSchema,
    previewGroup: z.string().nullable(),
    planDigest: z.string().nullable(),
    specDigest: z.string().nullable(),
    previewError: z
      .string()
      .nullable()
      .meta({ description: "Why it could not be previewed, or why its preview left it out" }),
    rollbackRequestedAt: at.nullable().meta({ description: "While it waits to be rolled back" }),
    health: rolloutHealthSchema.nullable(),
    attempt: z.int().meta({ description: "How often it was begun" }),
    startedAt: at.nullable(),
    endedAt: at.nullable().meta({ description: "When its last operation ended" }),
    progressAt: at.nullable(),
    updatedAt: at,
  })
  .meta({ id: "RolloutTarget" });
export type RolloutTarget = z.output<typeof rolloutTargetSchema>;

export const rolloutWaveSchema = z
  .object({
    wave: z.int().meta({ description: "1 is the first" }),
    name: z.string().nullable(),
    status: z.enum(ROLLOUT_WAVE_STATUSES),
    size: z
      .int()
      .meta({ description: "Targets that percentages are of; those skipped from the start left out" }),
    ...waveSettings,
    approvalAskedAt: at.nullable(),
    approvedBy: z.string().nullable(),
    approvedAt: at.nullable(),
    startedAt: at.nullable(),
    bakeUntil: at.nullable(),
    endedAt: at.nullable(),
    counts: countsSchema,
  })
  .meta({ id: "RolloutWave" });
export type RolloutWave = z.output<typeof rolloutWaveSchema>;

export const rolloutSchema = z
  .object({
    rolloutId: uuid,
    change: rolloutChangeSchema,
    scope: cohortSchema,
    status: z.enum(ROLLOUT_STATUSES),
    statusReason: z.string().nullable().meta({ description: "Why it is paused, halted, or ended so" }),
    reason: z.string().nullable(),
    rules: rolloutRulesSchema,
    planes: z.array(z.string()),
    waveCount: z.int(),
    currentWave: z.int().meta({ description: "The last that has begun; 0 before the first" }),
    targetCount: z.int(),
    previewDigest: z.string().nullable().meta({ description: "Of the whole preview; start names it" }),
    stuckSince: at.nullable(),
    stuckReason: z.string().nullable(),
    cancelRequestedAt: at.nullable(),
    endedAs: z
      .enum(ROLLOUT_ENDS)
      .nullable()
      .meta({ description: "How it ends again when the part of it that is rolled back has been" }),
    createdBy: z.string(),
    requestId: z.string(),
    correlationId: z.string(),
    createdAt: at,
    updatedAt: at,
    previewedAt: at.nullable(),
    queuedAt: at.nullable(),
    startedAt: at.nullable(),
    progressAt: at.nullable().meta({ description: "When something last moved" }),
    finishedAt: at.nullable(),
  })
  .meta({ id: "Rollout" });
export type Rollout = z.output<typeof rolloutSchema>;

export const rolloutDetailSchema = rolloutSchema
  .extend({
    counts: countsSchema,
    waves: z.array(rolloutWaveSchema),
    allowedActions: z.array(z.enum(ROLLOUT_ACTIONS)).meta({ description: "What may be asked for now" }),
  })
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

export const previewChangeSchema = z
  .object({
    op: z.string().meta({ example: "update" }),
    resourceType: z.string(),
    logicalName: z.string(),
    properties: z.array(z.string()).meta({ description: "Paths that change" }),
    replaceProperties: z.array(z.string()).meta({ description: "Those that force a replacement" }),
    values: z
      .array(
        z.object({
          path: z
            .string()
            .meta({ example: "containerDefinitions.audit-service.environment.LOG_LEVEL.value" }),
          old: z.string().nullable().meta({ description: "Null: there was none" }),
          new: z
            .string()
            .nullable()
            .meta({ description: "Null: there will be none; `[computed]`: only the run will tell" }),
        }),
      )
      .meta({
        description:
          "What changes to what, as text, in place of what is the tenant's own a word in braces, secrets masked; cut when there is much of it",
      }),
  })
  .meta({ id: "PreviewChange" });
export type PreviewChange = z.output<typeof previewChangeSchema>;

export const rolloutPreviewGroupSchema = z
  .object({
    groupKey: z.string(),
    changes: z.array(previewChangeSchema).meta({ description: "None: nothing would change" }),
    operations: z.record(z.string(), z.int()).meta({ description: "Resources by operation" }),
    replaces: z.int(),
    deletes: z.int(),
    targetCount: z.int(),
    tenantCount: z.int(),
    targets: z
      .array(z.object({ targetId: uuid, tenantId: tenantIdSchema, planeName: z.string() }))
      .meta({ description: `The first ${LIMITS.previewSample}` }),
  })
  .meta({ id: "RolloutPreviewGroup" });
export type RolloutPreviewGroup = z.output<typeof rolloutPreviewGroupSchema>;

export const rolloutPreviewSchema = z
  .object({
    rolloutId: uuid,
    status: z.enum(ROLLOUT_STATUSES),
    previewDigest: z.string().nullable().meta({ description: "Null while targets are still previewed" }),
    previewedAt: at.nullable(),
    progress: z.object({
      targets: z.int(),
      previewed: z.int(),
      failed: z.int().meta({ description: "Could not be previewed: see previewError of the targets" }),
    }),
    items: z
      .array(rolloutPreviewGroupSchema)
      .meta({ description: "Replacements and deletions first, then the largest first" }),
    leftOut: z
      .array(
        z.object({
          status: z.enum(["skipped", "held"]),
          reason: z
            .string()
            .meta({ example: "a policy forbids it: Gold tenants keep their release. (gold-rests)" }),
          targetCount: z.int().min(1),
          tenantCount: z.int().min(1),
        }),
      )
      .meta({
        description: `Targets that nothing would be done to, by reason (refused by policies, suspended, pinned …); the ${LIMITS.previewReasons} of most targets`,
      }),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: "RolloutPreview" });
export type RolloutPreview = z.output<typeof rolloutPreviewSchema>;

export const rolloutListQuerySchema = z.strictObject({
  ...pageQuery,
  status: z.enum(ROLLOUT_STATUSES).optional(),
});
export type RolloutListQuery = z.output<typeof rolloutListQuerySchema>;

export const rolloutTargetListQuerySchema = z.strictObject({
  ...pageQuery,
  status: z.enum(ROLLOUT_TARGET_STATUSES).optional(),
  wave: z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMITS.waves + 1)
    .optional(),
  previewGroup: z.string().min(1).max(128).optional(),
});
export type RolloutTargetListQuery = z.output<typeof rolloutTargetListQuerySchema>;

const reason = { reason: reasonSchema.optional() };
const targetIds = z.array(uuid).min(1).max(LIMITS.tenantsPerRequest);

export const rolloutStartSchema = z
  .strictObject({
    previewDigest: z.string().min(1).max(128).meta({ description: "Of the preview that was looked at" }),
    ...reason,
  })
  .meta({ id: "RolloutStart" });
export type RolloutStart = z.output<typeof rolloutStartSchema>;

export const rolloutControlSchema = z.strictObject(reason).meta({ id: "RolloutControl", example: {} });
export type RolloutControl = z.output<typeof rolloutControlSchema>;

export const rolloutApproveSchema = z
  .strictObject({
    wave: z
      .int()
      .min(1)
      .max(LIMITS.waves + 1),
    ...reason,
  })
  .meta({ id: "RolloutApprove" });
export type RolloutApprove = z.output<typeof rolloutApproveSchema>;

export const rolloutSkipSchema = z.strictObject({ targetIds, ...reason }).meta({ id: "RolloutSkip" });
export type RolloutSkip = z.output<typeof rolloutSkipSchema>;

export const rolloutRetrySchema = z
  .strictObject({
    targetIds: targetIds.optional().meta({ description: "Of the failed ones; all of them when left out" }),
    ...reason,
  })
  .meta({ id: "RolloutRetry", example: {} });
export type RolloutRetry = z.output<typeof rolloutRetrySchema>;

export const rolloutRetargetSchema = z
  .strictObject({ releaseNumber: releaseNumberSchema, ...reason })
  .meta({ id: "RolloutRetarget" });
export type RolloutRetarget = z.output<typeof rolloutRetargetSchema>;

export const rolloutRollbackSchema = z
  .strictObject({
    scope: z.union([
      z.strictObject({ kind: z.literal("all") }),
      z.strictObject({
        kind: z.literal("wave"),
        wave: z
          .int()
          .min(1)
          .max(LIMITS.waves + 1),
      }),
      z.strictObject({ kind: z.literal("targets"), targetIds }),
    ]),
    ...reason,
  })
  .meta({ id: "RolloutRollback", example: { scope: { kind: "all" }, reason: "slow answers" } });
export type RolloutRollback = z.output<typeof rolloutRollbackSchema>;
