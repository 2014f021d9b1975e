import { z } from "zod";
import { at, pageOf, pageQuery } from "./common.ts";
import { defineRoutes } from "./route.ts";
import { API_KEY_ROLES } from "./vocabulary.ts";

const keyIdSchema = z
  .string()
  .regex(/^[a-z0-9]{12}$/, { error: "must be the 12 characters between tk_ and the second _" })
  .meta({ example: "4kq8z0d2m1xp" });

export const apiKeySchema = z
  .object({
    keyId: keyIdSchema,
    name: z.string(),
    role: z.enum(API_KEY_ROLES),
    createdBy: z.string(),
    createdAt: at,
    expiresAt: at.nullable(),
    revokedAt: at.nullable(),
    lastUsedAt: at.nullable(),
  })
  .meta({ id: "ApiKey" });
export type ApiKey = z.output<typeof apiKeySchema>;

export const apiKeyCreateSchema = z
  .strictObject({
    name: z.string().trim().min(1).max(80),
    role: z.enum(API_KEY_ROLES),
    expiresAt: at.nullable().default(null),
  })
  .meta({ id: "ApiKeyCreate", example: { name: "ci", role: "fleet_operator" } });
export type ApiKeyCreate = z.output<typeof apiKeyCreateSchema>;

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
    description: "To rotate without a gap: make the new key, move its users over, revoke the old one.",
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
  apiKeyRevoke: {
    method: "delete",
    path: "/v1/control-plane/api-keys/:keyId",
    tag: "API keys",
    summary: "Revoke a key at once",
    role: "fleet_admin",
    params: z.strictObject({ keyId: keyIdSchema }),
    status: 200,
    response: apiKeySchema,
    errors: ["api_key_not_found", "last_admin_key"],
  },
});
