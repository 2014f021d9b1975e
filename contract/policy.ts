import { z } from "zod";
import {
  at,
  atInput,
  labelsSchema,
  planeNamesSchema,
  reasonSchema,
  slugSchema,
  tenantIdSchema,
} from "./common.ts";
import { policyReasonSchema } from "./errors.ts";
import { planKeySchema, planVersionNumberSchema } from "./planKey.ts";
import { defineRoutes } from "./route.ts";
import { dataClassificationSchema, isolationSchema, regionsSchema } from "./tenant.ts";
import { API_KEY_ROLES, ENVIRONMENTS } from "./vocabulary.ts";

/** The policies that every change is held to: which they are, what they would say, and what a decision of the past was made by. */

const versionSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: "must be 64 hex digits" })
  .meta({ id: "PolicyVersion", description: "SHA-256 over the files of the set" });

const policySchema = z.object({
  policyId: z.string().meta({ example: "residency-planes" }),
  effect: z.enum(["permit", "forbid"]),
  reason: z.string().nullable(),
  advice: z.string().nullable(),
  security: z.string().nullable().meta({ description: "A denial by it is a security event of this kind" }),
  file: z.string(),
  text: z.string(),
});

export const policySetSchema = z
  .object({
    version: versionSchema
      .nullable()
      .meta({ description: "null: there is none, and every change is denied" }),
    source: z.string().meta({ description: "The folder or URL" }),
    loadedAt: at.nullable(),
    checkedAt: at.nullable().meta({ description: "When the source was last looked at" }),
    problem: z
      .object({ at, messages: z.array(z.string()) })
      .nullable()
      .meta({ description: "Why what the source has now is not taken; the set that was taken before holds" }),
    governsReads: z.boolean().meta({ description: "Whether reads are decided on, too" }),
    warnings: z.array(z.string()),
    policies: z.array(policySchema),
  })
  .meta({ id: "PolicySet" });
export type PolicySetAnswer = z.output<typeof policySetSchema>;

export const policyRecordSchema = z
  .object({
    version: versionSchema,
    source: z.string(),
    loadedAt: at,
    files: z.array(z.object({ name: z.string(), text: z.string() })),
  })
  .meta({ id: "PolicyRecord" });
export type PolicyRecord = z.output<typeof policyRecordSchema>;

const region = z.string().min(1).max(40);

const newTenantSchema = z
  .strictObject({
    slug: slugSchema.default("new-tenant"),
    plan: planKeySchema,
    planVersion: planVersionNumberSchema.optional(),
    isolation: isolationSchema.default("pooled"),
    regions: regionsSchema.default({ allowed: [], preferred: [] }),
    labels: labelsSchema.default({}),
    dataClassification: dataClassificationSchema.default("confidential"),
    planes: planeNamesSchema.default([]),
  })
  .meta({ description: "For tenantCreate: the tenant that would be made" });

const factsSchema = z
  .strictObject({
    reason: reasonSchema.optional(),
    plan: planKeySchema.optional(),
    planVersion: planVersionNumberSchema.optional(),
    isolation: isolationSchema.optional(),
    regions: z.array(region).max(40).optional().meta({ description: "Those that would be allowed" }),
    planes: planeNamesSchema.optional(),
    immediately: z.boolean().optional(),
    emergency: z.boolean().optional(),
    release: z.int().min(1).optional(),
    recordVersion: z.int().min(1).optional().meta({ description: "For tenantVersionRestore" }),
  })
  .meta({ description: "What the request would say" });

export const policyEvaluateSchema = z
  .strictObject({
    principal: z
      .strictObject({
        role: z.enum(API_KEY_ROLES),
        name: z.string().min(1).max(120).default("somebody"),
        environments: z.array(z.enum(ENVIRONMENTS)).max(ENVIRONMENTS.length).nullable().default(null),
      })
      .meta({ description: "Who would ask" }),
    action: z.string().min(1).max(64).meta({ description: "An operation id", example: "tenantDecommission" }),
    tenantId: tenantIdSchema.optional(),
    newTenant: newTenantSchema.optional(),
    facts: factsSchema.default({}),
    at: atInput.optional().meta({ description: "When it would be asked; now when left out" }),
  })
  .refine(({ tenantId, newTenant }) => tenantId === undefined || newTenant === undefined, {
    error: "must be left out where tenantId is given",
    path: ["newTenant"],
  })
  .meta({
    id: "PolicyEvaluate",
    example: {
      principal: { role: "fleet_operator" },
      action: "tenantCreate",
      newTenant: { plan: "starter", isolation: "dedicated" },
    },
  });
export type PolicyEvaluate = z.output<typeof policyEvaluateSchema>;

export const policyEvaluationSchema = z
  .object({
    decision: z
      .enum(["allow", "deny", "error"])
      .meta({ description: "Role, environments and policies together; error denies as well" }),
    action: z.string(),
    at,
    role: z.object({
      needed: z.enum(API_KEY_ROLES).nullable(),
      suffices: z.boolean().meta({ description: "If not, no policy can make up for it" }),
    }),
    environments: z
      .object({
        reaches: z.array(z.enum(ENVIRONMENTS)).nullable().meta({
          description:
            "What the request would change something in; null where that hangs on more than a tenant and planes",
        }),
        suffices: z.boolean().meta({ description: "Whether the principal's environments are enough for it" }),
      })
      .meta({ description: "What a key for some environments is held to" }),
    policies: z.array(z.string()).meta({ description: "Those that decided" }),
    reasons: z.array(policyReasonSchema),
    errors: z.array(z.string()),
    policyVersion: versionSchema.nullable(),
    query: z
      .object({
        resource: z.record(z.string(), z.unknown()).nullable(),
        context: z.record(z.string(), z.unknown()),
      })
      .meta({ description: "What the policies were shown" }),
  })
  .meta({ id: "PolicyEvaluation" });
export type PolicyEvaluation = z.output<typeof policyEvaluationSchema>;

const base = "/v1/control-plane/policy";

export const policyRoutes = defineRoutes({
  policyGet: {
    method: "get",
    path: base,
    tag: "Policies",
    summary: "The policies that hold, where they come from, and whether newer ones were refused",
    role: "auditor",
    status: 200,
    response: policySetSchema,
    errors: [],
  },
  policySchemaGet: {
    method: "get",
    path: `${base}/schema`,
    tag: "Policies",
    summary: "What policies may speak of, as a Cedar schema",
    role: "auditor",
    status: 200,
    produces: "text/plain",
    errors: [],
  },
  policyVersionGet: {
    method: "get",
    path: `${base}/versions/:version`,
    tag: "Policies",
    summary: "A set of policies that has held, with its text",
    description: "Audit events name the version that their request was decided by.",
    role: "auditor",
    params: z.strictObject({ version: versionSchema }),
    status: 200,
    response: policyRecordSchema,
    errors: ["policy_version_not_found"],
  },
  policyEvaluate: {
    method: "post",
    path: `${base}/evaluations`,
    tag: "Policies",
    summary: "Ask what the policies would say, without doing anything",
    role: "auditor",
    body: policyEvaluateSchema,
    status: 200,
    response: policyEvaluationSchema,
    errors: ["tenant_not_found", "unknown_plan", "tenant_version_not_found"],
  },
});
