import { z } from "zod";
import { at, pageOf, pageQuery, reasonSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";

/**
 * What is kept for a while, each class with a schedule of its own. Everything else is kept as long as its tenant is, or for ever:
 * records and their versions, releases, certificates, checkpoints.
 */
export const DATA_CLASSES = ["audit", "decisions", "operations", "outbox", "usage"] as const;
export type DataClass = (typeof DATA_CLASSES)[number];

const MOST_DAYS = 36_500;

export const retentionSchema = z
  .object({
    dataClass: z.enum(DATA_CLASSES),
    keepDays: z.int().nullable().meta({ description: "Null: for ever" }),
    source: z.enum(["setting", "schedule"]).meta({ description: "What says so" }),
    description: z.string(),
    reason: z.string().nullable(),
    recordVersion: z.int().meta({
      description: "Grows by one with each change; also the ETag. 0: nothing was set yet",
      example: 1,
    }),
    updatedBy: z.string().nullable(),
    updatedAt: at.nullable(),
  })
  .meta({ id: "Retention" });
export type Retention = z.output<typeof retentionSchema>;

export const retentionSetSchema = z
  .strictObject({
    keepDays: z
      .int()
      .min(1)
      .max(MOST_DAYS)
      .nullable()
      .meta({ description: "Null: for ever, where the class can be" }),
    reason: reasonSchema,
  })
  .meta({ id: "RetentionSet", example: { keepDays: 2_555, reason: "seven years, as the contract says" } });
export type RetentionSet = z.output<typeof retentionSetSchema>;

export const retentionRoutes = defineRoutes({
  retentionList: {
    method: "get",
    path: "/v1/control-plane/retention",
    tag: "Audit",
    summary: "How long each class of data is kept",
    role: "auditor",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(retentionSchema, "RetentionPage"),
    errors: [],
  },
  retentionSet: {
    method: "put",
    path: "/v1/control-plane/retention/:dataClass",
    tag: "Audit",
    summary: "Set how long a class of data is kept",
    description:
      "What is older goes within hours, for good. Audit events go from the beginning of a chain only, once a checkpoint has signed them, and never of a tenant with a legal hold. Send If-Match with the record version to change only what you have read.",
    role: "fleet_admin",
    params: z.strictObject({ dataClass: z.enum(DATA_CLASSES) }),
    body: retentionSetSchema,
    status: 200,
    response: retentionSchema,
    ifMatch: "record",
    errors: ["version_conflict"],
  },
});
