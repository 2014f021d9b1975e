import { z } from "zod";
import {
  at,
  LIMITS,
  pageOf,
  pageQuery,
  planeNamesSchema,
  reasonSchema,
  tenantIdSchema,
  uuid,
} from "./common.ts";
import { operationAcceptedSchema } from "./operation.ts";
import { defineRoutes } from "./route.ts";
import { tenantSchema } from "./tenant.ts";

/** The end of a tenant: decommissioning with its grace period, the legal hold that stops it, and what proves it. */

export const tenantDecommissionSchema = z
  .strictObject({
    confirmSlug: z.string().max(LIMITS.slugChars).meta({ description: "The tenant's slug, typed again" }),
    reason: reasonSchema,
    planes: planeNamesSchema
      .min(1)
      .optional()
      .meta({ description: "All of the tenant's when left out. A part of it has no grace period." }),
    graceHours: z
      .int()
      .min(1)
      .max(8_760)
      .optional()
      .meta({ description: "How long it can be undone; the service's setting when left out" }),
    immediately: z
      .boolean()
      .default(false)
      .meta({ description: "Destroy now, without a grace period; needs the role admin" }),
  })
  .refine(({ graceHours, immediately }) => !(immediately && graceHours !== undefined), {
    error: "must be left out when immediately is true",
    path: ["graceHours"],
  })
  .meta({ id: "TenantDecommission", example: { confirmSlug: "acme", reason: "contract ended 2026-02-28" } });
export type TenantDecommission = z.output<typeof tenantDecommissionSchema>;

export const tenantDecommissionUndoSchema = z
  .strictObject({ reason: reasonSchema })
  .meta({ id: "TenantDecommissionUndo", example: { reason: "the contract was renewed" } });
export type TenantDecommissionUndo = z.output<typeof tenantDecommissionUndoSchema>;

export const legalHoldPlaceSchema = z
  .strictObject({ reason: reasonSchema })
  .meta({ id: "LegalHoldPlace", example: { reason: "case 2026-117" } });
export type LegalHoldPlace = z.output<typeof legalHoldPlaceSchema>;

const reasonQuery = z.strictObject({ reason: reasonSchema.meta({ description: "Kept in the audit trail" }) });

/** `gone`, or what is still there and until when. */
const certifiedTargetSchema = z.object({
  targetId: uuid,
  planeName: z.string(),
  region: z.string(),
  projectName: z.string(),
  stackName: z.string(),
  resourcesDeleted: z.int(),
  database: z.enum(["dropped", "none"]),
  objectsDeleted: z.int(),
  /** Certificates of before it was kept lack these two. */
  resources: z
    .array(z.object({ type: z.string(), name: z.string() }))
    .optional()
    .meta({
      description:
        "What was removed: the stacks' resources by type and ARN, or name where they have none, what was dropped in the " +
        "database server, and where objects lay. What the cloud deletes later is in scheduledForDeletion instead.",
    }),
  resourcesUnlisted: z
    .int()
    .min(0)
    .optional()
    .meta({ description: "How many more there were: 1,000 are listed of one target" }),
  scheduledForDeletion: z.array(z.object({ arn: z.string(), type: z.string(), deletionAt: at.nullable() })),
});
export type CertifiedTarget = z.output<typeof certifiedTargetSchema>;

const certifiedArchiveSchema = z.object({
  archiveId: uuid,
  bucket: z.string(),
  prefix: z.string(),
  state: z.enum(["deleted", "retained"]),
  retainUntil: at.nullable().meta({ description: "null when it is gone" }),
});

export const certificateSchema = z
  .object({
    formatVersion: z.literal(1),
    certificateId: uuid,
    tenantId: tenantIdSchema,
    slug: z.string(),
    reason: z.string().nullable(),
    requestedBy: z.string(),
    requestedAt: at,
    deletedAt: at,
    targets: z.array(certifiedTargetSchema).meta({ description: "What was removed, plane by plane" }),
    archives: z.array(certifiedArchiveSchema),
    kept: z.array(z.string()).meta({ description: "What the control plane keeps, and why" }),
  })
  .meta({ id: "DeletionCertificate" });
export type Certificate = z.output<typeof certificateSchema>;

