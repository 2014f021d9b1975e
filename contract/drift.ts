import { z } from "zod";
import {
  at,
  LIMITS,
  pageOf,
  pageQuery,
  planeNameSchema,
  planeNamesSchema,
  reasonSchema,
  tenantIdSchema,
  uuid,
} from "./common.ts";
import { operationAcceptedSchema } from "./operation.ts";
import { defineRoutes } from "./route.ts";
import { DRIFT_FINDING_KINDS, DRIFT_FINDING_STATUSES, DRIFT_SCAN_STATUSES } from "./vocabulary.ts";

const scope = {
  planes: planeNamesSchema.min(1).optional().meta({ description: "All planes when left out" }),
  tenantIds: z
    .array(tenantIdSchema)
    .min(1)
    .max(LIMITS.tenantsPerRequest)
    .optional()
    .meta({ description: "All tenants when left out" }),
};

export const driftScanCreateSchema = z.strictObject(scope).meta({ id: "DriftScanCreate", example: {} });
export type DriftScanCreate = z.output<typeof driftScanCreateSchema>;

export const driftScanTargetSchema = z
  .object({
    targetId: uuid,
    tenantId: tenantIdSchema,
    status: z.enum(["pending", "running", "clean", "drifted", "failed", "skipped"]),
    findings: z.int(),
    error: z.string().nullable(),
    updatedAt: at,
  })
  .meta({ id: "DriftScanTarget" });
export type DriftScanTarget = z.output<typeof driftScanTargetSchema>;

export const driftScanSchema = z
  .object({
    scanId: uuid,
    status: z.enum(DRIFT_SCAN_STATUSES),
    scope: z.object({ planes: z.array(z.string()).optional(), tenantIds: z.array(z.string()).optional() }),
    targetsTotal: z.int(),
    targetsDone: z.int(),
    targetsFailed: z.int(),
    findingsOpen: z.int().meta({ description: "Found by this scan" }),
    requestedBy: z.string(),
    requestId: z.string(),
    createdAt: at,
    startedAt: at.nullable(),
    finishedAt: at.nullable(),
  })
  .meta({ id: "DriftScan" });
export type DriftScan = z.output<typeof driftScanSchema>;

export const driftScanDetailSchema = driftScanSchema
  .extend({ targets: z.array(driftScanTargetSchema) })
  .meta({ id: "DriftScanDetail" });
export type DriftScanDetail = z.output<typeof driftScanDetailSchema>;

export const driftFindingSchema = z
  .object({
    findingId: uuid,
    tenantId: tenantIdSchema,
    targetId: uuid,
    planeName: z.string(),
    urn: z.string(),
    resourceType: z.string(),
    logicalName: z.string(),
    physicalId: z.string().nullable(),
    kind: z.enum(DRIFT_FINDING_KINDS),
    properties: z.array(z.object({ path: z.string(), recorded: z.unknown(), actual: z.unknown() })),
    status: z.enum(DRIFT_FINDING_STATUSES),
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
  tenantId: tenantIdSchema.optional(),
  targetId: uuid.optional(),
  plane: planeNameSchema.optional(),
});
export type DriftFindingListQuery = z.output<typeof driftFindingListQuerySchema>;

export const driftRepairCreateSchema = z
  .strictObject({
    ...scope,
    reason: reasonSchema.optional(),
  })
  .meta({ id: "DriftRepairCreate", example: {} });
export type DriftRepairCreate = z.output<typeof driftRepairCreateSchema>;

export const driftRoutes = defineRoutes({
  driftScanCreate: {
    method: "post",
    path: "/v1/control-plane/drift/scans",
    tag: "Drift",
    summary: "Compare the cloud with what is recorded",
    description: "Changes nothing in the cloud.",
    role: "operator",
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
    params: z.strictObject({ scanId: uuid }),
    status: 200,
    response: driftScanDetailSchema,
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
    errors: [],
  },
  driftRepairCreate: {
    method: "post",
    path: "/v1/control-plane/drift/repairs",
    tag: "Drift",
    summary: "Bring targets with open findings back to what is recorded",
    role: "operator",
    body: driftRepairCreateSchema,
    bodyOptional: true,
    status: 202,
    response: operationAcceptedSchema,
    errors: ["tenant_not_found", "plane_not_found", "operation_in_progress"],
  },
});
