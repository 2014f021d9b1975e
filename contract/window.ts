import { z } from "zod";
import { at, planeNameSchema, tenantIdSchema, uuid } from "./common.ts";
import { WINDOW_EFFECTS } from "./vocabulary.ts";

/** An allow window or a freeze, of one tenant or of one plane. */
export const windowSchema = z
  .object({
    windowId: uuid,
    effect: z.enum(WINDOW_EFFECTS).meta({ description: "allow: changes may start in it; deny: a freeze" }),
    tenantId: tenantIdSchema.nullable(),
    planeName: planeNameSchema.nullable(),
    cron: z.string().nullable(),
    durationMs: z.int().nullable(),
    timeZone: z.string().nullable(),
    fromAt: at.nullable(),
    untilAt: at.nullable(),
    reason: z.string(),
    createdBy: z.string(),
    createdAt: at,
    endedAt: at.nullable(),
    endedBy: z.string().nullable(),
  })
  .meta({ id: "Window" });
export type Window = z.output<typeof windowSchema>;

/** What deciding takes of a window. */
export type WindowRule = Pick<
  Window,
  | "windowId"
  | "effect"
  | "tenantId"
  | "planeName"
  | "cron"
  | "durationMs"
  | "timeZone"
  | "fromAt"
  | "untilAt"
  | "reason"
>;
