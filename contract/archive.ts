import { z } from "zod";
import { at, pageOf, pageQuery, reasonSchema, releaseNumberSchema, tenantIdSchema, uuid } from "./common.ts";
import { operationAcceptedSchema, operationOptions } from "./operation.ts";
import { defineRoutes } from "./route.ts";
import { ARCHIVE_STATES } from "./vocabulary.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What an archive holds, by number and checksum; never what is in it. */
export const archiveManifestSchema = z
  .object({
    formatVersion: z.literal(1),
    database: z
      .object({
        tables: z.int(),
        rows: z.int(),
        digest: sha256.meta({ description: "Over the checksums of all tables" }),
      })
      .nullable()
      .meta({ description: "null for a tenant that never had one" }),
    objects: z.object({
      count: z.int(),
      bytes: z.int(),
      digest: sha256.meta({ description: "Over the names and checksums of all objects" }),
    }),
  })
  .meta({ id: "ArchiveManifest" });
export type ArchiveManifest = z.output<typeof archiveManifestSchema>;

export const archiveSchema = z
  .object({
    archiveId: uuid,
    tenantId: tenantIdSchema,
    targetId: uuid,
    planeName: z.string(),
    state: z.enum(ARCHIVE_STATES),
    bucket: z.string(),
    prefix: z.string().meta({ description: "Everything below it belongs to this archive" }),
    manifest: archiveManifestSchema,
    releaseNumber: releaseNumberSchema.nullable(),
    retainUntil: at.meta({
      description: "It is not deleted before; after it, when nobody needs it any more",
    }),
    createdAt: at,
    restoredAt: at.nullable(),
    deletedAt: at.nullable(),
  })
  .meta({ id: "Archive" });
export type Archive = z.output<typeof archiveSchema>;

export const tenantArchiveSchema = z
  .strictObject({
    reason: reasonSchema,
    retentionDays: z
      .int()
      .min(1)
      .max(3_650)
      .optional()
      .meta({ description: "How long the archive is kept at least; the service's setting when left out" }),
    ...operationOptions,
  })
  .meta({ id: "TenantArchive", example: { reason: "project paused until spring" } });
export type TenantArchive = z.output<typeof tenantArchiveSchema>;

export const tenantRestoreSchema = z
  .strictObject({
    reason: reasonSchema.optional(),
    releaseNumber: releaseNumberSchema.optional().meta({
      description:
        "When left out: what the rollouts that passed it by would have brought, else the one it had",
    }),
    ...operationOptions,
  })
  .meta({ id: "TenantRestore", example: { reason: "project goes on" } });
export type TenantRestore = z.output<typeof tenantRestoreSchema>;

const params = z.strictObject({ tenantId: tenantIdSchema });
const tenantPath = "/v1/control-plane/tenants/:tenantId";

export const archiveRoutes = defineRoutes({
  tenantArchive: {
    method: "post",
    path: `${tenantPath}/archive`,
    tag: "Tenants",
    summary: "Move a suspended tenant's data to archive storage and remove its workloads",
    role: "fleet_operator",
    params,
    body: tenantArchiveSchema,
    status: 202,
    response: operationAcceptedSchema,
    errors: [
      ...["tenant_not_found", "illegal_transition", "operation_in_progress", "target_missing"],
      ...["managed_by_manifest", "version_conflict"],
    ] as const,
    ifMatch: "tenant",
  },
  tenantRestore: {
    method: "post",
    path: `${tenantPath}/restore`,
    tag: "Tenants",
    summary: "Bring an archived tenant back, verified by checksum",
    role: "fleet_operator",
    params,
    body: tenantRestoreSchema,
    bodyOptional: true,
    status: 202,
    response: operationAcceptedSchema,
    errors: [
      ...["tenant_not_found", "illegal_transition", "operation_in_progress", "archive_missing"],
      ...["release_not_found", "plane_missing", "plane_incomplete", "managed_by_manifest"],
      ...["target_pinned", "release_incompatible", "version_conflict"],
    ] as const,
    ifMatch: "tenant",
  },
  archiveList: {
    method: "get",
    path: `${tenantPath}/archives`,
    tag: "Tenants",
    summary: "List a tenant's archives, newest first",
    role: "auditor",
    params,
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(archiveSchema, "ArchivePage"),
    errors: ["tenant_not_found"],
  },
});