export const signedCertificateSchema = z
  .object({
    certificate: certificateSchema,
    signature: z.object({
      algorithm: z.literal("Ed25519"),
      keyId: z.string(),
      value: z.string().meta({ description: "Base64, over the certificate's canonical JSON (RFC 8785)" }),
    }),
  })
  .meta({ id: "SignedDeletionCertificate" });
export type SignedCertificate = z.output<typeof signedCertificateSchema>;

export const signingKeySchema = z
  .object({
    keyId: z.string().meta({ description: "SHA-256 of the public key in DER, hex" }),
    algorithm: z.literal("Ed25519"),
    publicKey: z.string().meta({ description: "PEM" }),
    createdAt: at,
  })
  .meta({ id: "SigningKey" });
export type SigningKey = z.output<typeof signingKeySchema>;

const params = z.strictObject({ tenantId: tenantIdSchema });
const tenantPath = "/v1/control-plane/tenants/:tenantId";

export const decommissionRoutes = defineRoutes({
  tenantDecommission: {
    method: "post",
    path: `${tenantPath}/decommission`,
    tag: "Tenants",
    summary: "Destroy a tenant's targets and delete it, after a grace period",
    description:
      "Blocks the tenant now and destroys it when the grace period has ended; until then it can be undone. " +
      "Drafts, and requests that say immediately (admin), are destroyed now. Needs the slug typed again and a reason.",
    role: "fleet_operator",
    params,
    body: tenantDecommissionSchema,
    status: 202,
    response: operationAcceptedSchema,
    errors: [
      ...["tenant_not_found", "illegal_transition", "operation_in_progress", "target_missing"],
      ...["confirmation_mismatch", "legal_hold", "version_conflict"],
    ] as const,
    ifMatch: "tenant",
  },
  tenantDecommissionUndo: {
    method: "post",
    path: `${tenantPath}/decommission/undo`,
    tag: "Tenants",
    summary: "Take a decommissioning back while its grace period lasts",
    role: "fleet_operator",
    params,
    body: tenantDecommissionUndoSchema,
    status: 202,
    response: operationAcceptedSchema,
    errors: [
      ...["tenant_not_found", "illegal_transition", "operation_in_progress", "grace_ended"],
      "version_conflict",
    ] as const,
    ifMatch: "tenant",
  },
  tenantDelete: {
    method: "delete",
    path: tenantPath,
    tag: "Tenants",
    summary: "Delete a draft",
    description: "At once and without an operation. A draft that has targets is decommissioned instead.",
    role: "fleet_operator",
    params,
    query: reasonQuery.partial(),
    status: 200,
    response: tenantSchema,
    errors: ["tenant_not_found", "illegal_transition", "legal_hold", "version_conflict"],
    ifMatch: "tenant",
  },
  legalHoldPlace: {
    method: "put",
    path: `${tenantPath}/legal-hold`,
    tag: "Tenants",
    summary: "Keep everything of a tenant from being deleted",
    role: "fleet_operator",
    params,
    body: legalHoldPlaceSchema,
    status: 200,
    response: tenantSchema,
    errors: ["tenant_not_found", "illegal_transition", "version_conflict"],
    ifMatch: "tenant",
  },
  legalHoldLift: {
    method: "delete",
    path: `${tenantPath}/legal-hold`,
    tag: "Tenants",
    summary: "Let a tenant's data be deleted again",
    role: "fleet_admin",
    params,
    query: reasonQuery,
    status: 200,
    response: tenantSchema,
    errors: ["tenant_not_found", "version_conflict"],
    ifMatch: "tenant",
  },
  certificateGet: {
    method: "get",
    path: `${tenantPath}/deletion-certificate`,
    tag: "Tenants",
    summary: "Get the signed proof of what was removed of a deleted tenant",
    role: "auditor",
    params,
    status: 200,
    response: signedCertificateSchema,
    errors: ["tenant_not_found", "certificate_not_found"],
  },
  signingKeyList: {
    method: "get",
    path: "/v1/control-plane/signing-keys",
    tag: "Audit",
    summary: "List the public keys that deletion certificates were ever signed with, newest first",
    role: "auditor",
    status: 200,
    query: z.strictObject(pageQuery),
    response: pageOf(signingKeySchema, "SigningKeyPage"),
    errors: [],
  },
});
