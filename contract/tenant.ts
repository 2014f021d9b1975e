import { z } from "zod";
import {
  at,
  LIMITS,
  labelsSchema,
  pageOf,
  pageQuery,
  planeNamesSchema,
  printable,
  reasonSchema,
  slugSchema,
  tenantIdSchema,
} from "./common.ts";
import { PLACING_ERRORS } from "./placement.ts";
import { planKeySchema, planVersionNumberSchema } from "./planKey.ts";
import { defineRoutes } from "./route.ts";
import { secretRefsSchema, settingsSchema } from "./tenantConfig.ts";
import {
  DATA_CLASSIFICATIONS,
  DRIFT_STATES,
  ENVIRONMENTS,
  HEALTH_STATES,
  ISOLATION_LEVELS,
  SUSPENSION_MODES,
  TENANT_MANAGERS,
  TENANT_SORTS,
  TENANT_STATUSES,
  VERSION_STATES,
} from "./vocabulary.ts";

const displayNameSchema = printable(LIMITS.displayNameChars);

const DOMAIN =
  /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})$/;
const domainSchema = z
  .string()
  .max(253)
  .regex(DOMAIN, { error: ({ input }) => `must be a lowercase domain name such as ${likelyDomain(input)}` });

/** What was meant, as the DNS spells it: the browser's own rules, which know what each Unicode letter stands for. */
function likelyDomain(input: unknown): string {
  const url = URL.parse(`https://${String(input).trim().slice(0, 253)}`);
  return url !== null && DOMAIN.test(url.hostname) ? url.hostname : "app.acme.example";
}

const regionSchema = z
  .string()
  .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, { error: "must be a region such as eu-west-1" });
const regionListSchema = z.array(regionSchema).max(LIMITS.regions);

/** Where a tenant may be, and in which order it would like to be there; no allowed region means any. */
export const regionsSchema = z
  .strictObject({ allowed: regionListSchema.default([]), preferred: regionListSchema.default([]) })
  .refine(
    ({ allowed, preferred }) => allowed.length === 0 || preferred.every((region) => allowed.includes(region)),
    { error: "must prefer only regions that are allowed", path: ["preferred"] },
  )
  .meta({ id: "TenantRegions" });

export const legalHoldSchema = z
  .object({ reason: z.string(), placedBy: z.string(), placedAt: at })
  .meta({ id: "LegalHold", description: "While it stands, nothing of the tenant is deleted" });
export type LegalHold = z.output<typeof legalHoldSchema>;

export const isolationSchema = z.enum(ISOLATION_LEVELS).meta({ id: "IsolationLevel" });
export const suspensionModeSchema = z.enum(SUSPENSION_MODES).meta({ id: "SuspensionMode" });
export const dataClassificationSchema = z.enum(DATA_CLASSIFICATIONS).meta({ id: "DataClassification" });

const configSchema = z.object({ settings: settingsSchema, secretRefs: secretRefsSchema });

export const tenantSchema = z
  .object({
    tenantId: tenantIdSchema,
    slug: slugSchema,
    displayName: z.string(),
    status: z.enum(TENANT_STATUSES),
    requestedStatus: z.enum(TENANT_STATUSES).meta({ description: "Where the tenant is going" }),
    plan: planKeySchema,
    planVersion: planVersionNumberSchema.meta({ description: "Which version of the plan it is bound to" }),
    primaryDomain: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
    planes: z.array(z.string()).meta({ description: "Where it is wanted when a request names no planes" }),
    config: configSchema,
    isolation: isolationSchema,
    regions: z.object({ allowed: z.array(z.string()), preferred: z.array(z.string()) }),
    suspensionMode: suspensionModeSchema.meta({
      description: "What suspending does when a request does not say",
    }),
    dataClassification: dataClassificationSchema,
    managedBy: z.enum(TENANT_MANAGERS),
    legalHold: legalHoldSchema.nullable(),
    decommissionAfter: at
      .nullable()
      .meta({ description: "Until then a decommissioning can be undone; null when none is under way" }),
    recordVersion: z.int().meta({ description: "Grows by one with each change; also the ETag", example: 1 }),
    createdAt: at,
    updatedAt: at,
    archivedAt: at.nullable(),
    deletedAt: at.nullable(),
  })
  .meta({ id: "Tenant" });
export type Tenant = z.output<typeof tenantSchema>;

