import { z } from "zod";
import { atInput, tenantIdSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";

/** Bounds of one pack. */
export const EVIDENCE_LIMITS = {
  days: 400,
  /** Of one file. */
  records: 100_000,
  fileBytes: 80 * 1024 * 1024,
} as const;

export const evidenceQuerySchema = z.strictObject({
  from: atInput.meta({ description: "Not before this", example: "2026-03-01T00:00:00.000Z" }),
  to: atInput.meta({
    description: `Before this; at most ${EVIDENCE_LIMITS.days} days later`,
    example: "2026-04-01T00:00:00.000Z",
  }),
});
export type EvidenceQuery = z.output<typeof evidenceQuerySchema>;

/** What `manifest.json` of a pack says, and `manifest.signature.json` signs. */
export interface EvidenceManifest {
  readonly formatVersion: 1;
  readonly kind: "evidence_pack";
  readonly tenantId: string;
  readonly slug: string;
  readonly from: string;
  readonly to: string;
  readonly createdAt: string;
  readonly createdBy: string;
  /** That has signed the audit events; those after it are not in the pack. */
  readonly checkpoint: { readonly number: number; readonly createdAt: string };
  readonly files: readonly EvidenceFile[];
}

export interface EvidenceFile {
  readonly name: string;
  readonly description: string;
  readonly records: number;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  /** False where there was more than a file may have. */
  readonly complete: boolean;
}

export const evidenceRoutes = defineRoutes({
  tenantEvidence: {
    method: "get",
    path: "/v1/control-plane/tenants/:tenantId/evidence",
    tag: "Audit",
    summary: "An evidence pack: what is on record of a tenant for a period, signed",
    description:
      "A zip file with the record's versions, the audit events with their proof, operations, placements, releases, entitlements, decisions and certificates, and the policies and plans that held, each with its checksum in a signed manifest. `tenantry evidence verify` checks it without the service. Audit events are in it as far as the newest checkpoint has signed them, and the manifest says when that was: take one before it, with POST /v1/control-plane/audit/checkpoints, where the last hour matters. That a pack was taken is audited.",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    query: evidenceQuerySchema,
    status: 200,
    produces: "application/zip",
    errors: ["tenant_not_found", "audit_checkpoint_missing", "audit_too_large"],
  },
});
