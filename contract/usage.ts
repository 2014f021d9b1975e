import { z } from "zod";
import { at, atInput, pageOf, pageQuery, tenantIdSchema, uuid } from "./common.ts";
import { meterKeySchema } from "./meter.ts";
import { USAGE_WINDOWS } from "./quota.ts";
import { defineRoutes } from "./route.ts";

/** What tenants have used, as events that count once, however often they are sent. docs/metering.md has the rules. */
export const USAGE_LIMITS = {
  eventsPerBatch: 1_000,
  eventIdChars: 128,
  /** Of one event, in the meter's unit. */
  quantity: 1_000_000_000_000,
  /** How far ahead of ours a sender's clock may be. */
  clockSkewMs: 300_000,
  /** Rows of one export; what is longer is asked for in parts. */
  exportRows: 1_000_000,
  /** Between `from` and `to` of an export. */
  exportRangeMs: 366 * 86_400_000,
} as const;

export const USAGE_RESULTS = ["accepted", "duplicate", "rejected"] as const;

/** Why an event was not counted. Sent again as it is, one that says `later` may be taken; the others are for a person. */
export const USAGE_REJECTIONS = {
  invalid_event: "It is not what an event must be; the message says where",
  unknown_tenant: "There is no such tenant",
  tenant_deleted: "It happened after the tenant was deleted",
  unknown_meter: "There is no such meter",
  meter_archived: "The meter takes no more events",
  too_late: "It happened longer ago than events are waited for, or what it corrects is no longer kept",
  in_future: "It is to have happened later than now; look at the sender's clock",
  event_id_reused: "Another event of the tenant has this id; what was counted under it stays",
  unknown_original: "What it corrects has not come yet: send it later",
  original_is_correction: "It must correct the original, not another correction",
  meter_mismatch: "A correction must be of its original's meter",
  not_correctable: "The meter keeps peaks, and a peak cannot be taken back",
  correction_too_large: "Its original and all corrections would come to less than nothing",
  total_too_large: "The window's total would be more than can be counted exactly",
  quota_exceeded: "The tenant's quota is used up, and the sender asked not to go past it",
} as const;
export type UsageRejection = keyof typeof USAGE_REJECTIONS;
const REJECTIONS = Object.keys(USAGE_REJECTIONS) as [UsageRejection, ...UsageRejection[]];

const eventIdSchema = z
  .string()
  .min(1)
  .max(USAGE_LIMITS.eventIdChars)
  .regex(/^[\x21-\x7e]+$/, { error: "must be visible ASCII characters without spaces" })
  .meta({ description: "The sender's own, unique within the tenant for ever", example: "run-81/step-3" });

const quantitySchema = z.number().min(-USAGE_LIMITS.quantity).max(USAGE_LIMITS.quantity).meta({
  description: "In the meter's unit. Below zero only in a correction, of which it is the difference",
});

export const usageEventSchema = z
  .strictObject({
    eventId: eventIdSchema,
    tenantId: tenantIdSchema,
    meter: meterKeySchema,
    quantity: quantitySchema,
    occurredAt: atInput.optional().meta({
      description:
        "Decides the windows it counts in. Left out in a correction, which counts when its original did",
      example: "2026-03-01T09:30:00.000Z",
    }),
    corrects: eventIdSchema
      .optional()
      .meta({ description: "The id of the event whose quantity this one changes by its own" }),
  })
  .superRefine((event, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: "custom", path: [path], message });
    if (event.corrects === undefined) {
      if (event.occurredAt === undefined) refuse("occurredAt", "is missing");
      if (event.quantity < 0) refuse("quantity", "must not be below zero, unless it corrects another event");
    } else {
      if (event.occurredAt !== undefined)
        refuse("occurredAt", "must be left out of a correction, which counts when its original did");
      if (event.corrects === event.eventId) refuse("corrects", "must be another event's id");
    }
  })
  .meta({ id: "UsageEvent" });
export type UsageEvent = z.output<typeof usageEventSchema>;

/** Anything is taken here and judged one by one: an event that is wrong must not keep the others from being counted. */
export const usageIngestSchema = z
  .strictObject({
    events: z
      .array(z.union([usageEventSchema, z.unknown()]))
      .min(1)
      .max(USAGE_LIMITS.eventsPerBatch),
    overQuota: z.enum(["count", "refuse"]).default("count").meta({
      description: "`refuse` leaves events out that would exceed a quota; for use before the work is done",
    }),
  })
  .meta({
    id: "UsageIngest",
    example: {
      events: [
        {
          eventId: "run-81/step-3",
          tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11",
          meter: "llm_tokens",
          quantity: 1_812,
          occurredAt: "2026-03-01T09:30:00.000Z",
        },
      ],
    },
  });
export type UsageIngest = z.output<typeof usageIngestSchema>;

export const usageResultSchema = z
  .object({
    index: z.int().meta({ description: "Its place in the batch, from 0" }),
    eventId: z.string().nullable(),
    status: z.enum(USAGE_RESULTS),
    reason: z.enum(REJECTIONS).nullable(),
    message: z.string().nullable(),
  })
  .meta({ id: "UsageResult" });
