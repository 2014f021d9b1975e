import { z } from "zod";
import { at, pageOf, pageQuery, reasonSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";

/** What can be measured. Meters are data: those below are there from the beginning, others are added by request. */
export const METER_LIMITS = {
  keyChars: 64,
  decimals: 6,
  /** That are not archived, in all. */
  meters: 200,
  /** With the archived ones, whose keys and totals stay. */
  metersEver: 1_000,
  /** What one window of one tenant can come to, in the meter's smallest step: past it JSON numbers are no longer exact. */
  largestTotal: 999_999_999_999_999,
} as const;

/** `sum`: events add up. `peak`: the largest of a window counts, such as connections at once. */
export const METER_AGGREGATIONS = ["sum", "peak"] as const;
export type MeterAggregation = (typeof METER_AGGREGATIONS)[number];

export const meterKeySchema = z
  .string()
  .max(METER_LIMITS.keyChars)
  .regex(/^[a-z](?:[a-z0-9_]*[a-z0-9])?$/, {
    error: "must be lowercase letters, digits and inner underscores, starting with a letter",
  })
  .meta({ id: "MeterKey", example: "llm_tokens" });

const definition = {
  displayName: z.string().trim().min(1).max(120),
  unit: z.string().trim().min(1).max(40).meta({ example: "tokens" }),
  aggregation: z.enum(METER_AGGREGATIONS).meta({
    description: "`sum` adds events up; `peak` keeps the largest of a window, such as connections at once",
  }),
  decimals: z
    .int()
    .min(0)
    .max(METER_LIMITS.decimals)
    .meta({ description: "Digits a quantity may have behind the point; sums are exact to the last" }),
};

export const meterSchema = z
  .object({
    meterKey: meterKeySchema,
    ...definition,
    createdBy: z.string(),
    createdAt: at,
    archivedAt: at.nullable().meta({ description: "Since then it takes no events; what was counted stays" }),
  })
  .meta({ id: "Meter" });
export type Meter = z.output<typeof meterSchema>;

export const meterCreateSchema = z
  .strictObject({
    meterKey: meterKeySchema,
    displayName: definition.displayName,
    unit: definition.unit,
    aggregation: definition.aggregation.default("sum"),
    decimals: definition.decimals.default(0),
    reason: reasonSchema.optional(),
  })
  .meta({
    id: "MeterCreate",
    example: { meterKey: "documents_scanned", displayName: "Documents scanned", unit: "documents" },
  });
export type MeterCreate = z.output<typeof meterCreateSchema>;

export const meterListQuerySchema = z.strictObject({
  ...pageQuery,
  archived: z.stringbool().default(false).meta({ description: "Archived ones, too" }),
});
export type MeterListQuery = z.output<typeof meterListQuerySchema>;

const base = "/v1/control-plane/meters";
const params = z.strictObject({ meterKey: meterKeySchema });

export const meterRoutes = defineRoutes({
  meterCreate: {
    method: "post",
    path: base,
    tag: "Metering",
    summary: "Add a meter",
    description: "Unit, aggregation and decimals stay as they are from then on: totals are kept in them.",
    role: "fleet_admin",
    body: meterCreateSchema,
    status: 201,
    response: meterSchema,
    errors: ["duplicate_meter", "too_many_meters"],
  },
  meterList: {
    method: "get",
    path: base,
    tag: "Metering",
    summary: "List meters by key",
    role: "auditor",
    query: meterListQuerySchema,
    status: 200,
    response: pageOf(meterSchema, "MeterPage"),
    errors: [],
  },
  meterArchive: {
    method: "delete",
    path: `${base}/:meterKey`,
    tag: "Metering",
    summary: "Archive a meter",
    description: "It takes no more events; its totals stay, and its key stays taken.",
    role: "fleet_admin",
    params,
    query: z.strictObject({ reason: reasonSchema.optional() }),
    status: 200,
    response: meterSchema,
    errors: ["meter_not_found"],
  },
});
