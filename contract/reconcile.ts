import { z } from "zod";
import { at, pageOf, pageQuery, tenantIdSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";

/**
 * Why a target is not as declared, and what is being done about it:
 * `waiting` for an operation under way or for its next attempt, `requested` just now, `reported` because policy or a forced edit
 * says to look only, `person` because nothing more will be tried without one.
 */
export const RECONCILE_VERDICTS = ["waiting", "requested", "reported", "person"] as const;
export type ReconcileVerdict = (typeof RECONCILE_VERDICTS)[number];

export const reconcileStateSchema = z
  .object({
    tenantId: tenantIdSchema,
    slug: z.string(),
    planeName: z.string().meta({ description: "Empty when it concerns no single plane" }),
    targetId: uuid.nullable(),
    verdict: z.enum(RECONCILE_VERDICTS),
    action: z.string().nullable().meta({ description: "What brings it nearer", example: "deploy" }),
    reason: z.string(),
    desired: z.string(),
    observed: z.string(),
    attempts: z.int().meta({ description: "That have failed since it was declared so" }),
    nextAttemptAt: at.nullable(),
    since: at,
    updatedAt: at,
  })
  .meta({ id: "ReconcileState" });
export type ReconcileState = z.output<typeof reconcileStateSchema>;

export const reconcileStatusSchema = pageOf(reconcileStateSchema, "ReconcileStatePage")
  .extend({
    mode: z.enum(["off", "report", "correct"]),
    leader: z.object({ holder: z.string(), expiresAt: at }).nullable(),
    lastPass: z
      .object({ finishedAt: at, durationMs: z.int(), inSync: z.int(), outOfSync: z.int() })
      .nullable(),
  })
  .meta({ id: "ReconcileStatus", description: "What is as declared is not listed" });
export type ReconcileStatus = z.output<typeof reconcileStatusSchema>;

export const reconcileQuerySchema = z.strictObject({
  ...pageQuery,
  tenantId: tenantIdSchema.optional(),
  verdict: z.enum(RECONCILE_VERDICTS).optional(),
});
export type ReconcileQuery = z.output<typeof reconcileQuerySchema>;

export const reconcileRoutes = defineRoutes({
  reconcileStatus: {
    method: "get",
    path: "/v1/control-plane/reconcile",
    tag: "Manifests",
    summary: "List what is not as declared, oldest first, with reason and next attempt",
    role: "auditor",
    query: reconcileQuerySchema,
    status: 200,
    response: reconcileStatusSchema,
    errors: ["tenant_not_found"],
  },
});