export const tenantCreateSchema = z
  .strictObject({
    slug: slugSchema,
    displayName: displayNameSchema,
    plan: planKeySchema,
    planVersion: planVersionNumberSchema.optional().meta({ description: "The newest when left out" }),
    primaryDomain: domainSchema.nullable().default(null),
    labels: labelsSchema.default({}),
    planes: planeNamesSchema.default([]),
    config: z
      .strictObject({ settings: settingsSchema.default({}), secretRefs: secretRefsSchema.default({}) })
      .default({ settings: {}, secretRefs: {} }),
    isolation: isolationSchema.default("pooled"),
    regions: regionsSchema.default({ allowed: [], preferred: [] }),
    suspensionMode: suspensionModeSchema.default("workloads"),
    dataClassification: dataClassificationSchema.default("confidential"),
  })
  .meta({
    id: "TenantCreate",
    example: { slug: "acme", displayName: "Acme Ltd", plan: "starter", labels: { tier: "gold" } },
  });
export type TenantCreate = z.output<typeof tenantCreateSchema>;

const updateFields = {
  displayName: displayNameSchema.optional(),
  plan: planKeySchema.optional(),
  planVersion: planVersionNumberSchema.optional().meta({
    description: "Left out: the newest of a plan that is new to the tenant, else the one it is bound to",
  }),
  primaryDomain: domainSchema.nullable().optional(),
  labels: labelsSchema.optional().meta({ description: "Replaces all labels" }),
  planes: planeNamesSchema.optional(),
  config: z
    .strictObject({ settings: settingsSchema.optional(), secretRefs: secretRefsSchema.optional() })
    .optional()
    .meta({ description: "Each part given replaces that part whole" }),
  isolation: isolationSchema.optional(),
  regions: regionsSchema.optional(),
  suspensionMode: suspensionModeSchema.optional(),
  dataClassification: dataClassificationSchema.optional(),
};

const changesSomething = (update: object) => Object.values(update).some((value) => value !== undefined);
const changesNothing = { error: "must change at least one field" };

export const tenantUpdateSchema = z
  .strictObject(updateFields)
  .refine(changesSomething, changesNothing)
  .meta({ id: "TenantUpdate", example: { displayName: "Acme International" } });
export type TenantUpdate = z.output<typeof tenantUpdateSchema>;

export const tenantPatchSchema = z
  .strictObject({
    ...updateFields,
    reason: reasonSchema
      .optional()
      .meta({ description: "Kept in the audit trail; policies may ask for one, such as for a smaller plan" }),
  })
  .refine(({ reason: _reason, ...update }) => changesSomething(update), changesNothing)
  .meta({ id: "TenantPatch", example: { displayName: "Acme International" } });
export type TenantPatch = z.output<typeof tenantPatchSchema>;

export const tenantVersionSchema = z
  .object({
    recordVersion: z.int(),
    action: z.string().meta({ example: "tenant.updated" }),
    actorId: z.string(),
    requestId: z.string(),
    changedAt: at,
    tenant: tenantSchema,
  })
  .meta({ id: "TenantVersion" });
export type TenantVersion = z.output<typeof tenantVersionSchema>;

export const tenantRestoreVersionSchema = z
  .strictObject({ reason: reasonSchema })
  .meta({ id: "TenantVersionRestore" });

const params = z.strictObject({ tenantId: tenantIdSchema });
const versionParams = z.strictObject({
  tenantId: tenantIdSchema,
  recordVersion: z.coerce.number().int().min(1).max(1_000_000_000),
});
const slugPrefix = z
  .string()
  .max(LIMITS.slugChars)
  .regex(/^[a-z][a-z0-9-]*$/, {
    error: "must be the beginning of a slug",
  });
const labelSchema = z
  .string()
  .max(184)
  .regex(/^[^=]+=.*$/, { error: "must be name=value" });
const ofOneTarget = "Filters by target must all fit one and the same target.";

