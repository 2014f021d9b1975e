import { z } from "zod";
import { at, atInput, reasonSchema, tenantIdSchema } from "./common.ts";
import type { BundleEntries } from "./entitlementEvaluation.ts";
import { capabilityKeySchema, onStaleSchema } from "./plan.ts";
import { planKeySchema, planVersionNumberSchema } from "./planKey.ts";
import { defineRoutes } from "./route.ts";

/** What a tenant may do, one capability at a time, and all of it as a signed bundle that services keep. */
export const ENTITLEMENT_SOURCES = ["plan", "override"] as const;
const sourceSchema = z.enum(ENTITLEMENT_SOURCES).meta({ id: "EntitlementSource" });

export const ENTITLEMENT_LIMITS = {
  /** Below what proxies let an idle request live for. */
  waitMs: 30_000,
  overridesPerTenant: 200,
  /** Requests that wait for a change at the same time in one process; who comes next is answered at once. */
  waiting: 10_000,
  /** How long a signed bundle is given out again, at most, and of how many tenants one is kept for that. */
  reissueMs: 10_000,
  issuesKept: 5_000,
} as const;

export const entitlementSchema = z
  .object({
    capabilityKey: capabilityKeySchema,
    enabled: z.boolean(),
    source: sourceSchema,
    onStale: onStaleSchema,
    reason: z.string().nullable().meta({ description: "Of an override" }),
    expiresAt: at.nullable().meta({ description: "When an override ends by itself" }),
    updatedBy: z.string().meta({ description: "Who set the override, or wrote the plan's version" }),
    updatedAt: at,
  })
  .meta({ id: "Entitlement" });
export type Entitlement = z.output<typeof entitlementSchema>;

export const entitlementsSchema = z
  .object({
    tenantId: tenantIdSchema,
    plan: planKeySchema,
    planVersion: planVersionNumberSchema,
    recordVersion: z.int().meta({
      description: "Grows with each change of what the tenant may do; the bundle's version and the ETag",
    }),
    entitlements: z.array(entitlementSchema).meta({ description: "By key" }),
  })
  .meta({ id: "Entitlements" });
export type Entitlements = z.output<typeof entitlementsSchema>;

export const entitlementSetSchema = z
  .strictObject({
    capabilityKey: capabilityKeySchema,
    enabled: z.boolean(),
    reason: reasonSchema,
    expiresAt: atInput.nullable().default(null),
    onStale: onStaleSchema.nullable().default(null).meta({
      description: "Null: as the plan declares; closed where the plan does not name the capability",
    }),
  })
  .meta({
    id: "EntitlementSet",
    example: { capabilityKey: "audit-export", enabled: true, reason: "trial until spring", expiresAt: null },
  });
export type EntitlementSet = z.output<typeof entitlementSetSchema>;

const bundleEntrySchema = z
  .object({
    enabled: z.boolean(),
    source: sourceSchema,
    onStale: onStaleSchema,
    expiresAt: at
      .optional()
      .meta({ description: "From then on `thenEnabled` holds, without another bundle" }),
    thenEnabled: z.boolean().optional(),
  })
  .meta({ id: "EntitlementBundleEntry" });

/** What of a bundle is evaluated and kept; the rest is added when it is issued. */
export interface BundleContent {
  readonly plan: string;
  readonly planVersion: number;
  readonly entitlements: BundleEntries;
}

export const entitlementBundleSchema = z
  .object({
    kind: z.literal("entitlement_bundle"),
    formatVersion: z.literal(1),
    tenantId: tenantIdSchema,
    version: z.int().meta({ description: "Only ever grows: a reader refuses one older than it has" }),
    plan: planKeySchema,
    planVersion: planVersionNumberSchema,
    entitlements: z.record(capabilityKeySchema, bundleEntrySchema),
    changedAt: at.meta({ description: "When this version came to be" }),
    issuedAt: at.meta({ description: "When it was signed; its age counts from here" }),
    refreshAfterMs: z.int().meta({
      description: "Ask again at least this often: changes then arrive within the propagation bound",
    }),
    staleAfterMs: z
      .int()
      .meta({ description: "Older than this, a reader goes by each capability's onStale" }),
    keyId: z.string(),
    signature: z.string().meta({
      description: "Ed25519, base64, over the canonical JSON (RFC 8785) of all other members but keyId",
    }),
  })
  .meta({ id: "EntitlementBundle" });
export type EntitlementBundle = z.output<typeof entitlementBundleSchema>;

const base = "/v1/control-plane/tenants/:tenantId/entitlements";
const params = z.strictObject({ tenantId: tenantIdSchema });
const ifMatch = "Send If-Match with the record version to change only what you have read.";

export const entitlementRoutes = defineRoutes({
  entitlementSet: {
    method: "post",
    path: base,
    tag: "Entitlements",
    summary: "Set an override: allow or refuse a tenant a capability, whatever its plan says",
    description: `Takes the place of an earlier override of the same capability. ${ifMatch}`,
    role: "fleet_operator",
    params,
    body: entitlementSetSchema,
    status: 200,
    response: entitlementSchema,
    ifMatch: "record",
    errors: [
      "tenant_not_found",
      "illegal_transition",
      "unknown_capability",
      "too_many_overrides",
      "version_conflict",
    ],
  },
  entitlementList: {
    method: "get",
    path: base,
    tag: "Entitlements",
    summary: "What a tenant may do, and why",
    role: "auditor",
    params,
    query: z.strictObject({ source: sourceSchema.optional() }),
    status: 200,
    response: entitlementsSchema,
    errors: ["tenant_not_found"],
  },
  entitlementRemove: {
    method: "delete",
    path: `${base}/:capabilityKey`,
    tag: "Entitlements",
    summary: "Remove an override: let the plan decide again",
    description: ifMatch,
    role: "fleet_operator",
    params: z.strictObject({ tenantId: tenantIdSchema, capabilityKey: capabilityKeySchema }),
    query: z.strictObject({ reason: reasonSchema.optional() }),
    status: 200,
    response: entitlementsSchema,
    ifMatch: "record",
    errors: ["tenant_not_found", "illegal_transition", "entitlement_override_not_found", "version_conflict"],
  },
  entitlementBundleGet: {
    method: "get",
    path: `${base}/bundle`,
    tag: "Entitlements",
    summary: "What a tenant may do, as a signed bundle for services to keep",
    description:
      "Send If-None-Match with the ETag of the bundle you have: 304 says that nothing has changed, and with `waitMs` it is " +
      "said only after that long. A 304 is not signed and makes no bundle younger: before one gets stale, ask without If-None-Match.",
    role: "auditor",
    params,
    query: z.strictObject({
      waitMs: z.coerce
        .number()
        .int()
        .min(0)
        .max(ENTITLEMENT_LIMITS.waitMs)
        .default(0)
        .meta({ description: "How long to wait for a change, with If-None-Match" }),
    }),
    status: 200,
    tagged: true,
    response: entitlementBundleSchema,
    errors: ["tenant_not_found", "tenant_deleted"],
  },
});
