import { z } from "zod";
import { at, releaseNumberSchema, tenantIdSchema, uuid } from "./common.ts";
import { PIN_KINDS } from "./vocabulary.ts";

export const pinSchema = z
  .object({
    pinId: uuid,
    tenantId: tenantIdSchema,
    targetId: uuid.nullable().meta({ description: "Null: all targets of the tenant" }),
    releaseNumber: releaseNumberSchema.nullable().meta({ description: "Null: the one each target is on" }),
    kind: z.enum(PIN_KINDS),
    reason: z.string(),
    createdBy: z.string(),
    createdAt: at,
    expiresAt: at.nullable(),
    expired: z.boolean().meta({ description: "An expired pin holds nothing any more" }),
    releasedAt: at.nullable(),
    releasedBy: z.string().nullable(),
    releaseReason: z.string().nullable(),
  })
  .meta({ id: "Pin" });
export type Pin = z.output<typeof pinSchema>;
