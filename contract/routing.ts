import { z } from "zod";
import { at, pageOf, pageQuery, planeNameSchema, reasonSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";
import { routeSchema, routingSnapshotSchema } from "./routingSnapshot.ts";

/** Routing as the API shows it: a plane's versions, what differs between them, going back and staying there. */
export const ROUTING_LIMITS = {
  /** How long a request may wait for the next version. */
  waitMs: 25_000,
  /** Requests that wait at once; past it they are answered at once. */
  waiting: 500,
  /** Routes of each kind that a diff shows; it counts them all. */
  diffRoutes: 500,
} as const;

const MOST_VERSIONS = 1_000_000_000;
const versionSchema = z.int().min(1).max(MOST_VERSIONS).meta({ example: 12 });
/** In a path or query, where everything is text. */
const sentVersionSchema = z.coerce.number().int().min(1).max(MOST_VERSIONS).meta({ example: 12 });

export const routingHoldSchema = z
  .object({
    version: versionSchema.meta({ description: "Whose content is held" }),
    heldAt: at,
    heldBy: z.string(),
    reason: z.string(),
  })
  .meta({ id: "RoutingHold" });
export type RoutingHold = z.output<typeof routingHoldSchema>;

export const routingVersionSchema = z
  .object({
    planeName: planeNameSchema,
    version: versionSchema,
    publishedAt: at,
    publishedBy: z.string(),
    reason: z.string().nullable(),
    routes: z.int().meta({ description: "How many" }),
    restores: z.int().nullable().meta({ description: "The version whose content it brought back" }),
    sharedHost: z.string().nullable(),
    checksum: z.string(),
    keyId: z.string(),
    signature: z.string(),
  })
  .meta({ id: "RoutingVersion" });
export type RoutingVersion = z.output<typeof routingVersionSchema>;

export const routingStatusSchema = z
  .object({
    planeName: planeNameSchema,
    newest: routingVersionSchema.nullable().meta({ description: "null before the plane's first route" }),
    hold: routingHoldSchema
      .nullable()
      .meta({ description: "While there is one, routes stay where they are: see routingRollback" }),
    store: z
      .object({
        version: z.int().nullable(),
        checksum: z.string().nullable(),
        problem: z.string().nullable(),
      })
      .meta({ description: "What lies where the routers read it" }),
  })
  .meta({ id: "RoutingStatus" });
export type RoutingStatus = z.output<typeof routingStatusSchema>;

const routeChangeSchema = z.object({ host: z.string(), before: routeSchema, after: routeSchema });

export const routingDiffSchema = z
  .object({
    planeName: planeNameSchema,
    from: versionSchema,
    to: versionSchema,
    counts: z.object({ added: z.int(), removed: z.int(), changed: z.int(), same: z.int() }),
    added: z.array(routeSchema),
    removed: z.array(routeSchema),
    changed: z.array(routeChangeSchema),
    sharedHost: z.object({ before: z.string().nullable(), after: z.string().nullable() }),
    services: z.object({ added: z.array(z.string()), removed: z.array(z.string()) }),
  })
  .meta({ id: "RoutingDiff" });
export type RoutingDiff = z.output<typeof routingDiffSchema>;

export const routingPublishSchema = z
  .strictObject({ reason: reasonSchema.optional() })
  .meta({ id: "RoutingPublish", example: { reason: "the bucket was restored" } });
export type RoutingPublish = z.output<typeof routingPublishSchema>;

export const routingRollbackSchema = z
  .strictObject({ toVersion: versionSchema, reason: reasonSchema })
  .meta({ id: "RoutingRollback", example: { toVersion: 11, reason: "acme was moved to the wrong target" } });
export type RoutingRollback = z.output<typeof routingRollbackSchema>;

export const routingReleaseSchema = z
  .strictObject({ reason: reasonSchema })
  .meta({ id: "RoutingRelease", example: { reason: "acme's target is the right one again" } });
export type RoutingRelease = z.output<typeof routingReleaseSchema>;

/** What a publication, rollback or release has come to. */
export const routingOutcomeSchema = z
  .object({
    planeName: planeNameSchema,
    newest: routingVersionSchema,
    changed: z.boolean().meta({ description: "false: the newest version said the same already" }),
    hold: routingHoldSchema.nullable(),
    leftOut: z
      .array(z.object({ host: z.string(), targetId: uuid, why: z.string() }))
      .meta({ description: "Of a rollback: routes that could not be brought back, the first 500" }),
  })
  .meta({ id: "RoutingOutcome" });
export type RoutingOutcome = z.output<typeof routingOutcomeSchema>;

export const routingLatestQuerySchema = z.strictObject({
  waitMs: z.coerce
    .number()
    .int()
    .min(0)
    .max(ROUTING_LIMITS.waitMs)
    .default(0)
    .meta({ description: "With If-None-Match: wait so long for another version before answering 304" }),
});
export type RoutingLatestQuery = z.output<typeof routingLatestQuerySchema>;

export const routingVersionListQuerySchema = z.strictObject(pageQuery);
export type RoutingVersionListQuery = z.output<typeof routingVersionListQuerySchema>;

export const routingDiffQuerySchema = z.strictObject({
  from: sentVersionSchema,
  to: sentVersionSchema.optional().meta({ description: "The newest when left out" }),
});
export type RoutingDiffQuery = z.output<typeof routingDiffQuerySchema>;

const base = "/v1/control-plane/planes/:planeName/routing";
const params = z.strictObject({ planeName: planeNameSchema });
const ifMatch = "Send If-Match with the newest version's number to change only what you have seen.";
const versionParams = params.extend({ version: sentVersionSchema });

export const routingRoutes = defineRoutes({
  routingLatest: {
    method: "get",
    path: base,
    tag: "Routing",
    summary: "Get a plane's newest routing snapshot",
    description:
      "Has an ETag; with If-None-Match and waitMs it is a long poll: answered when there is another version, else 304. " +
      "Routers that cannot reach the plane's bucket or folder can live on it.",
    role: "auditor",
    params,
    query: routingLatestQuerySchema,
    status: 200,
    tagged: true,
    response: routingSnapshotSchema,
    errors: ["plane_not_found", "routing_version_not_found"],
  },
  routingStatus: {
    method: "get",
    path: `${base}/status`,
    tag: "Routing",
    summary: "Which version a plane's routing is at, whether it is held, and what its store has",
    role: "auditor",
    params,
    status: 200,
    response: routingStatusSchema,
    errors: ["plane_not_found"],
  },
  routingVersionList: {
    method: "get",
    path: `${base}/versions`,
    tag: "Routing",
    summary: "List the versions of a plane's routing, newest first",
    role: "auditor",
    params,
    query: routingVersionListQuerySchema,
    status: 200,
    response: pageOf(routingVersionSchema, "RoutingVersionPage"),
    errors: ["plane_not_found"],
  },
  routingVersionGet: {
    method: "get",
    path: `${base}/versions/:version`,
    tag: "Routing",
    summary: "Get a version of a plane's routing as it was signed",
    role: "auditor",
    params: versionParams,
    status: 200,
    response: routingSnapshotSchema,
    errors: ["plane_not_found", "routing_version_not_found"],
  },
  routingDiff: {
    method: "get",
    path: `${base}/diff`,
    tag: "Routing",
    summary: "What differs between two versions of a plane's routing",
    role: "auditor",
    params,
    query: routingDiffQuerySchema,
    status: 200,
    response: routingDiffSchema,
    errors: ["plane_not_found", "routing_version_not_found"],
  },
  routingPublish: {
    method: "post",
    path: `${base}/publish`,
    tag: "Routing",
    summary: "Compute a plane's routing anew and put it into its store",
    description:
      "It is published by itself when a target changes; this is for a store that was lost. No new version when nothing differs. " +
      "A hold stays: the answer tells of it.",
    role: "fleet_operator",
    params,
    body: routingPublishSchema,
    bodyOptional: true,
    status: 200,
    response: routingOutcomeSchema,
    errors: ["plane_not_found", "routing_store_unavailable"],
  },
  routingRollback: {
    method: "post",
    path: `${base}/rollback`,
    tag: "Routing",
    summary: "Bring back the content of an older version, and hold it",
    description:
      "Makes a new version, so that every router takes it. It is held until it is released: targets that change meanwhile " +
      `stay where the old version had them. Whether they are answered for still follows the tenants: who is suspended or gone stays so. ${ifMatch}`,
    role: "fleet_operator",
    params,
    body: routingRollbackSchema,
    status: 200,
    response: routingOutcomeSchema,
    ifMatch: "record",
    errors: [
      ...["plane_not_found", "routing_version_not_found", "routing_store_unavailable"],
      "version_conflict",
    ] as const,
  },
  routingRelease: {
    method: "post",
    path: `${base}/release`,
    tag: "Routing",
    summary: "End the hold after a rollback and publish what the targets say",
    description: ifMatch,
    role: "fleet_operator",
    params,
    body: routingReleaseSchema,
    status: 200,
    response: routingOutcomeSchema,
    ifMatch: "record",
    errors: ["plane_not_found", "routing_not_held", "routing_store_unavailable", "version_conflict"],
  },
});
