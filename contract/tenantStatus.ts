import { z } from "zod";
import { at, slugSchema, tenantIdSchema } from "./common.ts";
import { incidentSchema } from "./incident.ts";
import { operationSchema } from "./operation.ts";
import { pinSchema } from "./pin.ts";
import { defineRoutes } from "./route.ts";
import { targetSchema } from "./target.ts";
import { TENANT_STATUSES } from "./vocabulary.ts";
import { windowEvaluationSchema } from "./window.ts";

/** Everything that says how a tenant is, in one answer. Health, version and drift stay three axes. */
export const TENANT_STATUS_LIMITS = { incidents: 50, pins: 50 } as const;

const target = targetSchema.shape;
const window = windowEvaluationSchema.shape;

const targetStatusSchema = z
  .object({
    targetId: target.targetId,
    planeName: target.planeName,
    deploymentState: target.deploymentState,
    requestedState: target.requestedState,
    health: target.health,
    healthReason: target.healthReason,
    healthCheckedAt: target.healthCheckedAt,
    version: target.version,
    currentReleaseNumber: target.currentReleaseNumber,
    targetReleaseNumber: target.targetReleaseNumber,
    drift: target.drift,
    driftCheckedAt: target.driftCheckedAt,
    pin: pinSchema.nullable().meta({ description: "The pin or hold that decides for it" }),
    window: z.object({ open: window.open, opensAt: window.opensAt, why: window.why }),
    operation: operationSchema
      .pick({ operationId: true, kind: true, status: true, currentStep: true, startedAt: true })
      .nullable()
      .meta({ description: "What runs or waits there now" }),
  })
  .meta({ id: "TargetStatus" });

export const tenantStatusSchema = z
  .object({
    tenantId: tenantIdSchema,
    slug: slugSchema,
    displayName: z.string(),
    status: z.enum(TENANT_STATUSES),
    requestedStatus: z.enum(TENANT_STATUSES),
    at,
    targets: z.array(targetStatusSchema),
    pins: z.array(pinSchema).meta({ description: "Open ones, newest first; expired ones hold nothing" }),
    incidents: z
      .array(incidentSchema)
      .meta({ description: "Those not resolved that touch it, newest first" }),
  })
  .meta({ id: "TenantStatusView" });
export type TenantStatusView = z.output<typeof tenantStatusSchema>;

export const tenantStatusRoutes = defineRoutes({
  tenantStatus: {
    method: "get",
    path: "/v1/control-plane/tenants/:tenantId/status",
    tag: "Tenants",
    summary: "How a tenant is: health, version and drift of its targets, and what holds or touches them",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    status: 200,
    response: tenantStatusSchema,
    errors: ["tenant_not_found"],
  },
});
