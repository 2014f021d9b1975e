import { z } from "zod";
import { at, LIMITS, pageOf, pageQuery, reasonSchema, tenantIdSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";

const hash = z.string().meta({ description: "SHA-256, hex" });
const numberSchema = z.coerce.number().int().min(1).max(1_000_000_000);
const chainHead = z.object({ sequence: z.int(), hash });

/** Bounds of what is made from the trail in one answer. */
export const PROOF_LIMITS = { events: 100_000, chainChars: 64 } as const;

export const auditCheckpointStatementSchema = z
  .object({
    formatVersion: z.literal(1),
    kind: z.literal("audit_checkpoint"),
    number: z.int(),
    createdAt: at,
    previous: z
      .object({ number: z.int(), digest: hash })
      .nullable()
      .meta({ description: "The checkpoint before it, so that none can be left out" }),
    chains: z.int().meta({ description: "How many heads the root is over" }),
    events: z.int().meta({ description: "In all chains, those whose retention is over included" }),
    fleetHead: chainHead.nullable(),
    root: hash.meta({ description: "Of the Merkle tree (RFC 6962) over `chain:sequence:hash`, by chain" }),
  })
  .meta({ id: "AuditCheckpointStatement" });
export type AuditCheckpointStatement = z.output<typeof auditCheckpointStatementSchema>;

/** Why a chain begins where it does: what lies before has outlived its retention. */
export interface AuditStartStatement {
  readonly formatVersion: 1;
  readonly kind: "audit_start";
  readonly chain: string;
  /** The last event that is no more. */
  readonly sequence: number;
  readonly hash: string;
  readonly keepDays: number;
  /** The checkpoint that has vouched for what was removed. */
  readonly checkpoint: number;
  readonly createdAt: string;
}

export const auditCheckpointSchema = z
  .object({
    statement: auditCheckpointStatementSchema,
    digest: hash.meta({ description: "Of the statement's canonical JSON" }),
    keyId: z.string(),
    signature: z.string().meta({ description: "Ed25519 over the statement's canonical JSON, Base64" }),
    anchors: z
      .array(z.object({ place: z.string(), anchoredAt: at }))
      .meta({ description: "Where outside of the registry it has been written" }),
    exportable: z.boolean().meta({ description: "Whether its heads are still in the registry" }),
  })
  .meta({ id: "AuditCheckpoint" });
export type AuditCheckpoint = z.output<typeof auditCheckpointSchema>;

const checkpointCreateSchema = z
  .strictObject({ reason: reasonSchema.optional() })
  .meta({ id: "AuditCheckpointCreate", example: { reason: "before the audit of March" } });

const params = z.strictObject({ number: numberSchema });

export const auditExportQuerySchema = z.strictObject({
  chain: z
    .string()
    .max(PROOF_LIMITS.chainChars)
    .default("all")
    .meta({ description: "`all`, `fleet` or a tenant id" }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(PROOF_LIMITS.events)
    .default(PROOF_LIMITS.events)
    .meta({ description: "Events in this answer at most; a last line says how to go on" }),
  cursor: z.string().min(1).max(LIMITS.cursorChars).optional().meta({ description: "From the line `next`" }),
});
export type AuditExportQuery = z.output<typeof auditExportQuerySchema>;

export const auditProofQuerySchema = z.strictObject({
  from: at.optional().meta({ description: "Leaves out the tenant's events before this" }),
});
export type AuditProofQuery = z.output<typeof auditProofQuerySchema>;

export const auditCheckpointRoutes = defineRoutes({
  auditExport: {
    method: "get",
    path: "/v1/control-plane/audit/export",
    tag: "Audit",
    summary: "Export chains of the audit trail, one line of JSON each event",
    description:
      "What `tenantry audit verify` reads. Answers that end with a line `next` are gone on with by its cursor, and put one after the other.",
    role: "auditor",
    query: auditExportQuerySchema,
    status: 200,
    produces: "application/x-ndjson",
    errors: ["audit_chain_not_found"],
  },
  auditCheckpointCreate: {
    method: "post",
    path: "/v1/control-plane/audit/checkpoints",
    tag: "Audit",
    summary: "Sign the heads of all chains now",
    description: "One is also taken every so often by itself, if anything has happened since the last.",
    role: "fleet_operator",
    body: checkpointCreateSchema,
    bodyOptional: true,
    status: 201,
    response: auditCheckpointSchema,
    errors: ["audit_broken"],
  },
  auditCheckpointList: {
    method: "get",
    path: "/v1/control-plane/audit/checkpoints",
    tag: "Audit",
    summary: "List checkpoints, newest first",
    role: "auditor",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(auditCheckpointSchema, "AuditCheckpointPage"),
    errors: [],
  },
  auditCheckpointGet: {
    method: "get",
    path: "/v1/control-plane/audit/checkpoints/:number",
    tag: "Audit",
    summary: "A checkpoint with its signature",
    role: "auditor",
    params,
    status: 200,
    response: auditCheckpointSchema,
    errors: ["audit_checkpoint_not_found"],
  },
  auditCheckpointExport: {
    method: "get",
    path: "/v1/control-plane/audit/checkpoints/:number/export",
    tag: "Audit",
    summary: "A checkpoint with all its heads, to be kept outside",
    description:
      "What `tenantry audit verify --checkpoint` reads. The registry keeps the heads of the newest alone.",
    role: "auditor",
    params,
    status: 200,
    produces: "application/x-ndjson",
    errors: ["audit_checkpoint_not_found"],
  },
  tenantAuditProof: {
    method: "get",
    path: "/v1/control-plane/tenants/:tenantId/audit-proof",
    tag: "Audit",
    summary: "A tenant's chain as a checkpoint has vouched for it",
    description:
      "Its events, the checkpoint's signature and the path from the one to the other: `tenantry audit verify` checks it with nothing but the public key, and it shows nothing of other tenants.",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    query: auditProofQuerySchema,
    status: 200,
    produces: "application/x-ndjson",
    errors: ["tenant_not_found", "audit_checkpoint_missing", "audit_too_large"],
  },
});