export const tenantListQuerySchema = z.strictObject({
  ...pageQuery,
  search: z
    .string()
    .trim()
    .max(LIMITS.searchChars)
    .regex(/[\p{L}\p{N}]/u, { error: "must hold a letter or a digit" })
    .optional()
    .meta({
      description:
        "Words, each the beginning of a word of the slug, name, domains, external ids or labels; case and accents do not count",
      example: "acme berl",
    }),
  status: z
    .enum(TENANT_STATUSES)
    .optional()
    .meta({ description: "Deleted tenants are listed only when asked for so" }),
  plan: planKeySchema.optional(),
  planVersion: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .meta({ description: "The version of the plan it is bound to" }),
  label: labelSchema.optional().meta({ description: "name=value", example: "tier=gold" }),
  slugPrefix: slugPrefix.optional(),
  region: regionSchema.optional().meta({ description: `Of a target. ${ofOneTarget}` }),
  environment: z.enum(ENVIRONMENTS).optional().meta({ description: "Of a target" }),
  release: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .meta({ description: "That a target runs" }),
  version: z
    .enum(VERSION_STATES)
    .optional()
    .meta({ description: "Of a target, against the release it should run" }),
  health: z.enum(HEALTH_STATES).optional().meta({ description: "Of a target, as last seen" }),
  drift: z.enum(DRIFT_STATES).optional().meta({ description: "Of a target, as last seen" }),
  sort: z
    .enum(TENANT_SORTS)
    .default("-createdAt")
    .meta({ description: "With - before it the last comes first" }),
});
type TenantListAsked = z.output<typeof tenantListQuerySchema>;
/** What is left out counts as not asked for, so that code of ours need not say it. */
export type TenantListQuery = Omit<TenantListAsked, "sort"> & Partial<Pick<TenantListAsked, "sort">>;

const ifMatch = "Send If-Match with the record version to change only what you have read.";
const tenantPath = "/v1/control-plane/tenants/:tenantId";

export const tenantRoutes = defineRoutes({
  tenantCreate: {
    method: "post",
    path: "/v1/control-plane/tenants",
    tag: "Tenants",
    summary: "Record a tenant as a draft",
    role: "fleet_operator",
    body: tenantCreateSchema,
    status: 201,
    response: tenantSchema,
    errors: ["duplicate_slug", "unknown_plan", "isolation_not_in_plan", "secret_value_refused"],
  },
  tenantList: {
    method: "get",
    path: "/v1/control-plane/tenants",
    tag: "Tenants",
    summary: "List and search tenants, newest first",
    description:
      "A page may hold fewer items than `limit`, even none: `nextCursor` alone says whether there are more. A request looks at so many tenants at most, however many there are.",
    role: "auditor",
    query: tenantListQuerySchema,
    status: 200,
    response: pageOf(tenantSchema, "TenantPage"),
    errors: [],
  },
  tenantGet: {
    method: "get",
    path: tenantPath,
    tag: "Tenants",
    summary: "Get a tenant",
    role: "auditor",
    params,
    status: 200,
    response: tenantSchema,
    errors: ["tenant_not_found"],
  },
  tenantUpdate: {
    method: "patch",
    path: tenantPath,
    tag: "Tenants",
    summary: "Change a tenant's record",
    description: `Changes the record only; a deployment brings the change to the targets, as reconfigure does in one. ${ifMatch}`,
    role: "fleet_operator",
    params,
    body: tenantPatchSchema,
    status: 200,
    response: tenantSchema,
    ifMatch: "record",
    errors: [
      "tenant_not_found",
      ...PLACING_ERRORS,
      "isolation_change_needs_migration",
      "unknown_plan",
      "secret_value_refused",
      "version_conflict",
      "managed_by_manifest",
      "illegal_transition",
    ],
  },
  tenantVersionList: {
    method: "get",
    path: `${tenantPath}/versions`,
    tag: "Tenants",
    summary: "List the record's versions, newest first",
    role: "auditor",
    params,
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(tenantVersionSchema, "TenantVersionPage"),
    errors: ["tenant_not_found"],
  },
  tenantVersionGet: {
    method: "get",
    path: `${tenantPath}/versions/:recordVersion`,
    tag: "Tenants",
    summary: "Get one version of the record, as it stood then",
    role: "auditor",
    params: versionParams,
    status: 200,
    response: tenantVersionSchema,
    errors: ["tenant_not_found", "tenant_version_not_found"],
  },
  tenantVersionRestore: {
    method: "post",
    path: `${tenantPath}/versions/:recordVersion/restore`,
    tag: "Tenants",
    summary: "Make an earlier version's metadata the current one",
    description: `Writes a new version; slug and status stay as they are. ${ifMatch}`,
    role: "fleet_operator",
    params: versionParams,
    body: tenantRestoreVersionSchema,
    status: 200,
    response: tenantSchema,
    ifMatch: "record",
    errors: [
      "tenant_not_found",
      "isolation_not_in_plan",
      "region_not_allowed",
      "tenant_version_not_found",
      "version_conflict",
      "illegal_transition",
      "managed_by_manifest",
    ],
  },
});
