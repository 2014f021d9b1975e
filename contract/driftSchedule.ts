import { z } from "zod";
import { cohortSchema } from "./cohort.ts";
import { at, pageOf, pageQuery, reasonSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";

export const driftScheduleCreateSchema = z
  .strictObject({
    cron: z.string().min(9).max(120).meta({
      description: "Minute, hour, day of the month, month, day of the week; at most every five minutes",
      example: "30 2 * * *",
    }),
    timeZone: z
      .string()
      .min(1)
      .max(64)
      .default("UTC")
      .meta({ description: "An IANA name", example: "Europe/Berlin" }),
    scope: cohortSchema.default({}),
    reason: reasonSchema.optional(),
  })
  .meta({
    id: "DriftScheduleCreate",
    example: { cron: "30 2 * * *", timeZone: "Europe/Berlin", scope: { planes: ["prod-eu-west-1"] } },
  });
export type DriftScheduleCreate = z.output<typeof driftScheduleCreateSchema>;

export const driftScheduleSchema = z
  .object({
    scheduleId: uuid,
    cron: z.string(),
    timeZone: z.string(),
    scope: cohortSchema,
    createdBy: z.string(),
    createdAt: at,
    nextRunAt: at.nullable().meta({ description: "Null when the cron names no day that will ever come" }),
    lastRunAt: at.nullable(),
    lastScanId: uuid.nullable(),
    skippedRuns: z.int().meta({ description: "Left out because the scan before had not ended" }),
  })
  .meta({ id: "DriftSchedule" });
export type DriftSchedule = z.output<typeof driftScheduleSchema>;

export const driftScheduleRoutes = defineRoutes({
  driftScheduleCreate: {
    method: "post",
    path: "/v1/control-plane/drift/schedules",
    tag: "Drift",
    summary: "Scan a part of the fleet again and again",
    role: "fleet_operator",
    body: driftScheduleCreateSchema,
    status: 201,
    response: driftScheduleSchema,
    errors: ["tenant_not_found", "plane_not_found"],
  },
  driftScheduleList: {
    method: "get",
    path: "/v1/control-plane/drift/schedules",
    tag: "Drift",
    summary: "List schedules, newest first",
    role: "auditor",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(driftScheduleSchema, "DriftSchedulePage"),
    errors: [],
  },
  driftScheduleDelete: {
    method: "delete",
    path: "/v1/control-plane/drift/schedules/:scheduleId",
    tag: "Drift",
    summary: "Delete a schedule; the scans it asked for stay",
    role: "fleet_operator",
    params: z.strictObject({ scheduleId: uuid }),
    query: z.strictObject({ reason: reasonSchema.optional() }),
    status: 200,
    response: driftScheduleSchema,
    errors: ["drift_schedule_not_found"],
  },
});
