import { z } from "zod";
import { at, pageOf, pageQuery, planeNameSchema, reasonSchema, tenantIdSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";
import { routingHoldSchema } from "./routing.ts";

/** Names of their own that tenants answer at, once the DNS says that they may. */
export const DOMAIN_LIMITS = {
  nameChars: 253,
  /** Of one tenant at once, whatever their status. */
  perTenant: 50,
  /** A claim that is not verified by then is given up. */
  claimMs: 7 * 86_400_000,
  /** How often a verified domain is looked at again. */
  verifyEveryMs: 24 * 3_600_000,
  /** How long a verified domain stays routed after its record was first found missing. */
  graceMs: 72 * 3_600_000,
  /** How often a claim is looked at by itself, at first and at most. */
  claimLookMs: 60_000,
  claimLookMaxMs: 3_600_000,
} as const;

/** Where the record is looked for: `<this>.<domain>`. */
export const CHALLENGE_LABEL = "_tenantry-challenge";

export const DOMAIN_STATUSES = ["pending", "verified", "lapsed", "expired", "removed"] as const;
export type DomainStatus = (typeof DOMAIN_STATUSES)[number];

export const domainSchema = z
  .object({
    domainId: uuid,
    tenantId: tenantIdSchema,
    planeName: planeNameSchema.meta({ description: "Whose router answers for it" }),
    domain: z
      .string()
      .meta({ description: "As DNS has it: lower case, punycode", example: "xn--bcher-kva.example" }),
    displayName: z.string().meta({ description: "As people read it", example: "bücher.example" }),
    status: z.enum(DOMAIN_STATUSES).meta({
      description:
        "pending: claimed; verified: routed; lapsed: its record was gone for too long; expired: never verified; removed",
    }),
    challenge: z
      .object({ recordName: z.string(), recordType: z.literal("TXT"), value: z.string() })
      .meta({ description: "The DNS record that verifies it; it must stay" }),
    verifiedAt: at.nullable(),
    failingSince: at.nullable().meta({ description: "Verified, and its record is missing since" }),
    checkedAt: at.nullable(),
    problem: z.string().nullable().meta({ description: "What the last look found wrong" }),
    nextCheckAt: at.nullable(),
    recordVersion: z.int(),
    createdAt: at,
    createdBy: z.string(),
    updatedAt: at,
    removedAt: at.nullable(),
  })
  .meta({ id: "Domain" });
export type Domain = z.output<typeof domainSchema>;

export const domainCreateSchema = z
  .strictObject({
    domain: z.string().min(1).max(DOMAIN_LIMITS.nameChars).meta({
      description: "Unicode or punycode; no wildcard, no address, nothing under a plane's own domain",
    }),
    planeName: planeNameSchema
      .optional()
      .meta({ description: "Needed when the tenant has more than one plane" }),
    reason: reasonSchema.optional(),
  })
  .meta({ id: "DomainCreate", example: { domain: "app.acme.example" } });
export type DomainCreate = z.output<typeof domainCreateSchema>;

export const domainVerifySchema = z
  .strictObject({ reason: reasonSchema.optional() })
  .meta({ id: "DomainVerify", example: {} });
export type DomainVerify = z.output<typeof domainVerifySchema>;

export const domainVerifiedSchema = domainSchema
  .extend({
    waitsForRelease: routingHoldSchema.nullable().meta({
      description:
        "The plane's routing is held at an older version without the domain: it is routed when the hold is released (routingRelease). null: nothing is in its way",
    }),
  })
  .meta({ id: "DomainVerified" });
export type DomainVerified = z.output<typeof domainVerifiedSchema>;

export const domainListQuerySchema = z.strictObject({
  ...pageQuery,
  removed: z.stringbool().default(false).meta({ description: "Those that were removed, too" }),
});
export type DomainListQuery = z.output<typeof domainListQuerySchema>;

const base = "/v1/control-plane/tenants/:tenantId/domains";
const params = z.strictObject({ tenantId: tenantIdSchema });
const ifMatch = "Send If-Match with the record version to change only what you have read.";
const domainParams = params.extend({ domainId: uuid });

export const domainRoutes = defineRoutes({
  domainCreate: {
    method: "post",
    path: base,
    tag: "Domains",
    summary: "Claim a domain for a tenant",
    description:
      "Answers with the TXT record that proves it. Several tenants may claim a domain, only one can have it verified.",
    role: "fleet_operator",
    params,
    body: domainCreateSchema,
    status: 201,
    response: domainSchema,
    errors: [
      ...["tenant_not_found", "plane_not_found", "plane_not_dedicated", "target_missing"],
      ...["illegal_transition", "domain_refused", "duplicate_domain", "too_many_domains"],
    ] as const,
  },
  domainList: {
    method: "get",
    path: base,
    tag: "Domains",
    summary: "List a tenant's domains, newest first",
    role: "auditor",
    params,
    query: domainListQuerySchema,
    status: 200,
    response: pageOf(domainSchema, "DomainPage"),
    errors: ["tenant_not_found"],
  },
  domainGet: {
    method: "get",
    path: `${base}/:domainId`,
    tag: "Domains",
    summary: "Get a domain of a tenant",
    role: "auditor",
    params: domainParams,
    status: 200,
    response: domainSchema,
    errors: ["tenant_not_found", "domain_not_found"],
  },
  domainVerify: {
    method: "post",
    path: `${base}/:domainId/verify`,
    tag: "Domains",
    summary: "Look for a domain's record now, and route the domain when it is there",
    description: `The service looks by itself too. A domain that another tenant had verified passes to this one when that one's record is gone. Where a routing rollback holds the plane, \`waitsForRelease\` says so. ${ifMatch}`,
    role: "fleet_operator",
    params: domainParams,
    body: domainVerifySchema,
    bodyOptional: true,
    status: 200,
    response: domainVerifiedSchema,
    ifMatch: "record",
    errors: [
      ...["tenant_not_found", "domain_not_found", "domain_not_verified", "domain_taken"],
      ...["dns_unavailable", "version_conflict"],
    ] as const,
  },
  domainDelete: {
    method: "delete",
    path: `${base}/:domainId`,
    tag: "Domains",
    summary: "Give a domain up; it is no longer routed",
    description: ifMatch,
    role: "fleet_operator",
    params: domainParams,
    query: z.strictObject({ reason: reasonSchema.optional() }),
    status: 200,
    response: domainSchema,
    ifMatch: "record",
    errors: ["tenant_not_found", "domain_not_found", "version_conflict"],
  },
});
