import { z } from "zod";
import { pageOf, pageQuery, planeNameSchema, slugSchema, tenantIdSchema, uuid } from "./common.ts";
import { flagKeySchema } from "./flag.ts";
import { defineRoutes } from "./route.ts";
import { SERVICE_NAMES } from "./vocabulary.ts";

/** "Which tenants are impacted by …?": the targets for which everything that is asked for holds, each with why. */
export const impactSchema = z
  .object({
    tenantId: tenantIdSchema,
    slug: slugSchema,
    targetId: uuid,
    planeName: z.string(),
    why: z.array(z.string()).meta({ example: ["runs release 7", "is in eu-west-1"] }),
  })
  .meta({ id: "Impact" });
export type Impact = z.output<typeof impactSchema>;

const filters = {
  release: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .meta({ description: "Runs it, or is being brought to it" }),
  service: z.enum(SERVICE_NAMES).optional().meta({ description: "With imageDigest: that service runs it" }),
  imageDigest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, { error: "must be sha256: and 64 hexadecimal digits" })
    .optional(),
  cluster: z.string().min(1).max(255).optional(),
  region: z.string().min(1).max(32).optional(),
  plane: planeNameSchema.optional(),
  flag: flagKeySchema.optional().meta({ description: "For whom it is on" }),
  driftCause: uuid.optional().meta({ description: "Its causeId" }),
  incident: uuid.optional(),
};

export const impactQuerySchema = z
  .strictObject({ ...pageQuery, ...filters })
  .refine((query) => Object.keys(filters).some((name) => query[name as keyof typeof filters] !== undefined), {
    error: `must name at least one of ${Object.keys(filters).join(", ")}`,
  });
export type ImpactQuery = z.output<typeof impactQuerySchema>;

export const impactRoutes = defineRoutes({
  impactGet: {
    method: "get",
    path: "/v1/control-plane/impact",
    tag: "Incidents",
    summary: "List the targets that something touches, newest first",
    description: "Of several filters all must hold.",
    role: "auditor",
    query: impactQuerySchema,
    status: 200,
    response: pageOf(impactSchema, "ImpactPage"),
    errors: [
      ...["release_not_found", "flag_not_found", "incident_not_found", "plane_not_found"],
      "drift_cause_not_found",
    ] as const,
  },
});
