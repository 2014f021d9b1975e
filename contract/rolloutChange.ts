import { z } from "zod";
import { at, releaseNumberSchema, uuid } from "./common.ts";
import { planKeySchema, planVersionNumberSchema } from "./planKey.ts";
import { secretRefsSchema, settingsSchema } from "./tenantConfig.ts";
import { DATA_CLASSIFICATIONS, SUSPENSION_MODES } from "./vocabulary.ts";

const FIELD = /^(?:(?:settings|secretRefs)\.[A-Za-z_][A-Za-z0-9_]*|suspensionMode|dataClassification)$/;

const fieldChange = z
  .strictObject({
    kind: z.literal("field"),
    field: z
      .string()
      .max(80)
      .regex(FIELD, {
        error: "must be settings.<NAME>, secretRefs.<NAME>, suspensionMode or dataClassification",
      })
      .meta({ example: "settings.LOG_LEVEL" }),
    value: z.string().max(2_048).nullable().meta({ description: "Null takes a setting or a reference away" }),
  })
  .superRefine(({ field, value }, context) => {
    const result = valueSchemaOf(field).safeParse(valueIn(field, value));
    if (result.success) return;
    for (const issue of result.error.issues) {
      context.addIssue({
        code: "custom",
        path: ["value"],
        message: issue.message,
        ...("params" in issue ? { params: issue.params } : {}),
      });
    }
  });

function valueSchemaOf(field: string): z.ZodType {
  if (field.startsWith("settings.")) return settingsSchema;
  if (field.startsWith("secretRefs.")) return secretRefsSchema;
  return field === "suspensionMode" ? z.enum(SUSPENSION_MODES) : z.enum(DATA_CLASSIFICATIONS);
}

function valueIn(field: string, value: string | null): unknown {
  const [map, name] = field.split(".");
  if (map === undefined || name === undefined) return value;
  return value === null ? {} : { [name]: value };
}

/** What a rollout brings to each of its targets. */
export const rolloutChangeSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("release"), releaseNumber: releaseNumberSchema }),
    z.strictObject({
      kind: z.literal("plan"),
      plan: planKeySchema,
      planVersion: planVersionNumberSchema
        .optional()
        .meta({ description: "Left out, the version that is the newest when the rollout is made" }),
    }),
    z.strictObject({
      kind: z.literal("flag"),
      flagKey: z.string().min(1).max(120),
      enabled: z.boolean(),
    }),
    fieldChange,
    z.strictObject({
      kind: z.literal("drift_repair"),
      causeId: uuid.optional(),
      findingsDigest: z.string().min(1).max(128),
    }),
  ])
  .meta({ id: "RolloutChange", example: { kind: "release", releaseNumber: 2 } });
export type RolloutChange = z.output<typeof rolloutChangeSchema>;

/** What a target had before, so that rolling back restores exactly that. */
export const rolloutBeforeSchema = z
  .object({
    releaseNumber: z
      .int()
      .nullable()
      .meta({ description: "The last verified release, else the current one; null: nothing was deployed" }),
    specDigest: z.string().nullable(),
    plan: planKeySchema.optional(),
    planVersion: planVersionNumberSchema.optional(),
    flag: z
      .object({ enabled: z.boolean(), reason: z.string().nullable(), expiresAt: at.nullable() })
      .nullable()
      .optional()
      .meta({ description: "The override; null: there was none" }),
    field: z.string().nullable().optional().meta({ description: "The field's value; null: it was not set" }),
  })
  .meta({ id: "RolloutBefore" });
export type RolloutBefore = z.output<typeof rolloutBeforeSchema>;
