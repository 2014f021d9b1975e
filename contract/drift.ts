import { z } from "zod";
import { cohortSchema } from "./cohort.ts";
import {
  at,
  LIMITS,
  pageOf,
  pageQuery,
  planeNameSchema,
  reasonSchema,
  tenantIdSchema,
  uuid,
} from "./common.ts";
import { operationAcceptedSchema } from "./operation.ts";
import { defineRoutes } from "./route.ts";
import {
  DRIFT_FINDING_KINDS,
  DRIFT_FINDING_STATUSES,
  DRIFT_SCAN_STATUSES,
  DRIFT_SCAN_TARGET_STATUSES,
} from "./vocabulary.ts";

export const driftScanCreateSchema = z
  .strictObject({ ...cohortSchema.shape, reason: reasonSchema.optional() })
  .meta({ id: "DriftScanCreate", example: {} });
export type DriftScanCreate = z.output<typeof driftScanCreateSchema>;

export const driftScanTargetSchema = z
  .object({
    targetId: uuid,
    tenantId: tenantIdSchema,
    status: z.enum(DRIFT_SCAN_TARGET_STATUSES),
    findings: z.int().meta({ description: "That count as drift: neither hidden nor ignored" }),
    error: z.string().nullable(),
    updatedAt: at,
  })
  .meta({ id: "DriftScanTarget" });
export type DriftScanTarget = z.output<typeof driftScanTargetSchema>;

export const driftScanSchema = z
  .object({
    scanId: uuid,
    status: z.enum(DRIFT_SCAN_STATUSES),
    scope: cohortSchema,
    scheduleId: uuid.nullable().meta({ description: "The schedule that asked for it" }),
    targetsTotal: z.int(),
    targetsDone: z.int(),
    targetsFailed: z.int(),
    targetsSkipped: z.int().meta({ description: "Could not be looked at; their `error` says why" }),
    findingsOpen: z
      .int()
      .meta({ description: "Found by this scan that count as drift: neither hidden nor ignored" }),
    findingsNew: z.int().meta({ description: "Of those, seen by this scan for the first time" }),
    findingsIgnored: z.int(),
    findingsHidden: z.int(),
    requestedBy: z.string(),
    requestId: z.string(),
    createdAt: at,
    startedAt: at.nullable(),
    finishedAt: at.nullable(),
  })
  .meta({ id: "DriftScan" });
export type DriftScan = z.output<typeof driftScanSchema>;

export const driftScanDetailSchema = driftScanSchema
  .extend({
    targets: z.array(driftScanTargetSchema).meta({
      description: `The first ${LIMITS.pageItems}; all of them page by page below \`/targets\``,
    }),
  })
  .meta({ id: "DriftScanDetail" });
export type DriftScanDetail = z.output<typeof driftScanDetailSchema>;

export const driftFindingSchema = z
  .object({
    findingId: uuid,
    tenantId: tenantIdSchema,
    slug: z.string(),
    targetId: uuid,
    planeName: z.string(),
    causeId: uuid.nullable().meta({ description: "Null when hidden: what is no drift has no cause" }),
    urn: z.string().meta({ description: "Of the resource; of what has none, a name of our own" }),
    resourceType: z.string(),
    logicalName: z.string(),
    physicalId: z.string().nullable(),
    kind: z.enum(DRIFT_FINDING_KINDS),
    properties: z.array(z.object({ path: z.string(), recorded: z.unknown(), actual: z.unknown() })),
    status: z.enum(DRIFT_FINDING_STATUSES),
    ignoreId: uuid.nullable(),
    ignoredUntil: at.nullable().meta({ description: "Until then it does not count as drift" }),
    needsPerson: z
      .string()
      .nullable()
      .meta({ description: "Why no repair that nobody asked for is made; null when there is no reason" }),
    seenCount: z.int(),
    firstSeenAt: at,
    lastSeenAt: at,
    resolvedAt: at.nullable(),
    resolvedBy: z.string().nullable().meta({ description: "scan, repair, deploy or decommission" }),
  })
  .meta({ id: "DriftFinding" });
export type DriftFinding = z.output<typeof driftFindingSchema>;

export const driftFindingListQuerySchema = z.strictObject({
  ...pageQuery,
  status: z.enum(DRIFT_FINDING_STATUSES).default("open"),
  kind: z
    .enum(DRIFT_FINDING_KINDS)
    .optional()
    .meta({ description: "All but `hidden` when left out, which are listed apart" }),
  causeId: uuid.optional(),
  tenantId: tenantIdSchema.optional(),
  targetId: uuid.optional(),
  plane: planeNameSchema.optional(),
});
export type DriftFindingListQuery = z.output<typeof driftFindingListQuerySchema>;

/** A finding as one scan saw it. */
export const driftScanFindingSchema = driftFindingSchema
  .extend({
    isNew: z.boolean().meta({ description: "No scan had seen it before" }),
    ignored: z.boolean().meta({ description: "Was ignored when the scan saw it" }),
  })
  .meta({ id: "DriftScanFinding" });
export type DriftScanFinding = z.output<typeof driftScanFindingSchema>;

export const findingsDigestSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: "must be 64 hexadecimal digits, as a preview of repairs gives them" })
  .meta({ description: "Of the findings that were seen", example: "0".repeat(64) });

