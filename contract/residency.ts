import { z } from "zod";
import { at, pageOf, pageQuery, reasonSchema, tenantIdSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";
import { ENVIRONMENTS } from "./vocabulary.ts";

/**
 * Where data lies: each region's addresses for database, cache, bucket and logs. They come from the outputs of the planes there; what
 * no plane tells, or what is elsewhere than it says, is set by hand.
 */
export const ENDPOINT_KINDS = ["database", "cache", "bucket", "logs"] as const;
export type EndpointKind = (typeof ENDPOINT_KINDS)[number];

export const residencyRegionSchema = z
  .string()
  .max(40)
  .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, { error: "must be a region such as eu-west-1" })
  .meta({ id: "Region", example: "eu-west-1" });

const endpointSchema = z
  .object({
    kind: z.enum(ENDPOINT_KINDS),
    address: z.string().meta({ example: "tenantry-dev.cluster-abc.eu-west-1.rds.amazonaws.com:5432" }),
    planeName: z.string().nullable().meta({ description: "The plane that told it; null when set by hand" }),
    source: z.enum(["plane", "declared"]),
  })
  .meta({ id: "RegionEndpoint" });
export type RegionEndpoint = z.output<typeof endpointSchema>;

export const residencyMapSchema = z
  .object({
    region: z.string(),
    planes: z.array(z.object({ planeName: z.string(), environment: z.enum(ENVIRONMENTS) })).meta({
      description: "Those that are for all tenants",
    }),
    endpoints: z.array(endpointSchema).meta({
      description: "What is set by hand stands for what the planes say of the same kind",
    }),
  })
  .meta({ id: "ResidencyRegion" });
export type ResidencyRegion = z.output<typeof residencyMapSchema>;

export const tenantResidencySchema = z
  .object({
    tenantId: tenantIdSchema,
    allowed: z.array(z.string()).meta({ description: "Empty: any, until it is placed; then where it is" }),
    preferred: z.array(z.string()),
    placed: z.array(
      z.object({
        region: z.string(),
        planeName: z.string(),
        environment: z.enum(ENVIRONMENTS),
        targetId: uuid,
      }),
    ),
    regions: z.array(residencyMapSchema),
  })
  .meta({ id: "TenantResidency" });
export type TenantResidency = z.output<typeof tenantResidencySchema>;

/** host, host:port, or a URL without a password; never a secret. */
const addressSchema = z
  .string()
  .max(255)
  .regex(
    /^(https?:\/\/|s3:\/\/|rediss?:\/\/)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?(\/[\w./-]*)?$/,
    {
      error: "must be a host, host:port or a URL without user, password or query",
    },
  );

export const endpointSetSchema = z.strictObject({ address: addressSchema, reason: reasonSchema }).meta({
  id: "RegionEndpointSet",
  example: { address: "cache.eu-west-1.internal.example:6379", reason: "the new cache cluster" },
});
export type EndpointSet = z.output<typeof endpointSetSchema>;

export const declaredEndpointSchema = z
  .object({
    region: z.string(),
    kind: z.enum(ENDPOINT_KINDS),
    address: z.string(),
    recordVersion: z.int().meta({ description: "Grows by one with each change; also the ETag", example: 1 }),
    updatedBy: z.string(),
    updatedAt: at,
  })
  .meta({ id: "DeclaredEndpoint" });
export type DeclaredEndpoint = z.output<typeof declaredEndpointSchema>;

const base = "/v1/control-plane/residency/regions";
const params = z.strictObject({ region: residencyRegionSchema });
const ifMatch = "Send If-Match with the record version to change only what you have read.";
const kindParams = z.strictObject({ region: residencyRegionSchema, kind: z.enum(ENDPOINT_KINDS) });

export const residencyRoutes = defineRoutes({
  residencyRegionList: {
    method: "get",
    path: base,
    tag: "Residency",
    summary: "List regions with their addresses, by name",
    role: "auditor",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(residencyMapSchema, "ResidencyRegionPage"),
    errors: [],
  },
  residencyRegionGet: {
    method: "get",
    path: `${base}/:region`,
    tag: "Residency",
    summary: "A region's addresses",
    role: "auditor",
    params,
    status: 200,
    response: residencyMapSchema,
    errors: ["region_not_found"],
  },
  residencyEndpointSet: {
    method: "put",
    path: `${base}/:region/endpoints/:kind`,
    tag: "Residency",
    summary: "Set an address of a region by hand",
    description: ifMatch,
    role: "fleet_admin",
    params: kindParams,
    body: endpointSetSchema,
    status: 200,
    response: declaredEndpointSchema,
    ifMatch: "record",
    errors: ["version_conflict"],
  },
  residencyEndpointRemove: {
    method: "delete",
    path: `${base}/:region/endpoints/:kind`,
    tag: "Residency",
    summary: "Go by the planes again",
    description: ifMatch,
    role: "fleet_admin",
    params: kindParams,
    query: z.strictObject({ reason: reasonSchema }),
    status: 200,
    response: declaredEndpointSchema,
    ifMatch: "record",
    errors: ["region_not_found", "version_conflict"],
  },
  tenantResidency: {
    method: "get",
    path: "/v1/control-plane/tenants/:tenantId/residency",
    tag: "Residency",
    summary: "Where a tenant may be and is, and the addresses there",
    description:
      "With a region: the addresses there. A region where the tenant neither is nor may be is refused with residency_violation, " +
      "which is a security event.",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    query: z.strictObject({ region: residencyRegionSchema.optional() }),
    status: 200,
    response: tenantResidencySchema,
    errors: ["tenant_not_found", "residency_violation"],
  },
});
