import { z } from "zod";
import {
  at,
  LIMITS,
  pageOf,
  pageQuery,
  planeNamesSchema,
  reasonSchema,
  releaseNumberSchema,
  tenantIdSchema,
  uuid,
} from "./common.ts";
import { defineRoutes } from "./route.ts";
import { INCIDENT_SEVERITIES, INCIDENT_STATUSES } from "./vocabulary.ts";

/** What goes wrong in the fleet, whom it touches, and how it went on. */
export const INCIDENT_LIMITS = { titleChars: 200, noteChars: 5_000, releases: 50 } as const;

const different = (values: readonly unknown[]) => new Set(values).size === values.length;
const affectsSchema = z
  .strictObject({
    tenantIds: z
      .array(tenantIdSchema)
      .max(LIMITS.tenantsPerRequest)
      .refine(different, { error: "must not name a tenant twice" })
      .default([]),
    planes: planeNamesSchema.default([]).meta({ description: "Everybody there" }),
    releaseNumbers: z
      .array(releaseNumberSchema)
      .max(INCIDENT_LIMITS.releases)
      .refine(different, { error: "must not name a release twice" })
      .default([])
      .meta({ description: "Whoever runs one of them, or is being brought to it" }),
  })
  .meta({ id: "IncidentAffects" });

const titleSchema = z.string().trim().min(3).max(INCIDENT_LIMITS.titleChars);
const noteSchema = z.string().trim().min(1).max(INCIDENT_LIMITS.noteChars);
const severitySchema = z.enum(INCIDENT_SEVERITIES).meta({ id: "IncidentSeverity" });
const statusSchema = z.enum(INCIDENT_STATUSES).meta({ id: "IncidentStatus" });

export const incidentSchema = z
  .object({
    incidentId: uuid,
    title: z.string(),
    severity: severitySchema,
    status: statusSchema,
    affects: z.object({
      tenantIds: z.array(tenantIdSchema),
      planes: z.array(z.string()),
      releaseNumbers: z.array(z.int()),
    }),
    openedBy: z.string(),
    openedAt: at,
    resolvedBy: z.string().nullable(),
    resolvedAt: at.nullable(),
    recordVersion: z.int().meta({ description: "Grows by one with each change; also the ETag", example: 1 }),
    updatedAt: at,
  })
  .meta({ id: "Incident" });
export type Incident = z.output<typeof incidentSchema>;

export const incidentCreateSchema = z
  .strictObject({
    title: titleSchema,
    severity: severitySchema,
    status: statusSchema.exclude(["resolved"]).default("investigating"),
    affects: affectsSchema.default({ tenantIds: [], planes: [], releaseNumbers: [] }),
    note: noteSchema.optional().meta({ description: "The first entry of its timeline" }),
    reason: reasonSchema.optional(),
  })
  .meta({
    id: "IncidentCreate",
    example: {
      title: "iam-service answers 500",
      severity: "major",
      affects: { releaseNumbers: [7] },
      note: "Since 09:30; sign-in fails for every tenth.",
    },
  });
export type IncidentCreate = z.output<typeof incidentCreateSchema>;

export const incidentUpdateSchema = z
  .strictObject({
    title: titleSchema.optional(),
    severity: severitySchema.optional(),
    status: statusSchema.optional().meta({ description: "resolved is its end" }),
    affects: affectsSchema.optional().meta({ description: "Replaces whom it touches" }),
    note: noteSchema.optional(),
    reason: reasonSchema.optional(),
  })
  .refine(({ reason: _reason, ...update }) => Object.values(update).some((value) => value !== undefined), {
    error: "must change at least one field",
  })
  .meta({ id: "IncidentUpdate", example: { status: "resolved", note: "Release 8 is everywhere." } });
export type IncidentUpdate = z.output<typeof incidentUpdateSchema>;

export const incidentNoteSchema = z
  .object({
    noteId: uuid,
    incidentId: uuid,
    authorId: z.string(),
    at,
    status: statusSchema.meta({ description: "As the incident was from then on" }),
    text: z.string(),
  })
  .meta({ id: "IncidentNote" });
export type IncidentNote = z.output<typeof incidentNoteSchema>;

export const incidentNoteCreateSchema = z
  .strictObject({ text: noteSchema, reason: reasonSchema.optional() })
  .meta({ id: "IncidentNoteCreate", example: { text: "The database was full." } });

export const incidentListQuerySchema = z.strictObject({
  ...pageQuery,
  status: statusSchema.optional(),
  open: z.stringbool().default(false).meta({ description: "Only those that are not resolved" }),
});
export type IncidentListQuery = z.output<typeof incidentListQuerySchema>;

const base = "/v1/control-plane/incidents";
const params = z.strictObject({ incidentId: uuid });
const unknownSubjects = ["tenant_not_found", "plane_not_found", "release_not_found"] as const;

export const incidentRoutes = defineRoutes({
  incidentCreate: {
    method: "post",
    path: base,
    tag: "Incidents",
    summary: "Open an incident",
    role: "fleet_operator",
    body: incidentCreateSchema,
    status: 201,
    response: incidentSchema,
    errors: [...unknownSubjects],
  },
  incidentList: {
    method: "get",
    path: base,
    tag: "Incidents",
    summary: "List incidents, newest first",
    role: "auditor",
    query: incidentListQuerySchema,
    status: 200,
    response: pageOf(incidentSchema, "IncidentPage"),
    errors: [],
  },
  incidentGet: {
    method: "get",
    path: `${base}/:incidentId`,
    tag: "Incidents",
    summary: "Get an incident",
    role: "auditor",
    params,
    status: 200,
    response: incidentSchema,
    errors: ["incident_not_found"],
  },
  incidentUpdate: {
    method: "patch",
    path: `${base}/:incidentId`,
    tag: "Incidents",
    summary: "Change or resolve an incident",
    description: "Send If-Match with the record version to change only what you have read.",
    role: "fleet_operator",
    params,
    body: incidentUpdateSchema,
    status: 200,
    response: incidentSchema,
    ifMatch: "record",
    errors: ["incident_not_found", "incident_resolved", "version_conflict", ...unknownSubjects],
  },
  incidentNoteCreate: {
    method: "post",
    path: `${base}/:incidentId/notes`,
    tag: "Incidents",
    summary: "Add to an incident's timeline",
    description: "Of a resolved one, too.",
    role: "fleet_operator",
    params,
    body: incidentNoteCreateSchema,
    status: 201,
    response: incidentNoteSchema,
    errors: ["incident_not_found"],
  },
  incidentNoteList: {
    method: "get",
    path: `${base}/:incidentId/notes`,
    tag: "Incidents",
    summary: "An incident's timeline, oldest first",
    role: "auditor",
    params,
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(incidentNoteSchema, "IncidentNotePage"),
    errors: ["incident_not_found"],
  },
});
