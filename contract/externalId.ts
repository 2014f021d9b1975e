import { z } from "zod";
import { at, pageOf, pageQuery, reasonSchema, tenantIdSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";
import { tenantSchema } from "./tenant.ts";

/** What other systems call a tenant: one id in each system, and in each system each id is one tenant's. */
export const EXTERNAL_ID_LIMITS = { perTenant: 20, systemChars: 40, idChars: 200 } as const;

export const systemSchema = z
  .string()
  .max(EXTERNAL_ID_LIMITS.systemChars)
  .regex(/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/, {
    error: "must be lowercase letters, digits and inner hyphens, starting with a letter",
  })
  .meta({ id: "ExternalSystem", description: "The system that gave the id", example: "crm" });

/** Visible ASCII alone, so that no two ids look alike and each is safe in a header, a path and a log line. */
export const externalIdValueSchema = z
  .string()
  .min(1)
  .max(EXTERNAL_ID_LIMITS.idChars)
  .regex(/^[\x21-\x7e]+$/, { error: "must be visible ASCII characters without spaces" })
  .meta({ example: "cus_0042" });

export const externalIdSchema = z
  .object({
    tenantId: tenantIdSchema,
    system: z.string(),
    externalId: z.string(),
    recordVersion: z.int().meta({ description: "Grows by one with each change; also the ETag", example: 1 }),
    createdAt: at,
    updatedAt: at,
  })
  .meta({ id: "ExternalId" });
export type ExternalId = z.output<typeof externalIdSchema>;

export const externalIdSetSchema = z
  .strictObject({ externalId: externalIdValueSchema, reason: reasonSchema.optional() })
  .meta({ id: "ExternalIdSet", example: { externalId: "cus_0042" } });
export type ExternalIdSet = z.output<typeof externalIdSetSchema>;

const params = z.strictObject({ tenantId: tenantIdSchema, system: systemSchema });
const base = "/v1/control-plane/tenants/:tenantId/external-ids";
const ifMatch = "Send If-Match with the record version to change only what you have read.";

export const externalIdRoutes = defineRoutes({
  tenantByExternalId: {
    method: "get",
    path: "/v1/control-plane/tenants/by-external-id/:system/:externalId",
    tag: "Tenants",
    summary: "Get the tenant that another system calls so",
    role: "auditor",
    params: z.strictObject({ system: systemSchema, externalId: externalIdValueSchema }),
    status: 200,
    response: tenantSchema,
    errors: ["external_id_not_found"],
  },
  externalIdSet: {
    method: "put",
    path: `${base}/:system`,
    tag: "Tenants",
    summary: "Say what another system calls the tenant",
    description: `Replaces what was said of that system. ${ifMatch}`,
    role: "fleet_operator",
    params,
    body: externalIdSetSchema,
    status: 200,
    response: externalIdSchema,
    ifMatch: "record",
    errors: [
      ...["tenant_not_found", "duplicate_external_id", "too_many_external_ids"],
      ...["version_conflict", "illegal_transition"],
    ] as const,
  },
  externalIdList: {
    method: "get",
    path: base,
    tag: "Tenants",
    summary: "List a tenant's external ids, by system",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(externalIdSchema, "ExternalIdPage"),
    errors: ["tenant_not_found"],
  },
  externalIdRemove: {
    method: "delete",
    path: `${base}/:system`,
    tag: "Tenants",
    summary: "Forget what another system calls the tenant",
    description: ifMatch,
    role: "fleet_operator",
    params,
    query: z.strictObject({ reason: reasonSchema.optional() }),
    status: 204,
    ifMatch: "record",
    errors: ["tenant_not_found", "external_id_not_found", "version_conflict"],
  },
});
