import { z } from "zod";
import type { Cloud } from "../context.ts";
import { createContext, keyOf, storeProperties } from "../context.ts";
import { OUT_OF_BAND_KEY } from "../provider/lifecycle.ts";
import type { Properties, Value } from "../resourceType.ts";
import { GLOBAL_REGION } from "../resourceType.ts";
import type { ResourceFilter, ResourceRecord } from "../store/store.ts";
import { isList, isObject, object, prune, text, texts } from "../values.ts";
import { Problem } from "./problem.ts";
import type { ControlRequest, Routes } from "./router.ts";
import { validated } from "./router.ts";

const DEFAULT_PAGE = 1_000;
const MAX_PAGE = 10_000;

const ListQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
  cursor: z.coerce.number().int().min(0).default(0),
});

const Json: z.ZodType<Value> = z.json();
const ChangeRequest = z.strictObject({ properties: z.record(z.string(), Json) });

/** Listing, and what somebody else does to the account behind Pulumi's back. */
export function resourceRoutes(cloud: Cloud): Routes {
  return {
    "GET /v1/resources": (request) => listResources(cloud, request),
    "GET /v1/resources/one": (request) => describe(cloud, findOne(cloud, request)),
    "PATCH /v1/resources/one": async (request) => {
      const { properties } = await request.body(ChangeRequest);
      return changeResource(cloud, findOne(cloud, request), properties);
    },
    "DELETE /v1/resources/one": (request) => {
      const found = findOne(cloud, request);
      cloud.store.transaction(() => cloud.store.remove(keyOf(found)));
    },
  };
}

function listResources(cloud: Cloud, request: ControlRequest) {
  const page = validated(
    { limit: request.query.get("limit") ?? undefined, cursor: request.query.get("cursor") ?? undefined },
    ListQuery,
  );
  const found = cloud.store.transaction(() =>
    cloud.store.list({
      ...readFilter(request.query),
      afterSequence: page.cursor,
      limit: page.limit + 1,
    }),
  );
  const shown = found.slice(0, page.limit);
  const last = found.length > page.limit ? shown.at(-1) : undefined;
  return {
    resources: shown.map((resource) => describe(cloud, resource)),
    ...(last === undefined ? {} : { nextCursor: String(last.sequence) }),
  };
}

/** `type`, `account`, `region` and any number of `tag.<key>`. */
export function readFilter(query: URLSearchParams): ResourceFilter {
  const tags = [...query.entries()]
    .filter(([key]) => key.startsWith("tag."))
    .map(([key, value]) => [key.slice("tag.".length), value]);
  const filter: Record<string, string> = {};
  for (const key of ["type", "account", "region"]) {
    const value = query.get(key);
    if (value !== null) filter[key] = value;
  }
  return { ...filter, tags: Object.fromEntries(tags) };
}

function findOne(cloud: Cloud, request: ControlRequest): ResourceRecord {
  const { query } = request;
  const type = query.get("type");
  const id = query.get("id") ?? query.get("arn");
  if (type === null || id === null) {
    throw new Problem(422, "invalid", "Cannot find the object: type and id must be given in the query.");
  }
  const region = query.get("region");
  const { tags: _, ...where } = readFilter(query);
  const filter = { ...where, ...(region === null ? {} : { region: regionOf(cloud, type, region) }) };
  const exact = cloud.store.list({ ...filter, called: id });
  const matches =
    exact.length > 0 ? exact : cloud.store.list(filter).filter((resource) => displayName(resource) === id);
  const [found, another] = matches;
  if (found === undefined) throw new Problem(404, "not_found", `Cannot find ${type} ${id}.`);
  if (another !== undefined) {
    throw new Problem(
      409,
      "ambiguous",
      `Cannot choose among several ${type} ${id}: give region and account.`,
    );
  }
  return found;
}

/** Objects of global services are kept apart; callers may name their own region all the same. */
function regionOf(cloud: Cloud, type: string, region: string): string {
  return cloud.catalogue.resourceType(type)?.scope === "global" ? GLOBAL_REGION : region;
}

function changeResource(cloud: Cloud, resource: ResourceRecord, changes: Properties) {
  return cloud.store.transaction(() => {
    const properties = prune(mergeTop(resource.properties, changes));
    const tagged: Properties =
      changes.tags === undefined || cloud.catalogue.resourceType(resource.type)?.taggable !== true
        ? properties
        : { ...properties, tagsAll: properties.tags };
    storeProperties(cloud, resource, tagged);
    const before = isList(resource.runtime[OUT_OF_BAND_KEY]) ? texts(resource.runtime, OUT_OF_BAND_KEY) : [];
    const changed = [...new Set([...before, ...Object.keys(changes)])];
    cloud.store.change(keyOf(resource), { runtime: { ...resource.runtime, [OUT_OF_BAND_KEY]: changed } });
    return describe(cloud, cloud.store.find(keyOf(resource)) ?? resource);
  });
}

/** Objects merge at every depth, null removes, anything else replaces. */
function mergeTop(current: Properties, changes: Properties): Properties {
  const result: Record<string, Value | undefined> = { ...current };
  for (const [key, change] of Object.entries(changes)) {
    const old = current[key];
    if (change === null) result[key] = undefined;
    else result[key] = isObject(old) && isObject(change) ? mergeTop(old, change) : change;
  }
  return result;
}

function displayName(resource: ResourceRecord): string {
  const { properties } = resource;
  return (
    text(properties, "name") ??
    text(properties, "bucket") ??
    text(properties, "identifier") ??
    resource.name ??
    text(object(properties, "tags") ?? {}, "Name") ??
    resource.id
  );
}

const HIDDEN = "[secret]";

export function describe(cloud: Cloud, resource: ResourceRecord) {
  const type = cloud.catalogue.resourceType(resource.type);
  const context = createContext(cloud, {
    account: resource.account,
    region: resource.region,
    callerArn: `arn:aws:iam::${resource.account}:root`,
  });
  const live = prune({ ...resource.properties, ...type?.read?.(resource, context) });
  const hidden = Object.fromEntries(
    (type?.secret ?? []).filter((key) => key in live).map((key) => [key, HIDDEN]),
  );
  return {
    account: resource.account,
    region: resource.region,
    type: resource.type,
    id: resource.id,
    ...(resource.arn === undefined ? {} : { arn: resource.arn }),
    name: displayName(resource),
    state: resource.state,
    ...(resource.deletionAt === undefined ? {} : { deletionAt: resource.deletionAt }),
    tags: object(resource.properties, "tagsAll") ?? object(resource.properties, "tags") ?? {},
    properties: { ...live, ...hidden },
    createdAt: resource.createdAt,
  };
}
