import { z } from "zod";
import { at, pageOf, pageQuery, printable, reasonSchema, tenantIdSchema, uuid } from "./common.ts";
import { connectorKeySchema, connectorVersionSchema } from "./connector.ts";
import { defineRoutes } from "./route.ts";
import { secretRefsSchema, settingsSchema } from "./tenantConfig.ts";

/**
 * A connector as one tenant has it. Making one asks for the role and for the connector's capability among the tenant's entitlements.
 * It holds settings and references to secrets; a secret itself is refused.
 */
export const INTEGRATION_LIMITS = { perTenant: 200, nameChars: 80 } as const;

export const INTEGRATION_STATUSES = ["enabled", "disabled"] as const;
export type IntegrationStatus = (typeof INTEGRATION_STATUSES)[number];

const nameSchema = printable(INTEGRATION_LIMITS.nameChars);

export const integrationSchema = z
  .object({
    integrationId: uuid,
    tenantId: tenantIdSchema,
    connectorKey: connectorKeySchema,
    connectorVersion: connectorVersionSchema,
    name: z.string(),
    status: z.enum(INTEGRATION_STATUSES).meta({ id: "IntegrationStatus" }),
    settings: z.record(z.string(), z.string()),
    secretRefs: z.record(z.string(), z.string()).meta({ description: "Where each secret is kept" }),
    entitled: z.boolean().meta({
      description: "False: the tenant has lost the connector's capability, and services must not use it",
    }),
    recordVersion: z.int().meta({ description: "Grows by one with each change; also the ETag", example: 1 }),
    createdBy: z.string(),
    createdAt: at,
    updatedAt: at,
  })
  .meta({ id: "Integration" });
export type Integration = z.output<typeof integrationSchema>;

export const integrationCreateSchema = z
  .strictObject({
    connectorKey: connectorKeySchema,
    connectorVersion: connectorVersionSchema.optional().meta({ description: "The newest when left out" }),
    name: nameSchema.meta({ description: "Its own among the tenant's" }),
    settings: settingsSchema.default({}),
    secretRefs: secretRefsSchema.default({}),
    reason: reasonSchema.optional(),
  })
  .meta({
    id: "IntegrationCreate",
    example: {
      connectorKey: "slack",
      name: "Support channel",
      settings: { CHANNEL: "support" },
      secretRefs: { BOT_TOKEN: "/prod/tenants/acme/integrations/slack" },
    },
  });
export type IntegrationCreate = z.output<typeof integrationCreateSchema>;

export const integrationUpdateSchema = z
  .strictObject({
    connectorVersion: connectorVersionSchema.optional(),
    name: nameSchema.optional(),
    settings: settingsSchema.optional().meta({ description: "Replaces all settings" }),
    secretRefs: secretRefsSchema.optional().meta({ description: "Replaces all references" }),
    reason: reasonSchema.optional(),
  })
  .refine(({ reason: _reason, ...update }) => Object.values(update).some((value) => value !== undefined), {
    error: "must change at least one field",
  })
  .meta({ id: "IntegrationUpdate", example: { connectorVersion: "2", reason: "version 1 ends in spring" } });
export type IntegrationUpdate = z.output<typeof integrationUpdateSchema>;

const switchSchema = z
  .strictObject({ reason: reasonSchema.optional() })
  .meta({ id: "IntegrationSwitch", example: { reason: "the token has leaked" } });

export const integrationListQuerySchema = z.strictObject({
  ...pageQuery,
  connectorKey: connectorKeySchema.optional(),
  status: z.enum(INTEGRATION_STATUSES).optional(),
});
export type IntegrationListQuery = z.output<typeof integrationListQuerySchema>;

const base = "/v1/control-plane/tenants/:tenantId/integrations";
const tenantParams = z.strictObject({ tenantId: tenantIdSchema });
const params = z.strictObject({ tenantId: tenantIdSchema, integrationId: uuid });
const ifMatch = "Send If-Match with the record version to change only what you have read.";
const one = { tag: "Integrations", params, status: 200, response: integrationSchema } as const;
const changing = { ...one, role: "fleet_operator" } as const;
const REFUSALS = ["tenant_not_found", "integration_not_found", "illegal_transition"] as const;

export const integrationRoutes = defineRoutes({
  integrationCreate: {
    method: "post",
    path: base,
    tag: "Integrations",
    summary: "Connect a tenant: make an instance of a connector",
    description:
      "The tenant must be entitled to the connector's capability. Each secret the connector needs is named with the place it is " +
      "kept in; a value is refused.",
    role: "fleet_operator",
    params: tenantParams,
    body: integrationCreateSchema,
    status: 201,
    response: integrationSchema,
    errors: [
      "tenant_not_found",
      "connector_not_found",
      "connector_retired",
      "not_entitled",
      "duplicate_integration",
      "too_many_integrations",
      "illegal_transition",
      "secret_value_refused",
    ],
  },
  integrationList: {
    method: "get",
    path: base,
    tag: "Integrations",
    summary: "List a tenant's integrations, newest first",
    role: "auditor",
    params: tenantParams,
    query: integrationListQuerySchema,
    status: 200,
    response: pageOf(integrationSchema, "IntegrationPage"),
    errors: ["tenant_not_found"],
  },
  integrationGet: {
    ...one,
    method: "get",
    path: `${base}/:integrationId`,
    summary: "Get an integration",
    role: "auditor",
    errors: ["tenant_not_found", "integration_not_found"],
  },
  integrationUpdate: {
    ...changing,
    method: "patch",
    path: `${base}/:integrationId`,
    summary: "Change an integration's version, name, settings or references",
    description: ifMatch,
    body: integrationUpdateSchema,
    ifMatch: "record",
    errors: [
      ...REFUSALS,
      "connector_not_found",
      "duplicate_integration",
      "secret_value_refused",
      "version_conflict",
    ],
  },
  integrationDisable: {
    ...changing,
    method: "post",
    path: `${base}/:integrationId/disable`,
    summary: "Switch an integration off, and keep it",
    description: ifMatch,
    body: switchSchema,
    bodyOptional: true,
    ifMatch: "record",
    errors: [...REFUSALS, "version_conflict"],
  },
  integrationEnable: {
    ...changing,
    method: "post",
    path: `${base}/:integrationId/enable`,
    summary: "Switch an integration on again",
    description: `The tenant must be entitled to the connector's capability. ${ifMatch}`,
    body: switchSchema,
    bodyOptional: true,
    ifMatch: "record",
    errors: [...REFUSALS, "connector_not_found", "not_entitled", "version_conflict"],
  },
  integrationRemove: {
    ...changing,
    method: "delete",
    path: `${base}/:integrationId`,
    summary: "Remove an integration; the secrets it named stay where they are",
    description: `Answers what it was. ${ifMatch}`,
    query: z.strictObject({ reason: reasonSchema.optional() }),
    ifMatch: "record",
    errors: [...REFUSALS, "version_conflict"],
  },
});
