import { z } from "zod";
import { pageOf, pageQuery, printable } from "./common.ts";
import { capabilityKeySchema } from "./plan.ts";
import { defineRoutes } from "./route.ts";

/** What tenants can be connected with: one global catalog, read from a file. No connector holds a secret, only names of those it needs. */
export const CONNECTOR_LIMITS = {
  connectors: 500,
  versions: 20,
  secretRefs: 20,
  settings: 50,
  descriptionChars: 500,
  /** Of a catalog that cannot be used. */
  problemsTold: 5,
} as const;

export const CONNECTOR_CATEGORIES = [
  "analytics",
  "crm",
  "database",
  "identity",
  "llm",
  "messaging",
  "observability",
  "payments",
  "source-control",
  "storage",
  "ticketing",
] as const;

/** A deprecated one still takes new instances; of a retired one those that are there go on, and none is added. */
export const CONNECTOR_STATUSES = ["available", "beta", "deprecated", "retired"] as const;

export const connectorKeySchema = z
  .string()
  .max(63)
  .regex(/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/, {
    error: "must be lowercase letters, digits and hyphens, starting with a letter",
  })
  .meta({ id: "ConnectorKey", example: "slack" });

export const connectorVersionSchema = z
  .string()
  .max(40)
  .regex(/^\d+(?:\.\d+){0,2}$/, { error: "must be a version such as 2 or 2.1" })
  .meta({ id: "ConnectorVersion", example: "2" });

/** As settings and secret references of tenants are named: each becomes an environment variable. */
const variableName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be letters, digits and _" });

const needSchema = z.strictObject({
  name: variableName,
  description: z.string().max(CONNECTOR_LIMITS.descriptionChars),
  required: z.boolean().default(true),
});

const unique = (names: readonly string[]) => new Set(names).size === names.length;

export const connectorSchema = z
  .strictObject({
    connectorKey: connectorKeySchema,
    name: printable(80),
    description: z.string().max(CONNECTOR_LIMITS.descriptionChars),
    category: z.enum(CONNECTOR_CATEGORIES).meta({ id: "ConnectorCategory" }),
    versions: z
      .array(connectorVersionSchema)
      .min(1)
      .max(CONNECTOR_LIMITS.versions)
      .refine(unique, { error: "must not name a version twice" })
      .meta({ description: "Newest first; a new instance takes the first unless it names another" }),
    capability: capabilityKeySchema.meta({ description: "What a tenant must be entitled to, to have one" }),
    secretRefs: z
      .array(needSchema)
      .max(CONNECTOR_LIMITS.secretRefs)
      .refine((needs) => unique(needs.map(({ name }) => name)), { error: "must not name a secret twice" })
      .meta({ description: "The secrets it needs; an instance says where each is kept" }),
    settings: z
      .array(needSchema)
      .max(CONNECTOR_LIMITS.settings)
      .refine((needs) => unique(needs.map(({ name }) => name)), { error: "must not name a setting twice" })
      .default([]),
    status: z.enum(CONNECTOR_STATUSES).meta({ id: "ConnectorStatus" }),
  })
  .meta({
    id: "Connector",
    example: {
      connectorKey: "slack",
      name: "Slack",
      description: "Messages to channels, and answers from them",
      category: "messaging",
      versions: ["2", "1"],
      capability: "connectors.standard",
      secretRefs: [{ name: "BOT_TOKEN", description: "The bot user's token", required: true }],
      settings: [{ name: "CHANNEL", description: "Where messages go by default", required: false }],
      status: "available",
    },
  });
export type Connector = z.output<typeof connectorSchema>;

export const connectorListQuerySchema = z.strictObject({
  ...pageQuery,
  category: z.enum(CONNECTOR_CATEGORIES).optional(),
  status: z.enum(CONNECTOR_STATUSES).optional(),
});
export type ConnectorListQuery = z.output<typeof connectorListQuerySchema>;

const base = "/v1/control-plane/integrations";

export const connectorRoutes = defineRoutes({
  connectorList: {
    method: "get",
    path: base,
    tag: "Integrations",
    summary: "List the connectors there are, by key",
    role: "auditor",
    query: connectorListQuerySchema,
    status: 200,
    response: pageOf(connectorSchema, "ConnectorPage"),
    errors: [],
  },
  connectorGet: {
    method: "get",
    path: `${base}/:connectorKey`,
    tag: "Integrations",
    summary: "Get a connector",
    role: "auditor",
    params: z.strictObject({ connectorKey: connectorKeySchema }),
    status: 200,
    response: connectorSchema,
    errors: ["connector_not_found"],
  },
});
