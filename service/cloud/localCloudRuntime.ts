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
import { localDataCalls } from "./localCloudData.ts";
import { localUsage } from "./localCloudUsage.ts";
import { createLocalControl, type LocalControl, type Question } from "./localControl.ts";

/** CloudRuntime over the local cloud's control API. */
export interface LocalCloudRuntimeOptions {
  /** Asked for each call, because the local cloud may have been restarted on another port. */
  controlUrl(): Promise<string>;
}

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
  const control = createLocalControl(options.controlUrl);
  const servicesOf = async (query: ServiceHealthQuery) => {
    const { region, accountId: account, cluster, tenantId } = query;
    const asked = { region, account, cluster, "tag.tenantry:tenant-id": tenantId };
    const { services } = await control.ask({ path: "/v1/ecs/services", query: asked }, Services);
    if (services.length === 0) await requireCluster(control, query);
    return services.filter(({ arn }) => query.serviceArns?.includes(arn) ?? true);
  };

  return {
    ...localDataCalls(control),
    serviceHealth: async (query) => (await servicesOf(query)).map(health).sort(byName),
    async listByTag(query) {
      const found: CloudResource[] = [];
      let cursor: string | null | undefined;
      do {
        const question = { path: "/v1/resources", query: resourceQuery(query, cursor) };
        const page = await control.ask(question, ResourcePage);
        found.push(...page.resources.filter((item) => isSeenFrom(query.region, item.region)).map(resource));
        if (found.length > MAX_RESULTS) throw tooMany(query);
        cursor = page.nextCursor;
      } while (cursor);
      return found.sort(byArn);
    },
    usage: (query) => localUsage(control, query),
    async restartServices(query) {
      const services = await servicesOf(query);
      for (const { arn } of services) {
        const question = { path: "/v1/ecs/services/restart", body: { arn }, permit: query.permit };
        await control.ask({ method: "POST", ...question }, z.unknown());
      }
      return { services: services.length };
    },
  };
}

function resourceQuery(query: TagQuery, cursor: string | null | undefined): NonNullable<Question["query"]> {
  const tags = Object.entries(query.tags).map(([key, value]) => [`tag.${key}`, value]);
  return {
    ...Object.fromEntries(tags),
    limit: String(PAGE_SIZE),
    account: query.accountId,
    cursor: cursor ?? undefined,
  };
}

/** What belongs to no region, such as roles, is listed from every region, as on AWS. */
function isSeenFrom(region: string, itsRegion: string): boolean {
  return itsRegion === region || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(itsRegion);
}

/** The control API lists services of no cluster as none; AWS says that the cluster is missing. */
async function requireCluster(control: LocalControl, query: ServiceHealthQuery): Promise<void> {
  const { region, accountId: account, cluster } = query;
  const id = cluster.slice(cluster.lastIndexOf("/") + 1);
  const asked = { type: "aws:ecs/cluster:Cluster", id, region, account };
  await control.ask({ path: "/v1/resources/one", query: asked }, z.unknown());
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
