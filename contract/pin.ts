import { z } from "zod";
import {
  at,
  atInput,
  pageOf,
  pageQuery,
  planeNameSchema,
  reasonSchema,
  releaseNumberSchema,
  tenantIdSchema,
  uuid,
} from "./common.ts";
import { defineRoutes } from "./route.ts";
import { PIN_KINDS } from "./vocabulary.ts";

/** Why targets stay on their release: somebody pinned them, or they were rolled back on purpose. */
export const pinSchema = z
  .object({
    pinId: uuid,
    tenantId: tenantIdSchema,
    targetId: uuid.nullable().meta({ description: "Null: all targets of the tenant" }),
    releaseNumber: z.int().nullable().meta({ description: "Null: the one each target is on" }),
    kind: z.enum(PIN_KINDS).meta({ description: "rollback: held since a deliberate rollback" }),
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

export const pinCreateSchema = z
  .strictObject({
    tenantId: tenantIdSchema,
    planeName: planeNameSchema
      .optional()
      .meta({ description: "Only the target there; all targets of the tenant when left out" }),
    releaseNumber: releaseNumberSchema
      .optional()
      .meta({ description: "The one each target is on when left out" }),
    expiresAt: atInput.optional().meta({ description: "It holds until it is released when left out" }),
    reason: reasonSchema,
  })
  .meta({
    id: "PinCreate",
    example: { tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11", reason: "acceptance test until Friday" },
  });
export type PinCreate = z.output<typeof pinCreateSchema>;

export const pinListQuerySchema = z.strictObject({
  ...pageQuery,
  tenantId: tenantIdSchema.optional(),
  kind: z.enum(PIN_KINDS).optional(),
  released: z.stringbool().default(false).meta({ description: "Those that were released, too" }),
});
export type PinListQuery = z.output<typeof pinListQuerySchema>;

const base = "/v1/control-plane/pins";
const params = z.strictObject({ pinId: uuid });

export const pinRoutes = defineRoutes({
  pinCreate: {
    method: "post",
    path: base,
    tag: "Releases",
    summary: "Keep a tenant, or one of its targets, on a release",
    description:
      "Deployments of another release are refused unless forced, and rollouts pass it by. An earlier pin of the same tenant " +
      "or target is replaced.",
    role: "fleet_operator",
    body: pinCreateSchema,
    status: 201,
    response: pinSchema,
    errors: ["tenant_not_found", "target_missing", "release_not_found", "illegal_transition"],
  },
  pinList: {
    method: "get",
    path: base,
    tag: "Releases",
    summary: "List pins and holds, newest first",
    description: "Expired ones, which hold nothing, are marked `expired`.",
    role: "auditor",
    query: pinListQuerySchema,
    status: 200,
    response: pageOf(pinSchema, "PinPage"),
    errors: ["tenant_not_found"],
  },
  pinRelease: {
    method: "post",
    path: `${base}/:pinId/release`,
    tag: "Releases",
    summary: "Let the targets of a pin change again",
    role: "fleet_operator",
    params,
    body: z.strictObject({ reason: reasonSchema }).meta({ id: "PinRelease" }),
    status: 200,
    response: pinSchema,
    errors: ["pin_not_found"],
  },
});
