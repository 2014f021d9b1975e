import { z } from "zod";
import { at, atInput, pageOf, pageQuery, reasonSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";
import { API_KEY_ROLES, ENVIRONMENTS } from "./vocabulary.ts";

/** How long the secret before a rotation may still work. */
const OVERLAP_MINUTES = { default: 60, most: 7 * 24 * 60 };

const keyIdSchema = z
  .string()
  .regex(/^[a-z0-9]{12}$/, { error: "must be the 12 characters between tk_ and the second _" })
  .meta({ example: "4kq8z0d2m1xp" });

const environmentsSchema = z
  .array(z.enum(ENVIRONMENTS))
  .min(1)
  .refine((names) => new Set(names).size === names.length, { error: "must not name an environment twice" })
  .nullable()
  .meta({
    description: "The environments it may change anything in; null for all. It reads the whole fleet",
  });

export const apiKeySchema = z
  .object({
    keyId: keyIdSchema,
    name: z.string(),
    role: z.enum(API_KEY_ROLES),
    environments: environmentsSchema,
    createdBy: z.string(),
    createdAt: at,
    expiresAt: at.nullable(),
    revokedAt: at.nullable(),
    lastUsedAt: at.nullable(),
    rotatedAt: at.nullable(),
    previousExpiresAt: at
      .nullable()
      .meta({ description: "Until when the secret before the last rotation works too" }),
  })
  .meta({ id: "ApiKey" });
export type ApiKey = z.output<typeof apiKeySchema>;

export const apiKeyCreateSchema = z
  .strictObject({
    name: z.string().trim().min(1).max(80),
    role: z.enum(API_KEY_ROLES),
    environments: environmentsSchema.default(null),
    expiresAt: atInput.nullable().default(null),
    reason: reasonSchema.optional(),
  })
  .meta({ id: "ApiKeyCreate", example: { name: "ci", role: "fleet_operator", environments: ["dev"] } });
export type ApiKeyCreate = z.output<typeof apiKeyCreateSchema>;

export const apiKeyRotateSchema = z
  .strictObject({
    overlapMinutes: z
      .int()
      .min(0)
      .max(OVERLAP_MINUTES.most)
      .default(OVERLAP_MINUTES.default)
      .meta({ description: "How long the old secret works beside the new one; 0 ends it at once" }),
    reason: reasonSchema.optional(),
  })
  .meta({ id: "ApiKeyRotate", example: { overlapMinutes: 60 } });
export type ApiKeyRotate = z.output<typeof apiKeyRotateSchema>;

export const apiKeyCreatedSchema = apiKeySchema
  .extend({
    secret: z.string().nullable().meta({
      description: "The whole key, shown this once; null when the answer is replayed for an Idempotency-Key",
    }),
  })
  .meta({ id: "ApiKeyCreated" });
export type ApiKeyCreated = z.output<typeof apiKeyCreatedSchema>;

export const apiKeyRoutes = defineRoutes({
  apiKeyCreate: {
    method: "post",
    path: "/v1/control-plane/api-keys",
    tag: "API keys",
    summary: "Make a key",
    description:
      "Its secret is in this answer and never again; only a hash is kept. A key that is for some environments cannot make one for more.",
    role: "fleet_admin",
    body: apiKeyCreateSchema,
    status: 201,
    response: apiKeyCreatedSchema,
    errors: [],
    secretResponse: true,
  },
  apiKeyList: {
    method: "get",
    path: "/v1/control-plane/api-keys",
    tag: "API keys",
    summary: "List keys, newest first",
    role: "fleet_admin",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(apiKeySchema, "ApiKeyPage"),
    errors: [],
  },
  apiKeyRotate: {
    method: "post",
    path: "/v1/control-plane/api-keys/:keyId/rotate",
    tag: "API keys",
    summary: "Give a key a new secret",
    description:
      "The new secret works at once, the old one until the overlap is over, so that its users can be moved without a gap. A second rotation ends the secret before the last.",
    role: "fleet_admin",
    params: z.strictObject({ keyId: keyIdSchema }),
    body: apiKeyRotateSchema,
    bodyOptional: true,
    status: 200,
    response: apiKeyCreatedSchema,
    errors: ["api_key_not_found", "api_key_ended"],
    secretResponse: true,
  },
  apiKeyRevoke: {
    method: "delete",
    path: "/v1/control-plane/api-keys/:keyId",
    tag: "API keys",
    summary: "Revoke a key at once",
    role: "fleet_admin",
    params: z.strictObject({ keyId: keyIdSchema }),
    query: z.strictObject({ reason: reasonSchema.optional() }),
    status: 200,
    response: apiKeySchema,
    errors: ["api_key_not_found", "last_admin_key"],
  },
});
