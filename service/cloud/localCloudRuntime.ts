import { z } from "zod";
import { parseArn } from "./arn.ts";
import {
  type CloudResource,
  type CloudRuntime,
  CloudRuntimeError,
  type ServiceHealth,
  type ServiceHealthQuery,
  type TagQuery,
} from "./cloudRuntime.ts";

/** CloudRuntime over the local cloud's control API. */
export interface LocalCloudRuntimeOptions {
  /** Asked for each call, because the local cloud may have been restarted on another port. */
  controlUrl(): Promise<string>;
}

const REQUEST_TIMEOUT_MS = 10_000;
const PAGE_SIZE = 500;
/** A listing longer than this is no tenant's. */
const MAX_RESULTS = 10_000;

const Service = z.looseObject({
  arn: z.string(),
  name: z.string(),
  cluster: z.string(),
  desiredCount: z.number(),
  runningCount: z.number(),
  pendingCount: z.number(),
  rolloutState: z.string(),
  healthy: z.boolean(),
  status: z.string(),
  reason: z.string().optional(),
});
const Services = z.looseObject({ services: z.array(Service) });

const Resource = z.looseObject({
  type: z.string(),
  region: z.string(),
  id: z.string(),
  arn: z.string().nullish(),
  state: z.enum(["present", "scheduled_for_deletion"]),
  deletionAt: z.string().nullish(),
});
const ResourcePage = z.looseObject({ resources: z.array(Resource), nextCursor: z.string().nullish() });

export function createLocalCloudRuntime(options: LocalCloudRuntimeOptions): CloudRuntime {
  const get = async <T>(path: string, query: URLSearchParams, schema: z.ZodType<T>): Promise<T> => {
    const url = new URL(path, await reachable(options.controlUrl));
    url.search = query.toString();
    return request(url, schema);
  };

  return {
    async serviceHealth(query) {
      const search = new URLSearchParams({ region: query.region, cluster: query.cluster });
      search.set("tag.tenantry:tenant-id", query.tenantId);
      const { services } = await get("/v1/ecs/services", search, Services);
      if (services.length === 0) await requireCluster(get, query);
      const asked = services.filter(({ arn }) => query.serviceArns?.includes(arn) ?? true);
      return asked.map(health).sort(byName);
    },
    async listByTag(query) {
      const found: CloudResource[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await get("/v1/resources", resourceQuery(query, cursor), ResourcePage);
        found.push(...page.resources.filter((item) => isSeenFrom(query.region, item.region)).map(resource));
        if (found.length > MAX_RESULTS) throw tooMany(query);
        cursor = page.nextCursor;
      } while (cursor);
      return found.sort(byArn);
    },
  };
}

async function reachable(controlUrl: () => Promise<string>): Promise<string> {
  try {
    return await controlUrl();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `Cannot ask the local cloud: it could not be started. ${why}`;
    throw new CloudRuntimeError("cloud_unreachable", message, { retryable: true, cause });
  }
}

function resourceQuery(query: TagQuery, cursor: string | null | undefined): URLSearchParams {
  const search = new URLSearchParams({ limit: String(PAGE_SIZE) });
  for (const [key, value] of Object.entries(query.tags)) search.set(`tag.${key}`, value);
  if (cursor) search.set("cursor", cursor);
  return search;
}

/** What belongs to no region, such as roles, is listed from every region, as on AWS. */
function isSeenFrom(region: string, itsRegion: string): boolean {
  return itsRegion === region || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(itsRegion);
}

type Get = <T>(path: string, query: URLSearchParams, schema: z.ZodType<T>) => Promise<T>;

/** The control API lists services of no cluster as none; AWS says that the cluster is missing. */
async function requireCluster(get: Get, { region, cluster }: ServiceHealthQuery): Promise<void> {
  const id = cluster.slice(cluster.lastIndexOf("/") + 1);
  const search = new URLSearchParams({ type: "aws:ecs/cluster:Cluster", id, region });
  await get("/v1/resources/one", search, z.unknown());
}

async function request<T>(url: URL, schema: z.ZodType<T>): Promise<T> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    body = await response.json();
  } catch (cause) {
    const message = `Cannot ask the local cloud at ${url.origin}: it does not answer. Is it running?`;
    throw new CloudRuntimeError("cloud_unreachable", message, { retryable: true, cause });
  }
  if (!response.ok) throw refusal(url, response.status, body);
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const message = `Cannot read the local cloud's answer to ${url.pathname}: it has another shape than expected.`;
  throw new CloudRuntimeError("cloud_refused", message, { retryable: false, cause: parsed.error });
}

function refusal(url: URL, status: number, body: unknown): CloudRuntimeError {
  const { detail } = (body ?? {}) as { detail?: string };
  const missing = status === 404 && url.searchParams.get("type") === "aws:ecs/cluster:Cluster";
  return new CloudRuntimeError(
    missing ? "cluster_not_found" : "cloud_refused",
    `Cannot ask the local cloud (${url.pathname}): ${detail ?? `status ${status}`}`,
    { retryable: status >= 500 || status === 429 },
  );
}

function health(service: z.infer<typeof Service>): ServiceHealth {
  const { name, arn, desiredCount: desired, runningCount: running, pendingCount: pending } = service;
  const steady = service.rolloutState === "COMPLETED" && running === desired && pending === 0;
  const healthy = steady && service.healthy && service.status === "ACTIVE";
  const base = { name, arn, desired, running, pending, steady, healthy };
  return healthy ? base : { ...base, reason: service.reason ?? whyNot(service) };
}

function whyNot(service: z.infer<typeof Service>): string {
  if (service.status !== "ACTIVE") return `the service is ${service.status}`;
  if (service.rolloutState !== "COMPLETED") return `its deployment is ${service.rolloutState}`;
  if (!service.healthy) return "its tasks are unhealthy";
  return `${service.runningCount} of ${service.desiredCount} tasks run`;
}

function resource(found: z.infer<typeof Resource>): CloudResource {
  // What has no ARN in AWS gets a name of its own kind, so that a listing misses nothing.
  const arn = found.arn || `${found.type}/${found.id}`;
  const parts = parseArn(arn);
  return {
    arn,
    type: parts?.type ?? found.type.replace(/^aws:(\w+)\/(\w+):.*$/, "$1:$2"),
    id: parts?.id ?? found.id,
    state: found.state,
    ...(found.deletionAt && { deletionAt: found.deletionAt }),
  };
}

const byName = (a: ServiceHealth, b: ServiceHealth) => a.name.localeCompare(b.name);
const byArn = (a: CloudResource, b: CloudResource) => a.arn.localeCompare(b.arn);

function tooMany(query: TagQuery): CloudRuntimeError {
  return new CloudRuntimeError(
    "too_many_results",
    `Cannot list ${JSON.stringify(query.tags)} in ${query.region}: more than ${MAX_RESULTS} resources carry these tags.`,
    { retryable: false },
  );
}
