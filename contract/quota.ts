import { z } from "zod";
import { at, tenantIdSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";

/**
 * What a tenant may use at most. How much that is comes from its plan or from an override; how much it has used is computed
 * when somebody asks, from its targets or from what was metered, and is kept nowhere.
 */
interface QuotaDefinition {
  readonly unit: string;
  readonly displayName: string;
  /** From what its use is computed: the tenant's targets, or a meter in the window that now lies in. */
  readonly source:
    | { readonly kind: "targets" | "compute" }
    | { readonly kind: "meter"; readonly meterKey: string; readonly window: UsageWindow };
}

export const USAGE_WINDOWS = ["hour", "day", "month"] as const;
export type UsageWindow = (typeof USAGE_WINDOWS)[number];

const metered = (meterKey: string, window: UsageWindow) => ({ kind: "meter", meterKey, window }) as const;

export const QUOTAS = {
  targets: { displayName: "Targets", unit: "targets", source: { kind: "targets" } },
  /** At rest: what its services take at their least number of tasks. */
  computeUnits: { displayName: "Compute", unit: "vCPUs at rest", source: { kind: "compute" } },
  /** A GiB that lies there for an hour is a GiB hour, so the total of an hour is the average size in it. */
  storageGib: { displayName: "Storage", unit: "GiB", source: metered("storage_gib_hours", "hour") },
  connections: { displayName: "Connections", unit: "connections", source: metered("connections", "day") },
  eventsPerDay: { displayName: "Events a day", unit: "events", source: metered("events", "day") },
  connectorOperationsPerDay: {
    displayName: "Connector operations a day",
    unit: "operations",
    source: metered("connector_operations", "day"),
  },
  llmTokensPerMonth: {
    displayName: "LLM tokens a month",
    unit: "tokens",
    source: metered("llm_tokens", "month"),
  },
} as const satisfies Record<string, QuotaDefinition>;

export type QuotaKey = keyof typeof QUOTAS;
export const QUOTA_KEYS = Object.keys(QUOTAS) as [QuotaKey, ...QuotaKey[]];
export const quotaKeySchema = z.enum(QUOTA_KEYS).meta({ id: "QuotaKey", example: "eventsPerDay" });

/** Which quotas a meter counts for. */
export function quotasOfMeter(meterKey: string): readonly { quota: QuotaKey; window: UsageWindow }[] {
  return QUOTA_KEYS.flatMap((quota) => {
    const { source }: QuotaDefinition = QUOTAS[quota];
    return source.kind === "meter" && source.meterKey === meterKey ? [{ quota, window: source.window }] : [];
  });
}

/** The share of a quota, in percent, at which a usage signal is sent. */
export const QUOTA_THRESHOLDS = [80, 100] as const;

export const quotaStateSchema = z
  .object({
    quota: quotaKeySchema,
    displayName: z.string(),
    unit: z.string(),
    limit: z.number().nullable().meta({ description: "null: as much as it likes" }),
    source: z.enum(["plan", "override", "none"]).meta({ description: "Where the limit comes from" }),
    overrideId: z.uuid().nullable(),
    used: z.number(),
    remaining: z.number().nullable(),
    window: z.enum(USAGE_WINDOWS).nullable().meta({ description: "null: it counts what is there now" }),
    windowStart: at.nullable(),
    resetsAt: at.nullable(),
    exceeded: z.boolean(),
  })
  .meta({ id: "QuotaState" });
export type QuotaState = z.output<typeof quotaStateSchema>;

export const quotaAnswerSchema = z
  .object({
    ...quotaStateSchema.shape,
    wanted: z.number(),
    allowed: z.boolean(),
    hint: z.string().nullable().meta({ description: "What to do when it is not allowed" }),
  })
  .meta({ id: "QuotaAnswer" });
export type QuotaAnswer = z.output<typeof quotaAnswerSchema>;

const base = "/v1/control-plane/tenants/:tenantId/quotas";

export const quotaRoutes = defineRoutes({
  tenantQuotas: {
    method: "get",
    path: base,
    tag: "Limits",
    summary: "A tenant's quotas, what they come to and what is used of them",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    status: 200,
    response: z.object({ tenantId: tenantIdSchema, items: z.array(quotaStateSchema) }).meta({
      id: "TenantQuotas",
    }),
    errors: ["tenant_not_found"],
  },
  quotaCheck: {
    method: "get",
    path: `${base}/:quota`,
    tag: "Limits",
    summary: "Ask whether a tenant may use so much more",
    description:
      "For services, before they begin what would count. It takes nothing: what is then used is told with POST /usage/events.",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema, quota: quotaKeySchema }),
    query: z.strictObject({
      wanted: z.coerce.number().min(0).max(1e15).default(1).meta({ description: "How much more" }),
    }),
    status: 200,
    response: quotaAnswerSchema,
    errors: ["tenant_not_found"],
  },
});
