import { z } from "zod";
import {
  type at,
  pageOf,
  pageQuery,
  reasonSchema,
  releaseNumberSchema,
  slugSchema,
  tenantIdSchema,
} from "./common.ts";
import { CONTACT_LIMITS, contactFields } from "./contact.ts";
import { fieldErrorSchema } from "./errors.ts";
import { EXTERNAL_ID_LIMITS, externalIdValueSchema, systemSchema } from "./externalId.ts";
import { planVersionNumberSchema } from "./planKey.ts";
import { defineRoutes } from "./route.ts";
import { tenantCreateSchema, tenantSchema } from "./tenant.ts";

/**
 * Tenants as text. A manifest says what a tenant is to be; applying it makes that the record, and the reconcile loop brings
 * the targets there. It is whole: a field left out means its default, not "as it was"; but for the plan's version, contacts and
 * external ids, which have none.
 */
export const MANIFEST_API_VERSION = "tenantry.dev/v1";

/** Bounds of the text, besides the request body's own; see docs/manifests.md. */
export const MANIFEST_LIMITS = {
  documents: 1_000,
  files: 1_000,
  /** Words, brackets and line ends of one manifest as a YAML reader counts them; the largest legal one has some 2,000. */
  tokensPerDocument: 20_000,
  tokens: 400_000,
  depth: 12,
  /** Problems told at once; the rest is counted. */
  problems: 100,
  fileNameChars: 255,
} as const;

/** Deleting is not a state to declare: it needs the slug typed again and a reason. */
export const MANIFEST_STATES = ["draft", "active", "suspended", "archived"] as const;
export type ManifestState = (typeof MANIFEST_STATES)[number];

const decommissionedElsewhere =
  "A manifest never deletes. Use POST /v1/control-plane/tenants/<id>/decommission.";

const stateSchema = z
  .enum(MANIFEST_STATES, {
    error: ({ input }) =>
      /^(decommission|delet)/.test(String(input))
        ? `cannot be ${String(input).slice(0, 40)}. ${decommissionedElsewhere}`
        : `must be one of ${MANIFEST_STATES.join(", ")}`,
  })
  .meta({ description: "Where the tenant is to be" });

const releaseSchema = z
  .union([releaseNumberSchema, z.literal("latest")], { error: "must be a release's number or latest" })
  .nullable()
  .default(null)
  .meta({
    description:
      "A number pins the tenant to that release, `latest` follows the newest; left out, rollouts and deployments decide",
  });

const contactSchema = z.strictObject({ ...contactFields, phone: contactFields.phone.default(null) });
export type ManifestContact = z.output<typeof contactSchema>;

const contactsSchema = z
  .array(contactSchema)
  .max(CONTACT_LIMITS.contactsPerTenant)
  .refine((all) => new Set(all.map(({ role, email }) => `${role} ${email}`)).size === all.length, {
    error: "must name each address once for a role",
  })
  .optional()
  .meta({ description: "All of the tenant's contacts; left out, they stay as they are" });

const externalIdsSchema = z
  .record(systemSchema, externalIdValueSchema)
  .refine((all) => Object.keys(all).length <= EXTERNAL_ID_LIMITS.perTenant, {
    error: `must name at most ${EXTERNAL_ID_LIMITS.perTenant} systems`,
  })
  .optional()
  .meta({ description: "What other systems call the tenant, by system; left out, they stay as they are" });

const create = tenantCreateSchema.shape;
const literal = (value: string) => z.literal(value, { error: `must be ${value}` });

export const manifestSchema = z
  .strictObject({
    apiVersion: literal(MANIFEST_API_VERSION),
    kind: literal("Tenant"),
    metadata: z.strictObject({ slug: slugSchema, labels: create.labels }),
    spec: z.strictObject({
      displayName: create.displayName,
      plan: create.plan,
      planVersion: planVersionNumberSchema.optional().meta({
        description: "Left out: the newest of a plan that is new to the tenant, else the one it is bound to",
      }),
      state: stateSchema,
      planes: create.planes,
      release: releaseSchema,
      isolation: create.isolation,
      regions: create.regions,
      suspensionMode: create.suspensionMode,
      dataClassification: create.dataClassification,
      primaryDomain: create.primaryDomain,
      contacts: contactsSchema,
      externalIds: externalIdsSchema,
      config: create.config,
    }),
  })
  .meta({
    id: "Manifest",
    example: {
      apiVersion: MANIFEST_API_VERSION,
      kind: "Tenant",
      metadata: { slug: "acme", labels: { tier: "gold" } },
      spec: { displayName: "Acme Ltd", plan: "starter", state: "active", planes: ["dev-eu-west-1"] },
    },
  });
export type Manifest = z.output<typeof manifestSchema>;

const textSchema = z.string().meta({ description: "YAML; one manifest, or several with --- between" });
const fileSchema = z.strictObject({
  file: z.string().min(1).max(MANIFEST_LIMITS.fileNameChars),
  text: textSchema,
});

const EXAMPLE = `apiVersion: ${MANIFEST_API_VERSION}
kind: Tenant
metadata: { slug: globex }
spec: { displayName: Globex, plan: starter, state: active, planes: [dev-eu-west-1] }
`;

