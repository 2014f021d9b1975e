import { z } from "zod";
import { at, pageOf, pageQuery, tenantIdSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";

const hash = z.string().meta({ description: "SHA-256, hex" });

export const auditEventSchema = z
  .object({
    eventId: uuid,
    chain: z.string().meta({ description: "`fleet` or a tenant id" }),
    sequence: z.int(),
    occurredAt: at,
    actor: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
    action: z.string().meta({ example: "tenant.created" }),
    target: z.object({ type: z.string(), id: z.string() }),
    tenantId: tenantIdSchema.nullable(),
    outcome: z.enum(["succeeded", "failed", "denied"]),
    reason: z.string().nullable(),
    requestId: z.string(),
    correlationId: z.string(),
    details: z.record(z.string(), z.unknown()),
    previousHash: hash,
    hash,
  })
  .meta({ id: "AuditEvent" });
export type AuditEvent = z.output<typeof auditEventSchema>;

export const auditEventListQuerySchema = z.strictObject({
  ...pageQuery,
  tenantId: tenantIdSchema.optional(),
  action: z.string().max(100).optional(),
  chain: z.string().max(64).optional().meta({ description: "In the order of the chain, oldest first" }),
});
export type AuditEventListQuery = z.output<typeof auditEventListQuerySchema>;

export const auditBreakSchema = z
  .object({
    chain: z.string(),
    sequence: z.int(),
    kind: z.enum(["edited", "missing", "reordered", "truncated", "head_missing", "chain_missing"]),
    message: z.string(),
  })
  .meta({ id: "AuditBreak" });
export type AuditBreak = z.output<typeof auditBreakSchema>;

export const auditVerificationSchema = z
  .object({
    verified: z.boolean(),
    chains: z.int(),
    events: z.int(),
    breaks: z.array(auditBreakSchema).meta({ description: "The first of each broken chain" }),
    fleetHead: z
      .object({ sequence: z.int(), hash })
      .nullable()
      .meta({ description: "Keep it elsewhere: a later verification can be held against it" }),
    checkedAt: at,
  })
  .meta({ id: "AuditVerification" });
export type AuditVerification = z.output<typeof auditVerificationSchema>;

export const auditRoutes = defineRoutes({
  auditEventList: {
    method: "get",
    path: "/v1/control-plane/audit/events",
    tag: "Audit",
    summary: "List audit events, newest first",
    role: "auditor",
    query: auditEventListQuerySchema,
    status: 200,
    response: pageOf(auditEventSchema, "AuditEventPage"),
    errors: [],
  },
  auditVerification: {
    method: "get",
    path: "/v1/control-plane/audit/verification",
    tag: "Audit",
    summary: "Verify the hash chains",
    description: "Reads every event. A broken chain is an answer, not an error.",
    role: "auditor",
    query: z.strictObject({ tenantId: tenantIdSchema.optional() }),
    status: 200,
    response: auditVerificationSchema,
    errors: ["tenant_not_found"],
  },
});