const repairScope = {
  ...cohortSchema.shape,
  causeId: uuid.optional().meta({ description: "Only targets with open findings of this cause" }),
};

export const driftRepairCreateSchema = z
  .strictObject({
    ...repairScope,
    findingsDigest: findingsDigestSchema.optional().meta({
      description:
        "From a preview of the same repairs: refused, or ended as `findings_changed`, when something else differs by then",
    }),
    emergency: z
      .strictObject({ reason: reasonSchema })
      .optional()
      .meta({ description: "Starts outside windows and in a freeze all the same; audited" }),
    reason: reasonSchema.optional(),
  })
  .meta({ id: "DriftRepairCreate", example: {} });
export type DriftRepairCreate = z.output<typeof driftRepairCreateSchema>;

export const driftRepairPreviewCreateSchema = z
  .strictObject(repairScope)
  .meta({ id: "DriftRepairPreviewCreate", example: {} });
export type DriftRepairPreviewCreate = z.output<typeof driftRepairPreviewCreateSchema>;

export const driftRepairPreviewSchema = z
  .object({
    findingsDigest: findingsDigestSchema,
    targets: z.array(
      z.object({
        targetId: uuid,
        tenantId: tenantIdSchema,
        slug: z.string(),
        planeName: z.string(),
        digest: findingsDigestSchema.meta({ description: "Of this target's findings alone" }),
        findings: z.int(),
        deleted: z.int().meta({ description: "Resources that a repair makes anew" }),
        needsPerson: z.string().nullable(),
      }),
    ),
  })
  .meta({
    id: "DriftRepairPreview",
    description: "What is open now and a repair would put right, ignored findings included",
  });
export type DriftRepairPreview = z.output<typeof driftRepairPreviewSchema>;

const scanParams = z.strictObject({ scanId: uuid });

export const driftRoutes = defineRoutes({
  driftScanCreate: {
    method: "post",
    path: "/v1/control-plane/drift/scans",
    tag: "Drift",
    summary: "Compare the cloud with what is recorded",
    description: "Changes nothing in the cloud.",
    role: "fleet_operator",
    body: driftScanCreateSchema,
    bodyOptional: true,
    status: 202,
    response: driftScanSchema,
    errors: ["tenant_not_found", "plane_not_found"],
  },
  driftScanList: {
    method: "get",
    path: "/v1/control-plane/drift/scans",
    tag: "Drift",
    summary: "List scans, newest first",
    role: "auditor",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(driftScanSchema, "DriftScanPage"),
    errors: [],
  },
  driftScanGet: {
    method: "get",
    path: "/v1/control-plane/drift/scans/:scanId",
    tag: "Drift",
    summary: "Get a scan with its targets",
    role: "auditor",
    params: scanParams,
    status: 200,
    response: driftScanDetailSchema,
    errors: ["drift_scan_not_found"],
  },
  driftScanTargetList: {
    method: "get",
    path: "/v1/control-plane/drift/scans/:scanId/targets",
    tag: "Drift",
    summary: "List the targets of a scan",
    role: "auditor",
    params: scanParams,
    query: z.strictObject({ ...pageQuery, status: z.enum(DRIFT_SCAN_TARGET_STATUSES).optional() }),
    status: 200,
    response: pageOf(driftScanTargetSchema, "DriftScanTargetPage"),
    errors: ["drift_scan_not_found"],
  },
  driftScanFindingList: {
    method: "get",
    path: "/v1/control-plane/drift/scans/:scanId/findings",
    tag: "Drift",
    summary: "List what a scan found, hidden and ignored findings included",
    role: "auditor",
    params: scanParams,
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(driftScanFindingSchema, "DriftScanFindingPage"),
    errors: ["drift_scan_not_found"],
  },
  driftFindingList: {
    method: "get",
    path: "/v1/control-plane/drift",
    tag: "Drift",
    summary: "List what has drifted, one finding a resource",
    role: "auditor",
    query: driftFindingListQuerySchema,
    status: 200,
    response: pageOf(driftFindingSchema, "DriftFindingPage"),
    errors: ["tenant_not_found"],
  },
  driftRepairCreate: {
    method: "post",
    path: "/v1/control-plane/drift/repairs",
    tag: "Drift",
    summary: "Bring targets with open findings back to what is recorded",
    role: "fleet_operator",
    body: driftRepairCreateSchema,
    bodyOptional: true,
    status: 202,
    response: operationAcceptedSchema,
    errors: [
      "tenant_not_found",
      "plane_not_found",
      "drift_cause_not_found",
      "findings_changed",
      "window_closed",
      "operation_in_progress",
    ],
  },
  driftRepairPreview: {
    method: "post",
    path: "/v1/control-plane/drift/repairs/preview",
    tag: "Drift",
    summary: "Tell what repairs would put right, and its digest",
    description:
      "Changes nothing. The digest binds repairs, and a rollout of kind `drift_repair`, to what was seen.",
    role: "auditor",
    body: driftRepairPreviewCreateSchema,
    bodyOptional: true,
    status: 200,
    response: driftRepairPreviewSchema,
    errors: ["tenant_not_found", "plane_not_found", "drift_cause_not_found"],
  },
});