/** What application/yaml carries arrives as one document. */
export const manifestBodySchema = z
  .strictObject({
    documents: z
      .array(
        z.union([textSchema, fileSchema], { error: "must be YAML text, or an object with file and text" }),
      )
      .min(1)
      .max(MANIFEST_LIMITS.files),
  })
  .meta({
    id: "ManifestDocuments",
    example: { documents: [{ file: "globex.yaml", text: EXAMPLE }] },
  });
export type ManifestBody = z.output<typeof manifestBodySchema>;

const changeSchema = z
  .object({
    path: z.string().meta({ description: "Of the manifest's field", example: "spec.plan" }),
    from: z.unknown().meta({ description: "As recorded now; absent when there is nothing yet" }).optional(),
    to: z.unknown().meta({ description: "As the manifest says" }),
  })
  .meta({ id: "ManifestChange" });
export type ManifestChange = z.output<typeof changeSchema>;

const stepSchema = z
  .object({
    action: z.string().meta({ example: "deploy" }),
    planes: z.array(z.string()),
    reason: z.string(),
  })
  .meta({ id: "ManifestStep", description: "What the reconcile loop would ask for next" });

export const manifestResultSchema = z
  .object({
    slug: slugSchema,
    tenantId: tenantIdSchema.nullable().meta({ description: "Null for one that is not there yet" }),
    file: z.string(),
    line: z.int(),
    result: z.enum(["create", "change", "none"]).meta({ description: "What applying did, or would do" }),
    changes: z.array(changeSchema),
    operations: z.array(stepSchema).meta({ description: "What follows, as things stand now" }),
    digest: z.string(),
    recordVersion: z.int().nullable(),
  })
  .meta({ id: "ManifestResult" });
export type ManifestResult = z.output<typeof manifestResultSchema>;

const resultsSchema = z
  .object({ dryRun: z.boolean(), tenants: z.array(manifestResultSchema) })
  .meta({ id: "ManifestResults" });
export type ManifestResults = z.output<typeof resultsSchema>;

export const manifestApplyQuerySchema = z.strictObject({
  dryRun: z
    .stringbool()
    .default(false)
    .meta({ description: "Validate and compare only", enum: ["true", "false"] }),
  reason: reasonSchema.optional().meta({ description: "Kept in the audit trail" }),
});
export type ManifestApplyQuery = z.output<typeof manifestApplyQuerySchema>;

export const manifestProblemSchema = fieldErrorSchema;

const bySlug = z.strictObject({ slug: slugSchema });
const base = "/v1/control-plane/manifests";
const text = {
  body: manifestBodySchema,
  acceptsYaml: "documents",
  status: 200,
  response: resultsSchema,
} as const;

export const manifestRoutes = defineRoutes({
  manifestApply: {
    ...text,
    method: "post",
    path: `${base}/apply`,
    tag: "Manifests",
    summary: "Make manifests the records of their tenants",
    description:
      "All of them are checked before the first is written; then each tenant is one change. The reconcile loop brings " +
      "the targets there. Applying the same again changes nothing. A tenant that no manifest names is left alone.",
    role: "fleet_operator",
    query: manifestApplyQuerySchema,
    errors: ["manifest_invalid", "duplicate_slug", "version_conflict"],
  },
  manifestDiff: {
    ...text,
    method: "post",
    path: `${base}/diff`,
    tag: "Manifests",
    summary: "Say what applying manifests would change",
    role: "auditor",
    errors: ["manifest_invalid"],
  },
  manifestExport: {
    method: "get",
    path: `${base}/tenants/:slug`,
    tag: "Manifests",
    summary: "A tenant's record as a manifest",
    description: "Applied unchanged it changes nothing.",
    role: "auditor",
    params: bySlug,
    status: 200,
    produces: "application/yaml",
    errors: ["tenant_not_found", "illegal_transition"],
  },
  manifestList: {
    method: "get",
    path: `${base}/tenants`,
    tag: "Manifests",
    summary: "All tenants as manifests, newest first",
    role: "auditor",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(
      z
        .object({ slug: slugSchema, managedBy: tenantSchema.shape.managedBy, text: z.string() })
        .meta({ id: "ManifestText" }),
      "ManifestPage",
    ),
    errors: [],
  },
  manifestRelease: {
    method: "post",
    path: `${base}/tenants/:slug/release`,
    tag: "Manifests",
    summary: "Let a tenant be managed over the API again",
    description: "Its record and targets stay as they are; only the manifest's hold on it ends.",
    role: "fleet_operator",
    params: bySlug,
    body: z.strictObject({ reason: reasonSchema }).meta({ id: "ManifestRelease" }),
    status: 200,
    response: tenantSchema,
    errors: ["tenant_not_found", "illegal_transition"],
  },
});

/** What is kept of the manifest last applied to a tenant. */
export interface AppliedManifest {
  readonly tenantId: string;
  readonly digest: string;
  readonly manifest: Manifest;
  readonly file: string | null;
  readonly appliedBy: string;
  readonly appliedAt: z.output<typeof at>;
  /** Set by a forced edit: the reconcile loop leaves the tenant alone until the next apply. */
  readonly heldReason: string | null;
  readonly heldBy: string | null;
  readonly heldAt: string | null;
}
