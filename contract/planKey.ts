import { z } from "zod";

/** Which plans there are is data (registry/plan.ts); here is only what a key may look like. */
export const planKeySchema = z
  .string()
  .max(40)
  .regex(/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/, {
    error: "must be a plan's key: lowercase letters, digits and hyphens, a letter first",
  })
  .meta({ id: "PlanKey", example: "starter" });

export const planVersionNumberSchema = z.int().min(1).max(1_000_000).meta({ example: 1 });
