import { z } from "zod";
import { at, pageOf, pageQuery, planeNameSchema, slugSchema, tenantIdSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";
import {
  DEPLOYMENT_STATES,
  DRIFT_STATES,
  HEALTH_STATES,
  TENANT_STATUSES,
  VERSION_STATES,
} from "./vocabulary.ts";

const serviceHealthSchema = z.object({
  name: z.string(),
  desired: z.int(),
  running: z.int(),
  pending: z.int(),
  healthy: z.boolean(),
  reason: z.string().optional(),
});

export const tenantHealthSchema = z
  .object({
    tenantId: tenantIdSchema,
    slug: slugSchema,
    displayName: z.string(),
    status: z.enum(TENANT_STATUSES),
    targetId: uuid,
    planeName: z.string(),
    deploymentState: z.enum(DEPLOYMENT_STATES),
    health: z.enum(HEALTH_STATES),
    healthReason: z.string().nullable(),
    healthCheckedAt: at.nullable(),
    version: z.enum(VERSION_STATES),
    currentReleaseNumber: z.int().nullable(),
    targetReleaseNumber: z.int().nullable(),
    drift: z.enum(DRIFT_STATES),
    driftCheckedAt: at.nullable(),
    clusterName: z.string().nullable(),
    serviceNamespace: z.string().nullable(),
    services: z
      .array(serviceHealthSchema)
      .optional()
      .meta({ description: "Read now; with `fresh=true` only" }),
  })
  .meta({ id: "TenantHealth" });
export type TenantHealth = z.output<typeof tenantHealthSchema>;

export const tenantHealthQuerySchema = z.strictObject({
  ...pageQuery,
  plane: planeNameSchema.optional(),
  health: z.enum(HEALTH_STATES).optional(),
  fresh: z
    .stringbool()
    .default(false)
    .meta({ description: "Ask the cloud now instead of giving what was last seen", enum: ["true", "false"] }),
});
export type TenantHealthQuery = z.output<typeof tenantHealthQuerySchema>;

export const serviceStatusSchema = z
  .object({
    status: z.enum(["ok", "not_ready"]),
    version: z.string(),
    checks: z
      .array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string().optional() }))
      .optional(),
  })
  .meta({ id: "ServiceStatus" });
export type ServiceStatus = z.output<typeof serviceStatusSchema>;

export const healthRoutes = defineRoutes({
  tenantHealthList: {
    method: "get",
    path: "/v1/control-plane/health/tenants",
    tag: "Health",
    summary: "The fleet's inventory: health, version and drift of every target",
    role: "auditor",
    query: tenantHealthQuerySchema,
    status: 200,
    response: pageOf(tenantHealthSchema, "TenantHealthPage"),
    errors: [],
  },
  serviceHealth: {
    method: "get",
    path: "/health",
    tag: "Service",
    summary: "Is the process alive?",
    role: null,
    status: 200,
    response: serviceStatusSchema,
    errors: [],
  },
  serviceReadiness: {
    method: "get",
    path: "/readiness",
    tag: "Service",
    summary: "Can it take work?",
    role: null,
    status: 200,
    response: serviceStatusSchema,
    errors: ["not_ready"],
  },
  serviceMetrics: {
    method: "get",
    path: "/metrics",
    tag: "Service",
    summary: "Prometheus metrics",
    role: "auditor",
    status: 200,
    produces: "text/plain",
    errors: [],
  },
  serviceOpenapi: {
    method: "get",
    path: "/openapi.json",
    tag: "Service",
    summary: "This description",
    role: null,
    status: 200,
    produces: "application/json",
    errors: [],
  },
  serviceDocs: {
    method: "get",
    path: "/docs",
    tag: "Service",
    summary: "This description as a page",
    role: null,
    status: 200,
    produces: "text/html",
    errors: [],
  },
});
