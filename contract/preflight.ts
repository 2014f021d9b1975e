import { z } from "zod";
import { at, planeNameSchema, planeNamesSchema, tenantIdSchema } from "./common.ts";
import { planKeySchema } from "./planKey.ts";
import { defineRoutes } from "./route.ts";

/** Worst last. `unknown` is no worse than `near`: what could not be counted is told, and stops nobody. */
export const PREFLIGHT_LEVELS = ["ok", "unknown", "near", "over"] as const;
export type PreflightLevel = (typeof PREFLIGHT_LEVELS)[number];

const amount = z.number().nullable();

export const preflightFindingSchema = z
  .object({
    check: z.string().meta({ example: "iam_roles" }),
    title: z.string().meta({ example: "IAM roles of the account" }),
    used: amount.meta({ description: "Now; null when the cloud does not tell" }),
    limit: amount,
    needed: z.number().meta({ description: "What would come on top" }),
    level: z.enum(PREFLIGHT_LEVELS),
    advice: z.string(),
  })
  .meta({ id: "PreflightFinding" });
export type PreflightFinding = z.output<typeof preflightFindingSchema>;

export const preflightSchema = z
  .object({
    planeName: z.string(),
    plan: planKeySchema,
    tenants: z.int(),
    level: z.enum(PREFLIGHT_LEVELS).meta({ description: "The worst of the findings'" }),
    checkedAt: at,
    findings: z.array(preflightFindingSchema),
  })
  .meta({ id: "Preflight", description: "Advice on capacity and quotas; nothing is refused because of it" });
export type Preflight = z.output<typeof preflightSchema>;

/** What an answer carries along when something is near or over a limit. */
export const preflightWarningsSchema = z
  .array(z.object({ planeName: z.string(), finding: preflightFindingSchema }))
  .meta({ id: "PreflightWarnings" });
export type PreflightWarnings = z.output<typeof preflightWarningsSchema>;

const MAX_TENANTS = 10_000;

export const preflightRoutes = defineRoutes({
  planePreflight: {
    method: "get",
    path: "/v1/control-plane/planes/:planeName/preflight",
    tag: "Planes",
    summary: "Ask whether a plane has room for more tenants",
    description:
      "Counts what the plane's account uses against its limits. Advice only: nothing is refused by it.",
    role: "auditor",
    params: z.strictObject({ planeName: planeNameSchema }),
    query: z.strictObject({
      tenants: z.coerce.number().int().min(1).max(MAX_TENANTS).default(1),
      plan: planKeySchema.default("starter"),
    }),
    status: 200,
    response: preflightSchema,
    errors: ["plane_not_found", "plane_incomplete", "unknown_plan"],
  },
  tenantPreflight: {
    method: "post",
    path: "/v1/control-plane/tenants/:tenantId/preflight",
    tag: "Tenants",
    summary: "Ask whether a tenant's planes have room for it",
    description: "Changes nothing. Planes default to the tenant's own.",
    role: "fleet_operator",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    body: z
      .strictObject({ planes: planeNamesSchema.min(1).optional() })
      .meta({ id: "TenantPreflight", example: {} }),
    status: 200,
    response: z.object({ items: z.array(preflightSchema) }).meta({ id: "TenantPreflightResult" }),
    errors: ["tenant_not_found", "plane_not_found", "plane_missing", "plane_incomplete"],
  },
});
