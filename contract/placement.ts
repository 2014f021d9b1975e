import { z } from "zod";
import { at, pageOf, pageQuery, tenantIdSchema, uuid } from "./common.ts";
import type { ErrorCode } from "./errors.ts";
import { defineRoutes } from "./route.ts";
import { ENVIRONMENTS, ISOLATION_LEVELS } from "./vocabulary.ts";

const ownership = z.enum(["shared", "own"]);

/** Why a tenant cannot be where, or isolated as, it should be. */
export const PLACING_ERRORS = [
  "isolation_not_in_plan",
  "region_not_allowed",
  "no_plane_in_region",
  "plane_not_dedicated",
] as const satisfies readonly ErrorCode[];

/** What of a target is the plane's and what the tenant's own. */
export const isolationPartsSchema = z
  .object({
    level: z.enum(ISOLATION_LEVELS),
    cluster: ownership,
    queues: z.literal("own"),
    bucket: ownership,
    database: ownership,
    key: ownership,
    network: z.enum(["shared", "subnets", "vpc"]),
    cidrBlock: z
      .string()
      .nullable()
      .meta({ description: "Addresses of the tenant's own network or subnets", example: "10.64.0.0/20" }),
    loadBalancer: ownership,
  })
  .meta({ id: "IsolationParts" });
export type IsolationParts = z.output<typeof isolationPartsSchema>;

/** Where a target was put, how much of its own it has there, and why. Decided once for each target. */
export const placementSchema = z
  .object({
    placementId: uuid,
    tenantId: tenantIdSchema,
    targetId: uuid,
    planeName: z.string(),
    environment: z.enum(ENVIRONMENTS),
    region: z.string(),
    accountId: z.string(),
    generation: z.int(),
    isolation: isolationPartsSchema,
    reasons: z.array(z.string()).meta({
      description: "In the order in which they were weighed",
      example: ["The request names the plane"],
    }),
    decidedAt: at,
  })
  .meta({ id: "Placement" });
export type Placement = z.output<typeof placementSchema>;

export const placementRoutes = defineRoutes({
  placementList: {
    method: "get",
    path: "/v1/control-plane/tenants/:tenantId/placements",
    tag: "Tenants",
    summary: "List where a tenant was placed and why, newest first",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(placementSchema, "PlacementPage"),
    errors: ["tenant_not_found"],
  },
});
