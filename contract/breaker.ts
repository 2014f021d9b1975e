import { z } from "zod";
import { at, pageOf, pageQuery, reasonSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";

export const BREAKER_STATES = ["closed", "open", "half_open"] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

export const breakerScopeSchema = z
  .string()
  .max(80)
  .regex(/^(plane|region)\/[a-z0-9-]+$/, { error: "must be plane/<name> or region/<region>" })
  .meta({ id: "BreakerScope", example: "plane/dev-eu-west-1" });

export const breakerSchema = z
  .object({
    scope: breakerScopeSchema,
    state: z.enum(BREAKER_STATES).meta({
      description:
        "open: nothing new is started there; half_open: one is let through to see whether it works again",
    }),
    reason: z.string().nullable().meta({ description: "The failures that opened it" }),
    failures: z
      .int()
      .meta({ description: "Targets that failed lately for reasons of the engine or the cloud" }),
    openings: z.int().meta({ description: "In a row, each with twice the pause of the one before" }),
    openedAt: at.nullable(),
    retryAt: at.nullable().meta({ description: "When one is let through" }),
    updatedAt: at,
  })
  .meta({ id: "Breaker" });
export type Breaker = z.output<typeof breakerSchema>;

export const breakerRoutes = defineRoutes({
  breakerList: {
    method: "get",
    path: "/v1/control-plane/breakers",
    tag: "Breakers",
    summary: "List circuit breakers by scope",
    description: "Only planes and regions where something has failed have one.",
    role: "auditor",
    query: z.strictObject({ ...pageQuery, state: z.enum(["closed", "open"]).optional() }),
    status: 200,
    response: pageOf(breakerSchema, "BreakerPage"),
    errors: [],
  },
  breakerReset: {
    method: "post",
    path: "/v1/control-plane/breakers/:scope/reset",
    tag: "Breakers",
    summary: "Close a circuit breaker by hand",
    description: "The slash of the scope is sent as %2F. What failed before counts no more.",
    role: "fleet_operator",
    params: z.strictObject({ scope: breakerScopeSchema }),
    body: z.strictObject({ reason: reasonSchema.optional() }).meta({ id: "BreakerReset" }),
    bodyOptional: true,
    status: 200,
    response: breakerSchema,
    errors: ["breaker_not_found"],
  },
});
