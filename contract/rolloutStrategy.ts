import { z } from "zod";
import { cohortSchema } from "./cohort.ts";
import { LIMITS, reasonSchema } from "./common.ts";
import { operationOptions } from "./operation.ts";
import { CONCURRENCY_MODES } from "./vocabulary.ts";

const percent = (pattern: RegExp) => z.string().regex(pattern, { error: "must be such as 25%" });

/** A number of targets, or a share of the wave's, rounded down. */
const concurrencySchema = z.union(
  [z.int().min(1).max(LIMITS.maxConcurrency), percent(/^(?:100|[1-9]\d?)%$/)],
  {
    error: `must be a whole number from 1 to ${LIMITS.maxConcurrency}, or a percentage such as "25%"`,
  },
);
const toleranceSchema = z.union([z.int().min(0).max(LIMITS.rolloutTargets), percent(/^(?:100|[1-9]?\d)%$/)], {
  error: `must be a whole number from 0 to ${LIMITS.rolloutTargets}, or a percentage such as "10%"`,
});
/** Such as 3 or "25%". */
export type Amount = z.output<typeof concurrencySchema>;

const probeUrl = z
  .string()
  .max(1_024)
  .regex(/^https?:\/\/[^\s]+$/, { error: "must be an http or https address" })
  .meta({
    description: "May hold {tenantId}, {slug}, {targetId}, {planeName}, {host}",
    example: "https://{host}/health",
  });
const timeoutMs = z.int().min(100).max(60_000).default(5_000);

export const healthGateSchema = z
  .strictObject({
    cloud: z.boolean().default(true).meta({ description: "Services steady and healthy, as the cloud says" }),
    http: z
      .strictObject({
        url: probeUrl,
        expectStatus: z.int().min(100).max(599).default(200),
        expectText: z.string().min(1).max(256).optional().meta({ description: "The body must hold it" }),
        timeoutMs,
      })
      .optional(),
    metric: z
      .strictObject({
        url: probeUrl.meta({ description: "Of a Prometheus-compatible query API" }),
        query: z.string().min(1).max(2_048).meta({ description: "May hold the same names as a url" }),
        min: z.number().optional(),
        max: z.number().optional(),
        timeoutMs,
      })
      .refine(({ min, max }) => min !== undefined || max !== undefined, { error: "must have min or max" })
      .optional(),
  })
  .meta({ id: "HealthGate" });
export type HealthGate = z.output<typeof healthGateSchema>;

/** How one wave goes. A rollout's own are the defaults of its waves. */
export const waveSettings = {
  maxConcurrency: concurrencySchema.meta({
    description: "Targets at once: a number, or a share of the wave, rounded down and at least 1",
    example: "25%",
  }),
  failureTolerance: toleranceSchema.meta({
    description: "Failures the wave may have: a number, or a share of the wave, rounded down",
  }),
  concurrencyMode: z.enum(CONCURRENCY_MODES).meta({
    description:
      "strict: never more at once than the failures still tolerated and one, so that the tolerance is passed by one at most. " +
      "soft: not coupled.",
  }),
  bakeMs: z
    .int()
    .min(0)
    .max(LIMITS.bakeMs)
    .meta({ description: "How long a wave is watched after its last target has ended" }),
  healthGate: healthGateSchema,
  approval: z.boolean().meta({ description: "The wave begins only when a person has approved it" }),
};

/** Written out, as a default deep in a schema would make each wave's setting look given. */
const WAVE_DEFAULTS = {
  maxConcurrency: "10%",
  failureTolerance: 0,
  concurrencyMode: "soft",
  bakeMs: 0,
  approval: false,
} as const;

export const waveSettingsSchema = z.object(waveSettings);
export type WaveSettings = z.output<typeof waveSettingsSchema>;

export const waveSchema = z
  .strictObject({
    name: z.string().trim().min(1).max(LIMITS.waveNameChars).optional(),
    cohort: cohortSchema.optional().meta({ description: "Everybody who is left when left out" }),
    percentage: z
      .number()
      .gt(0)
      .max(100)
      .optional()
      .meta({ description: "Share of the tenants that the cohort selects, rounded up, by a stable hash" }),
    count: z
      .int()
      .min(1)
      .max(LIMITS.rolloutTargets)
      .optional()
      .meta({ description: "So many tenants of the cohort, by a stable hash" }),
    ...z.object(waveSettings).partial().shape,
  })
  .refine(({ percentage, count }) => percentage === undefined || count === undefined, {
    error: "must have percentage or count, not both",
  })
  .meta({
    id: "Wave",
    description: "A target joins the first wave that names it; whoever is in no wave forms the last one.",
  });
export type Wave = z.output<typeof waveSchema>;

/** A canary, a tenth, half, and whoever is left. */
export const DEFAULT_WAVES: readonly Wave[] = [
  { name: "canary", count: 1 },
  { name: "10%", percentage: 10 },
  { name: "50%", percentage: 50 },
];

export const ON_EXCEEDED = ["halt", "rollback"] as const;
export const WHEN_BUSY = ["refuse", "queue"] as const;

/** What holds for the rollout as a whole. */
export const rolloutRules = {
  onExceeded: z.enum(ON_EXCEEDED).default("halt").meta({
    description:
      "When more targets of a wave have failed than it tolerates: start nothing more, or roll all back",
  }),
  whenBusy: z
    .enum(WHEN_BUSY)
    .default("refuse")
    .meta({ description: "When it is started while another rollout is under way on one of its planes" }),
  stuckAfterMs: z
    .int()
    .min(1_000)
    .max(LIMITS.stuckAfterMs)
    .default(1_800_000)
    .meta({ description: "Without progress for so long, it is said to be stuck" }),
  emergency: z
    .strictObject({ reason: reasonSchema })
    .optional()
    .meta({ description: "Passes windows and freezes by; audited" }),
  onFailure: operationOptions.onFailure,
};
export const rolloutRulesSchema = z.object(rolloutRules).meta({ id: "RolloutRules" });
export type RolloutRules = z.output<typeof rolloutRulesSchema>;

export const rolloutStrategy = {
  waves: z.array(waveSchema).max(LIMITS.waves).optional().meta({
    description: "Left out: a canary of one tenant, 10%, 50%, and the rest. Empty: everybody at once.",
  }),
  maxConcurrency: waveSettings.maxConcurrency.default(WAVE_DEFAULTS.maxConcurrency),
  failureTolerance: waveSettings.failureTolerance.default(WAVE_DEFAULTS.failureTolerance),
  concurrencyMode: waveSettings.concurrencyMode.default(WAVE_DEFAULTS.concurrencyMode),
  bakeMs: waveSettings.bakeMs.default(WAVE_DEFAULTS.bakeMs),
  healthGate: waveSettings.healthGate.default({ cloud: true }),
  approval: waveSettings.approval.default(WAVE_DEFAULTS.approval),
  ...rolloutRules,
};
