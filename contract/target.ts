import { z } from "zod";
import { at, pageOf, pageQuery, tenantIdSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";
import {
  DEPLOYMENT_STATES,
  DRIFT_STATES,
  ENVIRONMENTS,
  HEALTH_STATES,
  OPERATION_STATUSES,
  REQUESTED_STATES,
  SUSPENSION_MODES,
  VERSION_STATES,
} from "./vocabulary.ts";

/** A tenant on one plane. Health, version and drift are three axes: none says anything of the others. */
export const targetSchema = z
  .object({
    targetId: uuid,
    tenantId: tenantIdSchema,
    planeName: z.string(),
    environment: z.enum(ENVIRONMENTS),
    region: z.string(),
    generation: z.int(),
    projectName: z.string(),
    stackName: z.string(),
    deploymentState: z.enum(DEPLOYMENT_STATES),
    requestedState: z.enum(REQUESTED_STATES),
    suspensionMode: z
      .enum(SUSPENSION_MODES)
      .nullable()
      .meta({ description: "How it is suspended; null while it is not" }),
    clusterName: z.string().nullable(),
    serviceNamespace: z.string().nullable(),
    routingTarget: z.string().nullable(),
    publicName: z.string().nullable(),
    currentReleaseNumber: z.int().nullable(),
    targetReleaseNumber: z.int().nullable(),
    verifiedReleaseNumber: z
      .int()
      .nullable()
      .meta({ description: "The last that was deployed and found healthy until its bake was over" }),
    currentSpecDigest: z.string().nullable(),
    version: z.enum(VERSION_STATES),
    health: z.enum(HEALTH_STATES),
    healthReason: z.string().nullable(),
    healthCheckedAt: at.nullable(),
    drift: z.enum(DRIFT_STATES),
    driftCheckedAt: at.nullable(),
    lastOperationId: uuid.nullable(),
    lastOperationStatus: z.enum(OPERATION_STATUSES).nullable(),
    recordVersion: z.int(),
    createdAt: at,
    updatedAt: at,
    deletedAt: at.nullable(),
  })
  .meta({ id: "Target" });
export type Target = z.output<typeof targetSchema>;

export const targetRoutes = defineRoutes({
  targetList: {
    method: "get",
    path: "/v1/control-plane/tenants/:tenantId/targets",
    tag: "Tenants",
    summary: "List a tenant's targets",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(targetSchema, "TargetPage"),
    errors: ["tenant_not_found"],
  },
});
