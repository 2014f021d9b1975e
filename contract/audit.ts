import { z } from "zod";
import { at, atInput, pageOf, pageQuery, tenantIdSchema, uuid } from "./common.ts";
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

/** Bounds of what a search may say, and of an export's answer. */
export const AUDIT_LIMITS = {
  idChars: 128,
  textChars: 200,
  actionChars: 100,
  exportEvents: 100_000,
} as const;

const idQuery = z.string().min(1).max(AUDIT_LIMITS.idChars).optional();

/** Of a list that is searched by who and when. */
const searchQuery = {
  tenantId: tenantIdSchema.optional(),
  action: z.string().max(AUDIT_LIMITS.actionChars).optional(),
  requestId: idQuery,
  correlationId: idQuery,
  from: atInput.optional().meta({ description: "Not before this" }),
  to: atInput.optional().meta({ description: "Before this" }),
};

export const auditEventListQuerySchema = z.strictObject({
  ...pageQuery,
  ...searchQuery,
  actionPrefix: z
    .string()
    .min(1)
    .max(AUDIT_LIMITS.actionChars)
    .optional()
    .meta({ description: "Such as `tenant.`", example: "tenant." }),
  actorId: idQuery.meta({ description: "A key's id" }),
  targetType: z.string().min(1).max(AUDIT_LIMITS.actionChars).optional(),
  targetId: idQuery,
  outcome: z.enum(["succeeded", "failed", "denied"]).optional(),
  text: z
    .string()
    .min(2)
    .max(AUDIT_LIMITS.textChars)
    .optional()
    .meta({ description: "Whole words that must all be in the reason, in any case and order" }),
  chain: z.string().max(64).optional().meta({ description: "In the order of the chain, oldest first" }),
});
export type AuditEventListQuery = z.output<typeof auditEventListQuerySchema>;

export const auditDecisionSchema = z
  .object({
    decisionId: uuid,
    decidedAt: at,
    principal: z.object({ id: z.string(), name: z.string() }),
    role: z.string().nullable(),
    action: z.string().meta({ example: "tenantGet" }),
    tenantId: z.string().nullable(),
    policies: z.array(z.string()).meta({ description: "That decided; none where policies are not asked" }),
    requestId: z.string(),
    correlationId: z.string(),
  })
  .meta({ id: "AuditDecision" });
export type AuditDecision = z.output<typeof auditDecisionSchema>;

export const auditDecisionListQuerySchema = z.strictObject({
  ...pageQuery,
  ...searchQuery,
  principalId: idQuery,
});
export type AuditDecisionListQuery = z.output<typeof auditDecisionListQuerySchema>;

export type AuditBreakKind =
  | "edited"
  | "missing"
  | "reordered"
  | "truncated"
  | "head_missing"
  | "chain_missing"
  | "start_invalid"
  | "checkpoint_invalid"
  | "rewritten";

export const auditBreakSchema = z
  .object({
    chain: z.string(),
    sequence: z.int(),
    kind: z
      .enum([
        ...["edited", "missing", "reordered", "truncated", "head_missing", "chain_missing"],
        ...["start_invalid", "checkpoint_invalid", "rewritten"],
      ] as [AuditBreakKind, ...AuditBreakKind[]])
      .meta({
        description:
          "start_invalid: nothing that can be trusted says why the chain begins where it does; rewritten: an earlier checkpoint has it otherwise",
      }),
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
    summary: "List and search audit events, newest first",
    role: "auditor",
    query: auditEventListQuerySchema,
    status: 200,
    response: pageOf(auditEventSchema, "AuditEventPage"),
    errors: ["tenant_not_found"],
  },
  auditDecisionList: {
    method: "get",
    path: "/v1/control-plane/audit/decisions",
    tag: "Audit",
    summary: "List what was allowed, reads too, newest first",
    description:
      "Written every few seconds, and kept for a while. What was denied, and what was changed, is in the audit trail for good.",
    role: "auditor",
    query: auditDecisionListQuerySchema,
    status: 200,
    response: pageOf(auditDecisionSchema, "AuditDecisionPage"),
    errors: ["tenant_not_found"],
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