export type UsageResult = z.output<typeof usageResultSchema>;

export const usageIngestedSchema = z
  .object({
    batchId: uuid.nullable().meta({ description: "In the audit trail; null when nothing new was counted" }),
    accepted: z.int(),
    duplicates: z.int(),
    rejected: z.int(),
    results: z
      .array(usageResultSchema)
      .meta({ description: "One for each event, in the order they were sent" }),
  })
  .meta({ id: "UsageIngested" });
export type UsageIngested = z.output<typeof usageIngestedSchema>;

export const usageRecordSchema = z
  .object({
    eventId: z.string(),
    tenantId: tenantIdSchema,
    meter: meterKeySchema,
    quantity: z.number(),
    occurredAt: at,
    receivedAt: at,
    corrects: z.string().nullable(),
    batchId: uuid,
  })
  .meta({ id: "UsageRecord" });
export type UsageRecord = z.output<typeof usageRecordSchema>;

export const usageTotalSchema = z
  .object({
    tenantId: tenantIdSchema,
    meter: meterKeySchema,
    window: z.enum(USAGE_WINDOWS),
    windowStart: at,
    quantity: z.number(),
    events: z.int().meta({ description: "That were counted in it, corrections not among them" }),
    corrections: z.int(),
    updatedAt: at,
  })
  .meta({ id: "UsageTotal" });
export type UsageTotal = z.output<typeof usageTotalSchema>;

const range = {
  from: atInput.optional().meta({ description: "This time and later" }),
  to: atInput.optional().meta({ description: "Before this time" }),
};

export const usageEventListQuerySchema = z.strictObject({
  ...pageQuery,
  tenantId: tenantIdSchema,
  meter: meterKeySchema,
  ...range,
});
export type UsageEventListQuery = z.output<typeof usageEventListQuerySchema>;

export const usageTotalListQuerySchema = z.strictObject({
  ...pageQuery,
  tenantId: tenantIdSchema.optional(),
  meter: meterKeySchema.optional(),
  window: z.enum(USAGE_WINDOWS).default("day"),
  ...range,
});
export type UsageTotalListQuery = z.output<typeof usageTotalListQuerySchema>;

export const usageExportQuerySchema = z
  .strictObject({
    of: z.enum(["totals", "events"]).default("totals"),
    format: z.enum(["ndjson", "csv"]).default("ndjson"),
    tenantId: tenantIdSchema.optional(),
    meter: meterKeySchema.optional(),
    window: z.enum(USAGE_WINDOWS).default("day").meta({ description: "Of totals" }),
    from: atInput,
    to: atInput.meta({ example: "2026-03-08T09:30:00.000Z" }),
  })
  .refine(({ from, to }) => from < to, { error: "must be later than from", path: ["to"] })
  .refine(({ from, to }) => Date.parse(to) - Date.parse(from) <= USAGE_LIMITS.exportRangeMs, {
    error: "must be at most 366 days after from",
    path: ["to"],
  });
export type UsageExportQuery = z.output<typeof usageExportQuerySchema>;

const base = "/v1/control-plane/usage";

export const usageRoutes = defineRoutes({
  usageIngest: {
    method: "post",
    path: `${base}/events`,
    tag: "Metering",
    summary: "Tell what tenants have used",
    description:
      "Up to 1,000 events in one transaction, as JSON, or one a line as application/x-ndjson. Each event gets a result of its " +
      "own. Send a batch again, whole or in part, whenever the answer did not arrive: an event id counts once.",
    role: "fleet_operator",
    body: usageIngestSchema,
    acceptsNdjson: "events",
    status: 200,
    response: usageIngestedSchema,
    errors: [],
  },
  usageEventList: {
    method: "get",
    path: `${base}/events`,
    tag: "Metering",
    summary: "List a tenant's events of a meter, oldest first",
    role: "auditor",
    query: usageEventListQuerySchema,
    status: 200,
    response: pageOf(usageRecordSchema, "UsageRecordPage"),
    errors: ["tenant_not_found", "meter_not_found"],
  },
  usageTotalList: {
    method: "get",
    path: `${base}/totals`,
    tag: "Metering",
    summary: "List totals by window, oldest first",
    description: "Of one tenant or of all. Windows are UTC; one in which nothing happened is not there.",
    role: "auditor",
    query: usageTotalListQuerySchema,
    status: 200,
    response: pageOf(usageTotalSchema, "UsageTotalPage"),
    errors: ["tenant_not_found", "meter_not_found"],
  },
  usageExport: {
    method: "get",
    path: `${base}/export`,
    tag: "Metering",
    summary: "Export totals or events as NDJSON or CSV",
    description:
      'Streamed, oldest first, at most 1,000,000 rows. The last line of NDJSON is `{"end":true,"rows":…}`, the last of CSV ' +
      "`# end,…`: without it the export was cut off.",
    role: "auditor",
    query: usageExportQuerySchema,
    status: 200,
    produces: "application/x-ndjson",
    alsoProduces: "text/csv",
    errors: ["tenant_not_found", "meter_not_found"],
  },
});
