import { z } from "zod";
import { at, pageOf, pageQuery, planeNameSchema, tenantIdSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";
import { ENVIRONMENTS } from "./vocabulary.ts";

export const planeSchema = z
  .object({
    planeId: uuid,
    name: planeNameSchema,
    environment: z.enum(ENVIRONMENTS),
    region: z.string(),
    accountId: z.string(),
    stackName: z.string(),
    dedicatedTo: tenantIdSchema
      .nullable()
      .meta({ description: "The one tenant it is for; null where it is for all" }),
    outputs: z.record(z.string(), z.unknown()).meta({ description: "As read from the plane's stack" }),
    recordVersion: z.int(),
    createdAt: at,
    updatedAt: at,
  })
  .meta({ id: "Plane" });
export type Plane = z.output<typeof planeSchema>;

export const planeRecordSchema = z
  .strictObject({
    environment: z.enum(ENVIRONMENTS),
    stackName: z
      .string()
      .max(100)
      .regex(/^[A-Za-z0-9_.-]+$/, { error: "must be a Pulumi stack name" })
      .optional()
      .meta({ description: "The environment's name when left out" }),
  })
  .meta({ id: "PlaneRecord", example: { environment: "dev" } });
export type PlaneRecord = z.output<typeof planeRecordSchema>;

export const planeRoutes = defineRoutes({
  planeRecord: {
    method: "post",
    path: "/v1/control-plane/planes",
    tag: "Planes",
    summary: "Record a plane's outputs, or read them anew",
    description: "Reads them from the state of the stack `pulumi up` made; creates nothing in the cloud.",
    role: "fleet_operator",
    body: planeRecordSchema,
    status: 200,
    response: planeSchema,
    errors: ["plane_missing", "plane_not_dedicated", "plane_incomplete", "state_unavailable"],
  },
  planeList: {
    method: "get",
    path: "/v1/control-plane/planes",
    tag: "Planes",
    summary: "List planes, newest first",
    role: "auditor",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(planeSchema, "PlanePage"),
    errors: [],
  },
  planeGet: {
    method: "get",
    path: "/v1/control-plane/planes/:planeName",
    tag: "Planes",
    summary: "Get a plane",
    role: "auditor",
    params: z.strictObject({ planeName: planeNameSchema }),
    status: 200,
    response: planeSchema,
    errors: ["plane_not_found"],
  },
});
