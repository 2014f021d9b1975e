import { z } from "zod";

/** Bounds of what a request may carry. The HTTP layer caps the body besides. */
export const LIMITS = {
  slugChars: 40,
  displayNameChars: 120,
  searchChars: 200,
  reasonChars: 500,
  labels: 50,
  settings: 100,
  settingValueChars: 2_048,
  secretRefs: 50,
  secretRefChars: 512,
  imageChars: 512,
  planesPerRequest: 20,
  regions: 40,
  cohortPlans: 100,
  tenantsPerRequest: 1_000,
  waves: 50,
  waveNameChars: 60,
  rolloutTargets: 10_000,
  maxConcurrency: 1_000,
  previewSample: 20,
  previewReasons: 50,
  bakeMs: 7 * 86_400_000,
  stuckAfterMs: 7 * 86_400_000,
  pageItems: 200,
  defaultPageItems: 50,
  cursorChars: 512,
  idempotencyKeyChars: 128,
} as const;

export const at = z.iso
  .datetime()
  .meta({ description: "ISO 8601, UTC", example: "2026-03-01T09:30:00.000Z" });

/** A time that is sent: whatever its precision, it is kept with milliseconds, so that text order is time order. */
export const atInput = at.overwrite((time) => {
  const read = new Date(time);
  // What is no time was refused before and comes here all the same.
  return Number.isNaN(read.getTime()) ? time : read.toISOString();
});

export const uuid = z.uuid().meta({ example: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11" });
export const tenantIdSchema = uuid.meta({ id: "TenantId", description: "Never used again, unlike a slug" });

/**
 * A slug becomes a DNS label (`<slug>.<domain>`), so: 3 to 40 lowercase letters, digits and inner hyphens, a
 * letter first. No `--` at places 3 and 4, which DNS keeps for internationalised names.
 */
export const slugSchema = z
  .string()
  .min(3)
  .max(LIMITS.slugChars)
  .regex(/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/, {
    error:
      "must be lowercase letters, digits and hyphens, starting with a letter and not ending with a hyphen",
  })
  .refine((slug) => slug.slice(2, 4) !== "--", {
    error: "must not have -- as its third and fourth characters, which DNS reserves",
  })
  .meta({ id: "Slug", example: "acme" });

export const planeNameSchema = z
  .string()
  .max(64)
  .regex(/^(dev|stage|prod)-[a-z]{2}(-[a-z]+)+-\d(-[0-9a-f]{8})?$/, {
    error:
      "must be <environment>-<region>, such as dev-eu-west-1, with a tenant's first eight digits behind it if the plane is only for that tenant",
  })
  .meta({ id: "PlaneName", example: "dev-eu-west-1" });

export const planeNamesSchema = z
  .array(planeNameSchema)
  .max(LIMITS.planesPerRequest)
  .refine((names) => new Set(names).size === names.length, { error: "must not name a plane twice" });

/** What shows as nothing, or turns the text around it: two names that look alike would not be alike. */
const INVISIBLE =
  /\u034f|[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;
/** Joiners are letters' own business in Persian, Hindi or emoji; beside ASCII, or at an end, they only hide. */
const STRAY_JOINER = /(?:^|[\0-\x7f])[\u200c\u200d]|[\u200c\u200d](?:$|[\0-\x7f])/u;

/** A name for people, in any script; of several spellings of the same characters the composed one is kept. */
export function printable(maxChars: number) {
  return z
    .string()
    .normalize("NFC")
    .trim()
    .min(1)
    .max(maxChars)
    .refine((text) => !INVISIBLE.test(text) && !STRAY_JOINER.test(text), {
      error: "must not hold control, invisible or direction-changing characters",
    });
}

export const reasonSchema = z.string().trim().min(3).max(LIMITS.reasonChars);

export const releaseNumberSchema = z.int().min(1).max(1_000_000_000).meta({ example: 1 });

export const labelsSchema = z
  .record(
    z
      .string()
      .max(63)
      .regex(/^[a-z0-9]([a-z0-9._/-]*[a-z0-9])?$/, {
        error: "must be lowercase letters, digits and . _ / - between them",
      }),
    z.string().max(120),
  )
  .refine((labels) => Object.keys(labels).length <= LIMITS.labels, {
    error: `must not have more than ${LIMITS.labels} labels`,
  })
  .meta({ description: "For filters and cohorts", example: { tier: "gold" } });

/** A page of a list. `nextCursor` is null on the last one. */
export function pageOf<T extends z.ZodType>(item: T, id: string) {
  return z
    .object({
      items: z.array(item),
      nextCursor: z
        .string()
        .nullable()
        .meta({ description: "Send as `cursor` to go on; null on the last page" }),
    })
    .meta({ id });
}

export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMITS.pageItems)
    .default(LIMITS.defaultPageItems)
    .meta({ description: "Items a page" }),
  cursor: z
    .string()
    .min(1)
    .max(LIMITS.cursorChars)
    .optional()
    .meta({ description: "From `nextCursor`; opaque" }),
};

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string | undefined;
}
