import { z } from "zod";
import {
  at,
  atInput,
  pageOf,
  pageQuery,
  planeNameSchema,
  reasonSchema,
  tenantIdSchema,
  uuid,
} from "./common.ts";
import { defineRoutes } from "./route.ts";
import { WINDOW_EFFECTS } from "./vocabulary.ts";

/** When changes may start: windows that allow it and freezes that forbid it, of a tenant or of a plane. */
export const WINDOW_LIMITS = {
  cronChars: 100,
  timeZoneChars: 64,
  /** Beyond a week a window is no window. */
  durationMs: 7 * 86_400_000,
  leastDurationMs: 60_000,
  /** Of one tenant or plane at once. */
  perScope: 100,
} as const;

export const windowSchema = z
  .object({
    windowId: uuid,
    effect: z.enum(WINDOW_EFFECTS).meta({ description: "allow: changes may start in it; deny: a freeze" }),
    tenantId: tenantIdSchema.nullable(),
    planeName: z.string().nullable(),
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

export const windowCreateSchema = z
  .strictObject({
    effect: z.enum(WINDOW_EFFECTS),
    tenantId: tenantIdSchema.optional().meta({ description: "Either a tenant or a plane" }),
    planeName: planeNameSchema.optional(),
    cron: z
      .string()
      .max(WINDOW_LIMITS.cronChars)
      .optional()
      .meta({ description: "Minute, hour, day, month, day of the week, as crontab has them" }),
    durationMs: z.int().min(WINDOW_LIMITS.leastDurationMs).max(WINDOW_LIMITS.durationMs).optional(),
    timeZone: z
      .string()
      .max(WINDOW_LIMITS.timeZoneChars)
      .optional()
      .meta({ description: "IANA zone; needed with cron", example: "Europe/Berlin" }),
    fromAt: atInput.optional().meta({ description: "Of a freeze without cron" }),
    untilAt: atInput.optional(),
    reason: reasonSchema,
  })
  .superRefine((window, context) => {
    for (const [path, message] of contradictions(window)) {
      context.addIssue({ code: "custom", path: [path], message });
    }
  })
  .meta({
    id: "WindowCreate",
    example: {
      effect: "allow",
      planeName: "prod-eu-west-1",
      cron: "0 2 * * 6",
      durationMs: 4 * 3_600_000,
      timeZone: "Europe/Berlin",
      reason: "as agreed with support",
    },
  });
export type WindowCreate = z.output<typeof windowCreateSchema>;

interface Times {
  readonly effect: "allow" | "deny";
  readonly tenantId?: string | undefined;
  readonly planeName?: string | undefined;
  readonly cron?: string | undefined;
  readonly durationMs?: number | undefined;
  readonly timeZone?: string | undefined;
  readonly fromAt?: string | undefined;
  readonly untilAt?: string | undefined;
}

function* contradictions(window: Times): Generator<[string, string]> {
  const { effect, tenantId, planeName, cron, durationMs, timeZone, fromAt, untilAt } = window;
  if ((tenantId === undefined) === (planeName === undefined)) {
    yield ["tenantId", "must be there, or planeName, and not both"];
  }
  if (cron !== undefined) {
    if (durationMs === undefined) yield ["durationMs", "must be there with cron"];
    if (timeZone === undefined) yield ["timeZone", "must be there with cron"];
    if (fromAt !== undefined) yield ["fromAt", "must not be there with cron"];
    if (untilAt !== undefined) yield ["untilAt", "must not be there with cron"];
    return;
  }
  if (effect === "allow") yield ["cron", "must be there: a window that allows recurs"];
  if (durationMs !== undefined) yield ["durationMs", "must not be there without cron"];
  if (timeZone !== undefined)
    yield ["timeZone", "must not be there without cron: fromAt and untilAt are UTC"];
  if (effect === "deny" && untilAt === undefined) yield ["untilAt", "must be there without cron"];
  if (fromAt !== undefined && untilAt !== undefined && fromAt >= untilAt) {
    yield ["untilAt", "must be later than fromAt"];
  }
}

const answerSchema = z.object({
  open: z.boolean(),
  opensAt: at
    .nullable()
    .meta({ description: "Null while it is open, and when nothing opens it within a year" }),
  why: z.string().nullable().meta({ description: "What closes it" }),
});

export const windowEvaluationSchema = z
  .object({
    tenantId: tenantIdSchema,
    at,
    ...answerSchema.shape,
    targets: z.array(z.object({ targetId: uuid, planeName: z.string(), ...answerSchema.shape })),
    rules: z.array(windowSchema).meta({ description: "All that hold for the tenant or one of its planes" }),
  })
  .meta({ id: "WindowEvaluation" });
export type WindowEvaluation = z.output<typeof windowEvaluationSchema>;

export const windowListQuerySchema = z.strictObject({
  ...pageQuery,
  tenantId: tenantIdSchema.optional(),
  plane: planeNameSchema.optional(),
  ended: z.stringbool().default(false).meta({ description: "Those that were deleted, too" }),
});
export type WindowListQuery = z.output<typeof windowListQuerySchema>;

export const windowEvaluationQuerySchema = z.strictObject({
  tenantId: tenantIdSchema,
  at: atInput.optional().meta({ description: "Now when left out" }),
});
export type WindowEvaluationQuery = z.output<typeof windowEvaluationQuerySchema>;

const base = "/v1/control-plane/windows";
const params = z.strictObject({ windowId: uuid });

export const windowRoutes = defineRoutes({
  windowCreate: {
    method: "post",
    path: base,
    tag: "Windows",
    summary: "Say when changes may start, or freeze them",
    description:
      "A freeze wins over every window. A tenant or plane without windows is always open; where both have some, both must be " +
      "open. They gate starts only: what runs is left to end.",
    role: "fleet_operator",
    body: windowCreateSchema,
    status: 201,
    response: windowSchema,
    errors: ["tenant_not_found", "plane_not_found", "too_many_windows"],
  },
  windowList: {
    method: "get",
    path: base,
    tag: "Windows",
    summary: "List windows and freezes, newest first",
    role: "auditor",
    query: windowListQuerySchema,
    status: 200,
    response: pageOf(windowSchema, "WindowPage"),
    errors: ["tenant_not_found"],
  },
  windowEvaluation: {
    method: "get",
    path: `${base}/evaluation`,
    tag: "Windows",
    summary: "May changes to a tenant start at a time, and if not, when?",
    role: "auditor",
    query: windowEvaluationQuerySchema,
    status: 200,
    response: windowEvaluationSchema,
    errors: ["tenant_not_found"],
  },
  windowGet: {
    method: "get",
    path: `${base}/:windowId`,
    tag: "Windows",
    summary: "Get a window or freeze",
    role: "auditor",
    params,
    status: 200,
    response: windowSchema,
    errors: ["window_not_found"],
  },
  windowDelete: {
    method: "delete",
    path: `${base}/:windowId`,
    tag: "Windows",
    summary: "End a window or freeze",
    description: "It stays on record.",
    role: "fleet_operator",
    params,
    query: z.strictObject({ reason: reasonSchema.optional() }),
    status: 200,
    response: windowSchema,
    errors: ["window_not_found"],
  },
});
