import { z } from "zod";
import { cohortSchema } from "./cohort.ts";
import { at, pageOf, pageQuery, planeNameSchema, reasonSchema, tenantIdSchema, uuid } from "./common.ts";
import { driftFindingSchema, findingsDigestSchema } from "./drift.ts";
import { defineRoutes } from "./route.ts";
import { DRIFT_CAUSE_STATUSES, DRIFT_FINDING_KINDS } from "./vocabulary.ts";

export const driftIgnoreCreateSchema = z
  .strictObject({
    scope: cohortSchema.optional().meta({ description: "Whom it is for; all tenants when left out" }),
    expiresAt: at.meta({ description: "At most a year from now" }),
    reason: reasonSchema,
  })
  .meta({
    id: "DriftIgnoreCreate",
    example: { expiresAt: "2026-04-01T00:00:00.000Z", reason: "load test until the end of March" },
  });
export type DriftIgnoreCreate = z.output<typeof driftIgnoreCreateSchema>;

export const driftIgnoreSchema = z
  .object({
    ignoreId: uuid,
    causeId: uuid,
    scope: cohortSchema,
    reason: z.string(),
    createdBy: z.string(),
    createdAt: at,
    expiresAt: at,
    endedAt: at.nullable(),
    endedBy: z.string().nullable().meta({ description: "`expiry`, or who ended it" }),
  })
  .meta({ id: "DriftIgnore" });
export type DriftIgnore = z.output<typeof driftIgnoreSchema>;

export const driftCauseSchema = z
  .object({
    causeId: uuid,
    status: z.enum(DRIFT_CAUSE_STATUSES),
    kind: z.enum(DRIFT_FINDING_KINDS),
    resourceType: z.string(),
    logicalName: z
      .string()
      .meta({ description: "Of the first resource it was seen on, without what is its tenant's own" }),
    properties: z.array(z.object({ path: z.string(), actual: z.unknown() })).meta({
      description: "Which properties, and to what; {tenant}, {account} and such stand for what differs",
    }),
    tenants: z.int().meta({ description: "With an open finding" }),
    targets: z.int(),
    findings: z.int(),
    ignoredFindings: z.int().meta({ description: "Of those, ignored for the time being" }),
    firstSeenAt: at.meta({ description: "Ever" }),
    lastSeenAt: at,
    openedAt: at.meta({ description: "When it began, the last time" }),
    resolvedAt: at.nullable(),
    episodes: z.int().meta({ description: "How often it has been opened" }),
    timeInDriftMs: z.int().meta({ description: "All episodes together" }),
  })
  .meta({ id: "DriftCause" });
export type DriftCause = z.output<typeof driftCauseSchema>;

export const driftCauseDetailSchema = driftCauseSchema
  .extend({
    findingsDigest: findingsDigestSchema.meta({
      description: "Of all that is open on its targets: binds a rollout of kind `drift_repair`",
    }),
    history: z
      .array(z.object({ episode: z.int(), openedAt: at, resolvedAt: at.nullable(), mostTenants: z.int() }))
      .meta({ description: "The last 50 episodes, newest first" }),
    ignores: z.array(driftIgnoreSchema).meta({ description: "In force, the newest first; at most 50" }),
  })
  .meta({ id: "DriftCauseDetail" });
export type DriftCauseDetail = z.output<typeof driftCauseDetailSchema>;

export const driftCauseListQuerySchema = z.strictObject({
  ...pageQuery,
  status: z.enum(DRIFT_CAUSE_STATUSES).default("open"),
  kind: z.enum(DRIFT_FINDING_KINDS).optional(),
  tenantId: tenantIdSchema.optional().meta({ description: "With an open finding of this tenant" }),
  plane: planeNameSchema.optional().meta({ description: "With an open finding on this plane" }),
});
export type DriftCauseListQuery = z.output<typeof driftCauseListQuerySchema>;

const causeParams = z.strictObject({ causeId: uuid });
const causePath = "/v1/control-plane/drift/causes/:causeId";

export const driftCauseRoutes = defineRoutes({
  driftCauseList: {
    method: "get",
    path: "/v1/control-plane/drift/causes",
    tag: "Drift",
    summary: "List why the fleet has drifted: most tenants first, then the oldest",
    role: "auditor",
    query: driftCauseListQuerySchema,
    status: 200,
    response: pageOf(driftCauseSchema, "DriftCausePage"),
    errors: ["tenant_not_found"],
  },
  driftCauseGet: {
    method: "get",
    path: causePath,
    tag: "Drift",
    summary: "Get a cause with its history and ignores",
    role: "auditor",
    params: causeParams,
    status: 200,
    response: driftCauseDetailSchema,
    errors: ["drift_cause_not_found"],
  },
  driftCauseFindingList: {
    method: "get",
    path: `${causePath}/findings`,
    tag: "Drift",
    summary: "List the open findings of a cause, newest first",
    role: "auditor",
    params: causeParams,
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(driftFindingSchema, "DriftCauseFindingPage"),
    errors: ["drift_cause_not_found"],
  },
  driftIgnoreCreate: {
    method: "post",
    path: `${causePath}/ignores`,
    tag: "Drift",
    summary: "Let a cause not count as drift for a time, everywhere or for a cohort",
    role: "fleet_operator",
    params: causeParams,
    body: driftIgnoreCreateSchema,
    status: 201,
    response: driftIgnoreSchema,
    errors: ["drift_cause_not_found", "tenant_not_found", "plane_not_found"],
  },
  driftIgnoreList: {
    method: "get",
    path: "/v1/control-plane/drift/ignores",
    tag: "Drift",
    summary: "List ignores, newest first",
    role: "auditor",
    query: z.strictObject({
      ...pageQuery,
      causeId: uuid.optional(),
      ended: z
        .stringbool()
        .default(false)
        .meta({ description: "Those no longer in force, instead of those that are" }),
    }),
    status: 200,
    response: pageOf(driftIgnoreSchema, "DriftIgnorePage"),
    errors: [],
  },
  driftIgnoreEnd: {
    method: "post",
    path: "/v1/control-plane/drift/ignores/:ignoreId/end",
    tag: "Drift",
    summary: "Let what was ignored count as drift again",
    role: "fleet_operator",
    params: z.strictObject({ ignoreId: uuid }),
    body: z.strictObject({ reason: reasonSchema.optional() }).meta({ id: "DriftIgnoreEnd" }),
    bodyOptional: true,
    status: 200,
    response: driftIgnoreSchema,
    errors: ["drift_ignore_not_found"],
  },
});
